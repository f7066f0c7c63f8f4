"""Images that stand where another one stands: the slice x frame grid has one place for each.

One ImagePositionPatient written for all slices puts them into one; a breath-hold that was repeated under the same
series puts two into one. Contours still find their image by its number, but what goes from slice to slice, or from
frame to frame, meets either image, or none: it would be silent, not right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from cmrpipe.checks.finding import of_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import pixel_facts
from cmrpipe.model import Finding, ImageRecord

CINE = 8
"""Images that most slices have at least, where the headers do not say how many; fewer are selected frames."""
MORE = 1.5
"""Then, times as many as most slices have, beyond which a slice has too many: one more may be a longer heartbeat's."""
LONGEST = 100
"""And images beyond which it has in any case: cines have 20 to 50 frames."""

Slices = Mapping[int, Sequence[ImageRecord]]


def check_places(patient_id: str, images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Places with several images, and slices with more images than frames; one finding a patient.

    Files of one instance count once: `image-duplicate-instance` tells them.
    """
    slices = _slices(images)
    places: dict[tuple[int, int], list[ImageRecord]] = defaultdict(list)
    for index, members in slices.items():
        for image in members:
            if image.frame is not None:
                places[index, image.frame].append(image)
    shared = {place: members for place, members in sorted(places.items()) if len(members) > 1}
    full = _overfull(slices)
    if not shared and not full:
        return
    crowded = sorted({index for index, _ in shared} | set(full))
    index = max(crowded, key=lambda at: len(slices[at]))
    first, second, *_ = next((members for (at, _), members in shared.items() if at == index), slices[index])
    where = f"slice {index} has {len(slices[index])} images, {first.path} and {second.path} among them"
    yield of_patient(
        Code.IMAGES_AT_ONE_PLACE,
        patient_id,
        f"{patient_id}: more than one image of a frame in {len(crowded)} of the stack's slices ({where}; slices: "
        f"{len(slices)}). One position may have been written for several slices, a slice acquired twice, or phase maps "
        "lie among the images. Until this is mended, missing images are not seen, and neither volumes nor checks from "
        "slice to slice are reliable. Keep one acquisition of each slice, and of its images the magnitude, or fetch "
        "them with positions of their own.",
        places=len(shared),
        slices=len(crowded),
        slice_index=index,
        images=len(slices[index]),
        image=first.path,
        same_as=second.path,
    )


def _slices(images: Sequence[ImageRecord]) -> dict[int, list[ImageRecord]]:
    """Readable images of the stack by slice, one of each instance."""
    found: dict[int, dict[object, ImageRecord]] = defaultdict(dict)
    for image in images:
        if not image.error and image.slice_index is not None:
            found[image.slice_index].setdefault(_instance(image), image)
    return {index: list(members.values()) for index, members in found.items()}


def _instance(image: ImageRecord) -> object:
    """What files of one instance agree in: the identifier, and the pixels, since it may be a filler."""
    return (image.sop_uid, pixel_facts(image)) if image.sop_uid else image.path


def _overfull(slices: Slices) -> list[int]:
    """Slices with more images than the header has frames; without such, with many more than most slices have."""
    said = max((i.frames_per_slice or 0 for members in slices.values() for i in members), default=0)
    usual = median(len(members) for members in slices.values()) if slices else 0.0
    most = float(said)
    if said < 2:  # absent, or a filler
        most = min(MORE * usual, LONGEST) if usual >= CINE else LONGEST
    return [index for index, members in slices.items() if len(members) > most]
