"""Numbers of images in their headers, against those in their files' names, by which contours go.

A scanner that writes each slice as a series of its own counts InstanceNumber from 1 in each of them, while the files
are numbered through. So in a stack of several series the number counts within its series: it is right where it lies as
far from the file's number as in most images of that series.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.layouts import DICOMS
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.slices import main_series

MOST = 0.5
"""Images of a series that have to agree on how far the numbers lie apart: more than this share of them."""


def check_numbers(patient_id: str, images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Images whose two numbers differ; once where they do so series by series."""
    apart = [image for image in images if not image.error and _step(image)]
    if not apart:
        return
    usual = _steps(images)
    counted = [image for image in apart if usual.get(image.series_uid) == _step(image)]
    wrong = [image for image in apart if usual.get(image.series_uid) != _step(image)]
    if counted:
        yield finding(
            Code.IMAGE_NUMBER_BY_SERIES,
            f"{patient_id}: {len(counted)} images of {len({i.series_uid for i in counted})} series carry an "
            f"InstanceNumber that counts within the series (first: {counted[0].path}, InstanceNumber "
            f"{counted[0].instance_number}); contours go by the files' names.",
            patient_id=patient_id,
            path=f"{DICOMS}/{patient_id}",
            images=len(counted),
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


def _step(image: ImageRecord) -> int | None:
    """How far the file's number lies above the header's; None without either."""
    if image.file_number is None or image.instance_number is None:
        return None
    return image.file_number - image.instance_number


def _steps(images: Iterable[ImageRecord]) -> dict[str, int]:
    """What most images of each series of the stack agree on; nothing where the stack is one series."""
    stack = main_series(images)
    if len(stack) < 2:
        return {}
    steps: dict[str, Counter[int]] = defaultdict(Counter)
    for image in images:
        step = _step(image)
        if not image.error and image.series_uid in stack and step is not None:
            steps[image.series_uid][step] += 1
    most = {uid: counts.most_common(1)[0] for uid, counts in steps.items()}
    return {uid: step for uid, (step, count) in most.items() if count > MOST * steps[uid].total()}
