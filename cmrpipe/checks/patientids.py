"""Whom the images' headers name, against whose folder they lie in.

An image that names another patient than its folder is in the wrong place. But where most images of a folder name one
patient, of whom there is nothing else in the set, somebody gave the patients other names on the way: a de-identified
export in folders of the study's own names. The first is told by the image, the second once, and leaves nothing out but
images of that folder that name a third one. One name in most folders of a set is a filler (`ANONYMOUS`) and tells
nobody apart. One in two folders of different studies is a person who came twice: no image is in the wrong place, but
only the first visit is used, or a model might be tested on a person whom it has learnt from. Signs alone (`***`), as
some programs write over a name, name nobody.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from cmrpipe.checks.finding import finding, of_patient
from cmrpipe.checks.twopatients import everybodys, mark
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.readers.layouts import DICOMS
from cmrpipe.readers.links import normalise_id

MOST = 0.5
"""Share of a folder's images beyond which the patient whom they name is the folder's, under another name."""
_NAMED = frozenset({Code.PATIENT_RENAMED, Code.IMAGE_PATIENT_MISMATCH})


def check_patient_id(patient_id: str, images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Images of one folder that name another patient: those of most images once, the others each."""
    usable = [image for image in images if not image.error]
    named = [(name, image) for image in usable if (name := normalise_id(image.header_patient_id))]
    usual, own = normalise_id(patient_id), f"its folder is {patient_id}"
    (most, count), *_ = Counter(name for name, _ in named).most_common(1) or [("", 0)]
    if most != usual and count > MOST * len(usable):
        usual, other = most, next(image.header_patient_id for name, image in named if name == most)
        own = f"most images of its folder {other}"
        yield of_patient(
            Code.PATIENT_RENAMED,
            patient_id,
            f"{patient_id}: {_of(count, len(usable))} carry PatientID {other}, which nothing else in the set has. "
            "Check that the folder's name is right; they are not left out.",
            header_patient_id=other,
            images=count,
            usable_images=len(usable),
            studies=" ".join(sorted({mark((image.study_uid,)) for image in usable if image.study_uid})),
        )
    for name, image in named:
        if name != usual:
            yield finding(
                Code.IMAGE_PATIENT_MISMATCH,
                f"{image.path} carries PatientID {image.header_patient_id}, {own}.",
                patient_id=patient_id,
                number=image_number(image),
                path=image.path,
                header_patient_id=image.header_patient_id,
            )


def _of(images: object, usable: object) -> str:
    return f"all {usable} images" if images == usable else f"{images} of {usable} images"


def settle(findings: Sequence[Finding], patients: Iterable[str]) -> list[Finding]:
    """The findings of all patients, those told once turned into errors where the name is somebody else's, too.

    A name that everybody was given tells nobody apart: it is told of the set. Visits of one person, each a study of its
    own, are told of all but the first of their folders.

    Parameters
    ----------
    findings : see `check_patient_id`; others come back as they are
    patients : names of all folders
    """
    owners: dict[str, set[str]] = defaultdict(set)
    folders = list(patients)
    for patient in folders:
        owners[normalise_id(patient)].add(patient)
    renamed: dict[str, list[Finding]] = defaultdict(list)
    for found in findings:
        if found.code in _NAMED:
            owners[_name(found)].add(found.patient_id)
        if found.code is Code.PATIENT_RENAMED:
            renamed[_name(found)].append(found)
    crowds = {name for name, some in renamed.items() if everybodys(len(some), len(folders))}
    visits = {name for name, some in renamed.items() if len(some) == len(owners[name]) > 1 and _studies_apart(some)}
    settled = []
    for found in findings:
        name = _name(found) if found.code in _NAMED else ""
        if name in crowds | visits:
            continue
        others = owners[name] - {found.patient_id} if found.code is Code.PATIENT_RENAMED else set()
        settled.append(_mismatch(found, min(others)) if others else found)
    return [
        *settled,
        *(_everybodys(renamed[name]) for name in sorted(crowds)),
        *(found for name in sorted(visits - crowds) for found in _visits(renamed[name])),
    ]


def _studies_apart(some: Sequence[Finding]) -> bool:
    """Whether each folder has examinations of its own, as far as its images name any."""
    studies = [str(found.evidence["studies"]).split() for found in some]
    return all(studies) and sum(map(len, studies)) == len({study for own in studies for study in own})


def _name(found: Finding) -> str:
    return normalise_id(str(found.evidence["header_patient_id"]))


def _mismatch(found: Finding, other: str) -> Finding:
    """The error for a whole folder; `other` is, or has, what its images name."""
    name, images, usable = (found.evidence[key] for key in ("header_patient_id", "images", "usable_images"))
    return finding(
        Code.IMAGE_PATIENT_MISMATCH,
        f"{found.patient_id}: {_of(images, usable)} carry PatientID {name}, and so do images of {other}, or its "
        "folder. Find out whose they are; put one person's images under one id.",
        patient_id=found.patient_id,
        path=found.path,
        header_patient_id=name,
        images=images,
        other_patient=other,
    )


def _everybodys(some: Sequence[Finding]) -> Finding:
    names = sorted(found.patient_id for found in some)
    return finding(
        Code.PATIENT_ID_SHARED,
        f"{len(names)} folders ({', '.join(names[:3])}{' ...' if len(names) > 3 else ''}) carry PatientID "
        f"{some[0].evidence['header_patient_id']}: a program seems to have given it to everybody, so that it does not "
        "tell whose an image is, and nothing is left out for it. Find out at the source, and export with ids of their "
        "own.",
        path=DICOMS,
        patients=len(names),
        header_patient_id=some[0].evidence["header_patient_id"],
    )


def _visits(some: Sequence[Finding]) -> Iterator[Finding]:
    first, *later = sorted(found.patient_id for found in some)
    shared = some[0].evidence["header_patient_id"]
    for patient in later:
        yield of_patient(
            Code.PERSON_IN_TWO_PATIENTS,
            patient,
            f"{patient} carries PatientID {shared}, and so does {first}, each in a study of its own: visits of one "
            f"person, it seems. {first} is used, {patient} is not: one might be learnt from and the other tested on. "
            "Put them under one id; or, if they are two people, keep this one in quarantine.csv. To use both visits, "
            "keep it, too, and give both one name in the column person of pathology.csv: splits keep them together.",
            header_patient_id=shared,
            other_patient=first,
        )
