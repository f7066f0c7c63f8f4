"""One examination under two patient ids: a patient's images that were sorted into two folders.

Such images have other pixels and other instances, so nothing else tells; what they have in common are the
StudyInstanceUID of the examination and, where the scanner writes one, the FrameOfReferenceUID of its coordinates. Of
every patient `study_marks` are kept; only patients that share one are looked at again.

Programs that remove names often write one identifier for everybody, `1.2.3` say. So one alone does not leave patients
out: a second one has to agree, or the plane that the images lie in. And what most of a set has is everybody's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from cmrpipe.checks.finding import finding, of_patient
from cmrpipe.checks.twopatients import Key, everybodys, mark
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.nouns import counted
from cmrpipe.readers.layouts import DICOMS
from cmrpipe.slices import normal, same_axis

STUDY, FRAME, SERIES = "StudyInstanceUID", "FrameOfReferenceUID", "SeriesInstanceUID"
EXAMINATION = (STUDY, FRAME)
"""Identifiers by which two patients are held against each other; a series in common counts beside them."""
MOST = 0.5
"""Share of a patient's images from which they are the patient, and not some that lie in the wrong folder."""
FACTS = 2
"""What has to agree before two patients are one."""
SAME_PLANE = 1e-3
"""Difference up to which the six numbers of two orientations are one: scanners write six digits."""
OBLIQUE_COSINE = 0.99
"""Largest part of a normal along an axis of the body from which many patients' images lie so."""

Images: TypeAlias = dict[str, ImageRecord]
"""By path."""
Owners: TypeAlias = Mapping[Key, Mapping[str, Images]]
"""Images by identifier and patient."""


def _keys(image: ImageRecord) -> Iterator[Key]:
    if image.error:
        return
    if image.study_uid:
        yield STUDY, image.study_uid
    if image.frame_of_reference_uid:
        yield FRAME, image.frame_of_reference_uid
    if image.series_uid:
        yield SERIES, image.series_uid


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


def check_studies(labels: Mapping[str, PatientLabels], patients: int) -> Iterator[Finding]:
    """Patients of one examination, and images of another patient's.

    Where the images in common are half of both patients' or more, and two facts agree, both patients are told, and
    filed under the patient: they are one person. Where one identifier is all that agrees, it is told once, and leaves
    nothing out. Where the images are fewer, these are told, of the patient whose smaller part they are. An identifier
    that more than `CROWD` patients have, or three or more who are most of the set, was given to everybody by a program:
    it tells nobody apart, and is told of the set.

    Parameters
    ----------
    labels : patients that may share an examination (see `study_marks`)
    patients : how many the set has
    """
    owners: dict[Key, dict[str, Images]] = defaultdict(lambda: defaultdict(dict))
    for patient, own in sorted(labels.items()):
        for image in own.images:
            for key in _keys(image):
                owners[key][patient][image.path] = image
    crowds = {key for key, having in owners.items() if everybodys(len(having), patients)}
    yield from _crowds({key: owners[key] for key in crowds})
    totals = {patient: sum(not image.error for image in own.images) for patient, own in labels.items()}
    whole: dict[str, list[tuple[str, _Both]]] = defaultdict(list)
    alone: dict[Key, set[str]] = defaultdict(set)
    told: set[str] = set()
    for (one, other), shared in _by_patients({key: owners[key] for key in owners.keys() - crowds}):
        both = _both(shared)
        mostly = [len(own) >= MOST * totals[name] for own, name in zip(both.images, (one, other), strict=True)]
        if all(mostly) and not _agree(shared):
            alone[min(key for key in shared if key[0] == both.tag)] |= {one, other}
            continue
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
    for (tag, _), names in sorted(alone.items()):
        yield _identifier_told(str(tag), sorted(names))
    for name, twins in sorted(whole.items()):
        yield _told(name, twins, totals)


Shared: TypeAlias = dict[Key, tuple[Images, Images]]
"""What two patients have in common, by identifier."""


def _by_patients(owners: Owners) -> Iterator[tuple[tuple[str, str], Shared]]:
    """For every two patients what they have in common, an identifier of the examination at least."""
    found: dict[tuple[str, str], Shared] = defaultdict(dict)
    for key, having in owners.items():
        for one, other in combinations(sorted(having), 2):
            found[one, other][key] = having[one], having[other]
    for patients, shared in sorted(found.items(), key=lambda item: item[0]):
        if any(tag in EXAMINATION for tag, _ in shared):
            yield patients, shared


def _both(shared: Shared) -> _Both:
    by_examination = {key: images for key, images in shared.items() if key[0] in EXAMINATION}
    mine, theirs = ({path: i for images in by_examination.values() for path, i in images[k].items()} for k in (0, 1))
    return _Both(STUDY if any(tag == STUDY for tag, _ in by_examination) else FRAME, (mine, theirs))


def _agree(shared: Shared) -> bool:
    """Whether enough facts speak for one examination: different identifiers, and one oblique plane.

    One text that was written for several identifiers is one of them. A series whose images lie in other directions in
    either patient, or count from the same number, is none, and its identifiers mean nothing.
    """
    one_plane = any(_one_plane(*images) for images in shared.values())
    for (tag, _), (mine, theirs) in shared.items():
        if tag == SERIES and not one_plane and not (_parallel(mine, theirs) and _numbered_on(mine, theirs)):
            return False
    return len({uid for _, uid in shared}) + one_plane >= FACTS


def _parallel(mine: Images, theirs: Images) -> bool:
    """Whether some images of both lie in one direction, as far as their headers tell."""
    here, there = ({n for image in own.values() if (n := normal(image)) is not None} for own in (mine, theirs))
    return not (here and there) or any(same_axis(a, b) for a in here for b in there)


def _numbered_on(mine: Images, theirs: Images) -> bool:
    """Whether no two images, one of each, have one InstanceNumber without being one instance."""
    numbers: dict[int | None, str]
    numbers = {image.instance_number: image.sop_uid for image in mine.values() if image.instance_number is not None}
    return all(numbers.get(image.instance_number, image.sop_uid) == image.sop_uid for image in theirs.values())


def _one_plane(mine: Images, theirs: Images) -> bool:
    """Whether images of both have one orientation that no two patients have by chance."""
    here, there = (
        {i.orientation for i in images.values() if i.orientation and _oblique(i)} for images in (mine, theirs)
    )
    return any(all(abs(p - q) <= SAME_PLANE for p, q in zip(a, b, strict=True)) for a in here for b in there)


def _oblique(image: ImageRecord) -> bool:
    own = normal(image)
    return own is not None and max(map(abs, own)) < OBLIQUE_COSINE


def _crowds(owners: Owners) -> Iterator[Finding]:
    """One finding for each tag whose identifier everybody was given."""
    for tag in EXAMINATION:
        crowds = [sorted(having) for key, having in owners.items() if key[0] == tag]
        if crowds:
            names = max(crowds, key=lambda some: (len(some), some))
            yield finding(
                Code.STUDY_UID_SHARED,
                f"{len(names)} patients ({', '.join(names[:3])}{' ...' if len(names) > 3 else ''}) have one {tag}: a "
                "program seems to have given it to everybody, so that it does not tell whether one person stands under "
                "two ids, and nothing is left out for it. Find out at the source, and export with identifiers of their "
                "own.",
                path=DICOMS,
                patients=len(names),
                identifier=tag,
            )


def _identifier_told(tag: str, names: Sequence[str]) -> Finding:
    """Of patients who have one identifier and nothing else in common."""
    one, other = names[:2]
    further = len(names) - 2
    more = f" and {counted(further, 'further patient')}" if further else ""
    return of_patient(
        Code.STUDY_UID_SHARED,
        one,
        f"{one}{',' if further else ' and'} {other}{more} have one {tag}, and nothing else in their headers says that "
        "they are one person; nothing is left out for it. Find out at the source: put one person under one id, and "
        "export others with identifiers of their own.",
        other_patient=other,
        patients=len(names),
        identifier=tag,
    )


def _told(patient: str, twins: Sequence[tuple[str, _Both]], totals: Mapping[str, int]) -> Finding:
    """The finding for a patient, with the first of those that are of the same examination."""
    other, both = twins[0]
    mine, theirs = both.images
    further = len(twins) - 1
    more = f" (and {counted(further, 'further patient')})" if further else ""
    return of_patient(
        Code.STUDY_IN_TWO_PATIENTS,
        patient,
        f"{patient} and {other}{more} seem to be one person: {len(mine)} of {totals[patient]} images here and "
        f"{len(theirs)} of {totals[other]} there are of one examination (one {both.tag}; first: {min(mine)} and "
        f"{min(theirs)}). Put them under one id; where they are two people, overrule with `keep`.",
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
