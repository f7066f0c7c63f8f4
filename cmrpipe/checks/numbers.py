"""Numbers of images in their headers, against those in their files' names, by which contours go.

A scanner that writes each slice as a series of its own counts InstanceNumber from 1 in each of them, while the files
are numbered through. So where there are several series the number counts within its series: it is right where it lies
as far from the file's number as in most images of that series. Where most images of a folder differ from their files'
names otherwise, the files were numbered anew: from another start, or slice by slice what the scanner wrote frame by
frame. That is told once, and images that depart from what the others show are errors.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise

from cmrpipe.checks.finding import finding, of_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.slices import main_series

MOST = 0.5
"""Images of a series, or a folder, that have to agree: more than this share of them."""
SOME = 0.1
"""Share of a folder with equal numbers beyond which one step of the others is no new start: files were lost between."""
_DIGITS = 6


def check_numbers(patient_id: str, images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Images whose two numbers differ; once where most do so in an order."""
    numbered = [image for image in images if not image.error and _step(image) is not None]
    apart = [image for image in numbered if _step(image)]
    if not apart:
        return
    by_series, anew, wrong = _sorted_out(numbered, apart, main_series(images))
    if by_series:
        yield of_patient(
            Code.IMAGE_NUMBER_BY_SERIES,
            patient_id,
            f"{patient_id}: {len(by_series)} images of {len({i.series_uid for i in by_series})} series carry an "
            f"InstanceNumber that counts within the series (first: {by_series[0].path}, InstanceNumber "
            f"{by_series[0].instance_number}); contours go by the files' names.",
            images=len(by_series),
        )
    if anew:
        yield of_patient(
            Code.IMAGES_RENUMBERED,
            patient_id,
            f"{patient_id}: {len(anew)} of {len(numbered)} images carry another InstanceNumber than their file's "
            f"(first: {anew[0].path}, InstanceNumber {anew[0].instance_number}); contours go by the files' names. "
            "Check that they were drawn by these; they are not left out.",
            images=len(anew),
            numbered_images=len(numbered),
        )
    for image in wrong:
        yield finding(
            Code.IMAGE_NUMBER_MISMATCH,
            f"{image.path} carries InstanceNumber {image.instance_number}; contours go by the file's name.",
            patient_id=patient_id,
            number=image_number(image),
            path=image.path,
            instance_number=image.instance_number,
        )


def _sorted_out(
    numbered: Sequence[ImageRecord], apart: Sequence[ImageRecord], stack: Collection[str]
) -> tuple[list[ImageRecord], list[ImageRecord], list[ImageRecord]]:
    """Images whose numbers differ: that count within their series, that were numbered anew, that are wrong."""
    if _broken(numbered, stack):
        return [], [], list(apart)
    usual = _steps(numbered, stack)
    counted = [image for image in apart if usual.get(image.series_uid) == _step(image)]
    wrong = [image for image in apart if usual.get(image.series_uid) != _step(image)]
    anew = [image for image in counted if stack == {image.series_uid}]
    by_series = [image for image in counted if stack != {image.series_uid}]
    most = MOST * len(numbered)
    if len(wrong) > most:
        in_order = _in_order(numbered)
        depart = [image for image in wrong if image.path not in in_order]
        anew += [image for image in wrong if image.path in in_order or len(depart) > most]
        wrong = depart if len(depart) <= most else []
    return by_series, anew, wrong


def _step(image: ImageRecord) -> int | None:
    """How far the file's number lies above the header's; None without either."""
    if image.file_number is None or image.instance_number is None:
        return None
    return image.file_number - image.instance_number


def _broken(numbered: Sequence[ImageRecord], stack: Collection[str]) -> bool:
    """Whether the numbers of a single series are equal up to some file, and one step apart from there on."""
    steps = Counter(_step(image) for image in numbered if stack == {image.series_uid})
    equal, apart = steps.pop(0, 0), steps.most_common(1)
    return bool(apart) and equal > SOME * (equal + steps.total()) and apart[0][1] > MOST * steps.total()


def _steps(numbered: Iterable[ImageRecord], stack: Collection[str]) -> dict[str, int]:
    """What most images of each series agree on; of a series that is no part of the stack two at least."""
    steps: dict[str, Counter[int]] = defaultdict(Counter)
    for image in numbered:
        steps[image.series_uid][_step(image) or 0] += 1
    most = {uid: counts.most_common(1)[0] for uid, counts in steps.items()}
    return {
        uid: step
        for uid, (step, count) in most.items()
        if count > MOST * steps[uid].total() and (uid in stack or count > 1)
    }


def _in_order(numbered: Iterable[ImageRecord]) -> set[str]:
    """Paths of images both of whose numbers go evenly from frame to frame, with most images of their slice."""
    slices: dict[int, list[tuple[int, str, tuple[int, int]]]] = defaultdict(list)
    for image in numbered:
        if image.slice_index is not None and image.frame is not None:
            numbers = (image.file_number or 0, image.instance_number or 0)
            slices[image.slice_index].append((image.frame, image.path, numbers))
    found: list[set[str]] = []
    for which in (0, 1):
        rows = [sorted((frame, numbers[which], path) for frame, path, numbers in own) for own in slices.values()]
        steps = Counter((b[1] - a[1]) / (b[0] - a[0]) for own in rows for a, b in pairwise(own) if b[0] > a[0])
        step = steps.most_common(1)[0][0] if steps else 0.0
        even: set[str] = set()
        for own in rows:
            starts = [round(number - step * frame, _DIGITS) for frame, number, _ in own]
            (start, count), *_ = Counter(starts).most_common(1)
            if count > MOST * len(own):
                even |= {path for at, (_, _, path) in zip(starts, own, strict=True) if at == start}
        found.append(even)
    return found[0] & found[1]
