"""One examination under two patient ids: a patient's images that were sorted into two folders.

Such images have other pixels and other instances, so nothing else tells; what they have in common are the
StudyInstanceUID of the examination and, where the scanner writes one, the FrameOfReferenceUID of its coordinates. Of
every patient `study_marks` are kept; only patients that share one are looked at again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from cmrpipe.checks.finding import finding
from cmrpipe.checks.twopatients import CROWD, Key, mark
from cmrpipe.codes import FindingCode as Code
from cmrpipe.layouts import DICOMS
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Finding, ImageRecord

STUDY, FRAME = "StudyInstanceUID", "FrameOfReferenceUID"
MOST = 0.5
"""Share of a patient's images from which they are the patient, and not some that lie in the wrong folder."""

Images: TypeAlias = dict[str, ImageRecord]
"""By path."""


def _keys(image: ImageRecord) -> Iterator[Key]:
    if image.error:
        return
    if image.study_uid:
        yield STUDY, image.study_uid
    if image.frame_of_reference_uid:
        yield FRAME, image.frame_of_reference_uid


def study_marks(images: Iterable[ImageRecord]) -> tuple[str, ...]:
    """What has to be known of a patient's images to see that another patient has some of their examination, sorted."""
    return tuple(sorted({mark(key) for image in images for key in _keys(image)}))


@dataclass(frozen=True, slots=True)
class _Both:
    """What two patients have in common.

    Attributes
    ----------
    tag : the identifier, that of the study if it is one of them
    images : of either, those that have one in common
    """

    tag: str
    images: tuple[Images, Images]


def check_studies(labels: Mapping[str, PatientLabels]) -> Iterator[Finding]:
    """Patients of one examination, and images of another patient's.

    Where the images in common are half of both patients' or more, both patients are told, and filed under the patient:
    they are one person. Else these images are told, of the patient whose smaller part they are. An identifier that more
    than `CROWD` patients have was given to everybody by a program: it tells nobody apart, and is told of the set.

    Parameters
    ----------
    labels : patients that may share an examination (see `study_marks`)
    """
    owners: dict[Key, dict[str, Images]] = defaultdict(lambda: defaultdict(dict))
    for patient, own in sorted(labels.items()):
        for image in own.images:
            for key in _keys(image):
                owners[key][patient][image.path] = image
    yield from _crowds(owners)
    totals = {patient: sum(not image.error for image in own.images) for patient, own in labels.items()}
    whole: dict[str, list[tuple[str, _Both]]] = defaultdict(list)
    told: set[str] = set()
    for (one, other), both in _by_patients(owners):
        mostly = [len(own) >= MOST * totals[name] for own, name in zip(both.images, (one, other), strict=True)]
        if all(mostly):
            whole[one].append((other, both))
            whole[other].append((one, _Both(both.tag, both.images[::-1])))
            continue
        twos = ((one, both.images[0], other, both.images[1]), (other, both.images[1], one, both.images[0]))
        for most, (name, mine, theirs, others) in zip(mostly, twos, strict=True):
            for path, image in mine.items():
                if not most and path not in told:
                    told.add(path)
                    yield _image_told(name, image, theirs, both.tag, min(others))
    for name, twins in sorted(whole.items()):
        yield _told(name, twins, totals)


def _by_patients(owners: Mapping[Key, Mapping[str, Images]]) -> Iterator[tuple[tuple[str, str], _Both]]:
    """For every two patients what they have in common; what a crowd has says nothing."""
    found: dict[tuple[str, str], dict[str, tuple[Images, Images]]] = defaultdict(dict)
    for (tag, _), having in owners.items():
        if len(having) > CROWD:
            continue
        for one, other in combinations(sorted(having), 2):
            mine, theirs = found[one, other].setdefault(str(tag), ({}, {}))
            mine.update(having[one])
            theirs.update(having[other])
    for patients, by_tag in sorted(found.items()):
        mine, theirs = ({path: i for images in by_tag.values() for path, i in images[k].items()} for k in (0, 1))
        yield patients, _Both(STUDY if STUDY in by_tag else FRAME, (mine, theirs))


def _crowds(owners: Mapping[Key, Mapping[str, Images]]) -> Iterator[Finding]:
    """One finding for each identifier that everybody was given."""
    for tag in (STUDY, FRAME):
        crowds = [having for key, having in owners.items() if key[0] == tag and len(having) > CROWD]
        if crowds:
            largest = max(crowds, key=len)
            names = sorted(largest)
            yield finding(
                Code.STUDY_IN_TWO_PATIENTS,
                f"{len(names)} patients ({', '.join(names[:3])} ...) have one {tag}: a program seems to have given it "
                "to everybody, so that it does not tell whether one person stands under two ids, and nothing is left "
                "out for it. Find out at the source, and export with identifiers of their own.",
                path=DICOMS,
                patients=len(names),
            )


def _told(patient: str, twins: Sequence[tuple[str, _Both]], totals: Mapping[str, int]) -> Finding:
    """The finding for a patient, with the first of those that are of the same examination."""
    other, both = twins[0]
    mine, theirs = both.images
    further = len(twins) - 1
    more = f" (and {further} further patient{'' if further == 1 else 's'})" if further else ""
    return finding(
        Code.STUDY_IN_TWO_PATIENTS,
        f"{patient} and {other}{more} seem to be one person: {len(mine)} of {totals[patient]} images here and "
        f"{len(theirs)} of {totals[other]} there are of one examination (one {both.tag}; first: {min(mine)} and "
        f"{min(theirs)}). Put them under one id; where they are two people, overrule with `keep`.",
        patient_id=patient,
        path=f"{DICOMS}/{patient}",
        other_patient=other,
        patients=len(twins),
        images=len(mine),
        other_images=len(theirs),
        identifier=both.tag,
    )


def _image_told(patient: str, image: ImageRecord, other: str, tag: str, twin: str) -> Finding:
    return finding(
        Code.STUDY_IN_TWO_PATIENTS,
        f"{image.path} has the {tag} of {other} ({twin}), and is one of the fewer images of {patient}. Find out whose "
        "image it is, and move it; where it is right, overrule with `keep`.",
        patient_id=patient,
        number=image_number(image),
        path=image.path,
        other_patient=other,
        same_as=twin,
        identifier=tag,
    )
