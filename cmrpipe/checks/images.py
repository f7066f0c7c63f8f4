"""Image files that cannot be used, and images that are not what the folder is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cmrpipe.checks.finding import of_image, of_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.readers.mends import with_mend


def check_files(images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Files that cannot be used, and images that are not what the folder is for."""
    usable = [image for image in images if not image.error]
    modalities = {image.modality for image in usable}
    throughout = len(usable) > 1 and len(modalities) == 1 and "MR" not in modalities
    if throughout:
        yield _not_mr(usable)
    for image in images:
        if image.error:
            truncated = image.error.startswith("truncated")
            yield of_image(
                Code.IMAGE_TRUNCATED if truncated else Code.IMAGE_UNREADABLE,
                image,
                f"{image.path} cannot be used: {with_mend(image.error)}",
                bytes=image.bytes,
            )
            continue
        if image.modality != "MR" and not throughout:
            yield of_image(
                Code.IMAGE_NOT_MR,
                image,
                f"{image.path} is not MR: its Modality is {image.modality or 'absent'}.",
                modality=image.modality,
            )
        if image.pixel_min is not None and image.pixel_min == image.pixel_max:
            yield of_image(
                Code.IMAGE_CONSTANT,
                image,
                f"All pixels of {image.path} are {image.pixel_min}.",
                value=image.pixel_min,
            )


def _not_mr(images: Sequence[ImageRecord]) -> Finding:
    """The finding for a patient whose usable images all have one other modality."""
    patient, modality = images[0].patient_id, images[0].modality
    return of_patient(
        Code.IMAGE_NOT_MR,
        patient,
        f"{patient}: the Modality of all {len(images)} images is {modality or 'absent'}, not MR. Programs that convert "
        "images write OT; where these are MR all the same, take image-not-mr out of validate.quarantine.",
        modality=modality,
        images=len(images),
    )


def undecodable(image: ImageRecord, cause: str) -> Finding:
    """The finding for an image that the catalog took for usable, and whose pixels cannot be had."""
    return of_image(
        Code.IMAGE_UNDECODABLE,
        image,
        f"{image.path} cannot be used: {with_mend(cause)}",
    )
