"""Whom the images' headers name, against whose folder they lie in.

An image that names another patient than its folder is in the wrong place. But where most images of a folder name one
patient, of whom there is nothing else in the set, somebody gave the patients other names on the way: a de-identified
export in folders of the study's own names. The first is told by the image, the second once, and leaves nothing out but
images of that folder that name a third one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.layouts import DICOMS
from cmrpipe.linking import image_number
from cmrpipe.links import normalise_id
from cmrpipe.model import Finding, ImageRecord

MOST = 0.5
"""Share of a folder's images beyond which the patient whom they name is the folder's, under another name."""
_NAMED = frozenset({Code.PATIENT_RENAMED, Code.IMAGE_PATIENT_MISMATCH})


def check_patient_id(patient_id: str, images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Images of one folder that name another patient: those of most images once, the others each."""
    usable = [image for image in images if not image.error]
    named = [(normalise_id(image.header_patient_id), image) for image in usable if image.header_patient_id]
    usual, own = normalise_id(patient_id), f"its folder is {patient_id}"
    (most, count), *_ = Counter(name for name, _ in named if name).most_common(1) or [("", 0)]
    if most != usual and count > MOST * len(usable):
        usual, other = most, next(image.header_patient_id for name, image in named if name == most)
        own = f"most images of its folder {other}"
        yield finding(
            Code.PATIENT_RENAMED,
            f"{patient_id}: {_of(count, len(usable))} carry PatientID {other}, which nothing else in the set has. "
            "Check that the folder's name is right; they are not left out.",
            patient_id=patient_id,
            path=f"{DICOMS}/{patient_id}",
            header_patient_id=other,
            images=count,
            usable_images=len(usable),
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

    Parameters
    ----------
    findings : see `check_patient_id`; others come back as they are
    patients : names of all folders
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for patient in patients:
        owners[normalise_id(patient)].add(patient)
    for found in findings:
        if found.code in _NAMED:
            owners[_name(found)].add(found.patient_id)
    return [
        _mismatch(found, min(others))
        if found.code is Code.PATIENT_RENAMED and (others := owners[_name(found)] - {found.patient_id})
        else found
        for found in findings
    ]


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
