"""One image of a patient in two files: by its identifiers, or by its pixels.

A SOPInstanceUID is an image's own; where it is missing, series and InstanceNumber stand for it. Programs that remove
names may write one for all images, or `0`: an identifier that many images with other pixels have is a filler, and says
of none that it is another one's copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from cmrpipe.checks.finding import of_image, of_patient
from cmrpipe.checks.places import CINE
from cmrpipe.checks.twopatients import CROWD, FEWEST_OF_MOST, Equal
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import pixel_facts
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.nouns import counted

Groups: TypeAlias = Mapping[object, Sequence[ImageRecord]]
"""Images by what may tell one from the others."""


def check_duplicates(patient_id: str, images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """One instance in two files; identifiers that are fillers once."""
    usable = [image for image in images if not image.error]
    by_uid: dict[object, list[ImageRecord]] = defaultdict(list)
    by_number: dict[object, list[ImageRecord]] = defaultdict(list)
    for image in usable:
        if image.sop_uid:
            by_uid[image.sop_uid].append(image)
    fillers = _fillers(by_uid, len(usable))
    for image in usable:
        if image.instance_number is not None and (not image.sop_uid or image.sop_uid in fillers):
            by_number[image.series_uid, image.instance_number].append(image)
    told: set[str] = set()
    for what, groups, mean_nothing in (
        ("SOPInstanceUID", by_uid, fillers),
        ("series and InstanceNumber", by_number, _fillers(by_number, len(usable))),
    ):
        if mean_nothing:
            yield _told_once(patient_id, what, [groups[key] for key in groups if key in mean_nothing])
        for group in (group for key, group in groups.items() if key not in mean_nothing):
            for image in group[1:]:
                if image.path not in told:
                    told.add(image.path)
                    yield _duplicate(image, group[0], what)


def _fillers(groups: Groups, images: int) -> set[object]:
    """Identifiers that mean nothing: of more than `CROWD` pictures, or any where most images share theirs with several.

    Two pictures of each instance are two exports in one folder: copies.
    """
    pictures = {key: len({pixel_facts(image) for image in group}) for key, group in groups.items()}
    mostly = 2 * sum(len(groups[key]) for key, count in pictures.items() if count >= FEWEST_OF_MOST) > images
    return {key for key, count in pictures.items() if count > CROWD or (mostly and count > 1)}


def _told_once(patient_id: str, what: str, groups: Sequence[Sequence[ImageRecord]]) -> Finding:
    count, (first, second, *_) = sum(map(len, groups)), groups[0]
    return of_patient(
        Code.IMAGE_IDS_SHARED,
        patient_id,
        f"{patient_id}: {count} images share their {what} with images of other pixels ({first.path} and "
        f"{second.path}, for example): a program seems to have written it. So only equal pixels tell whether an image "
        "stands in two files; nothing is left out for the identifier. Export images with identifiers of their own.",
        images=count,
        identifier=what,
    )


def _duplicate(image: ImageRecord, first: ImageRecord, what: str) -> Finding:
    differ = pixel_facts(image) != pixel_facts(first)
    but = " and other pixels: neither is used" if differ else ""
    return of_image(
        Code.IMAGE_DUPLICATE_INSTANCE,
        image,
        f"{image.path} has the {what} of {first.path}{but}.",
        same_as=first.path,
        pixels_differ=differ,
    )


def check_pixels(patient_id: str, images: Sequence[ImageRecord], equal: Equal) -> Iterator[Finding]:
    """Images with the pixels of another one; those that only stand still for a frame once.

    Parameters
    ----------
    equal : compares the pixels of two images whose checksums are equal
    """
    frames: dict[int, set[int]] = defaultdict(set)
    groups: dict[tuple[object, ...], list[ImageRecord]] = defaultdict(list)
    for image in images:
        if not image.error and image.slice_index is not None and image.frame is not None:
            frames[image.slice_index].add(image.frame)
        constant = image.pixel_min == image.pixel_max
        if not image.error and image.pixel_crc32 is not None and not constant:
            groups[pixel_facts(image)].append(image)
    still: list[tuple[ImageRecord, ImageRecord]] = []
    for first, *others in groups.values():
        same = [later for later in others if equal(first, later)]
        beside = _run(first, same, frames)
        for later in same:
            if later.path in beside:
                still.append((first, later))
            else:
                yield _holds_pixels(first, later)
    if still:
        first, later = still[0]
        yield of_patient(
            Code.IMAGE_REPEATED,
            patient_id,
            f"{patient_id}: {counted(len(still), 'image')} with the pixels of the frame before or after ({later.path} "
            f"has those of {first.path}, for example): a cine that was stretched to more frames, or that ends as it "
            "begins, it seems. Nothing is left out for it.",
            images=len(still),
            same_as=first.path,
        )


def _run(first: ImageRecord, same: Sequence[ImageRecord], frames: Mapping[int, set[int]]) -> set[str]:
    """Paths of images equal to `first` that follow one another with it in a cine, the last frame before the first.

    None where these are more than a quarter of the cine, or two of them one frame: no heart stands still so long.
    """
    index = first.slice_index
    own = sorted(frames[index]) if index is not None else []
    here = [image for image in (first, *same) if image.slice_index == index]
    at = {own.index(image.frame): image for image in here if image.frame in own}
    if len(own) < CINE or len(at) > len(own) / 4 or len(at) < len(here):
        return set()
    ends = sum((rank + 1) % len(own) not in at for rank in at)
    return {image.path for image in at.values()} if ends == 1 else set()


def _holds_pixels(first: ImageRecord, later: ImageRecord) -> Finding:
    return of_image(
        Code.IMAGE_DUPLICATE_PIXELS,
        later,
        f"{later.path} holds the pixels of {first.path}.",
        same_as=first.path,
    )
