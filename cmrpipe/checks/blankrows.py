"""Images with a block of blank rows in their midst: a part of the file that was lost, and came back as zeros.

Of contoured images alone, whose pixels are read anyhow. Those that end blank are the business of `check_series`. A
background that was masked to zero, with single pixels or a text in it, is no loss: what counts lies between rows that
show something over their width, and is a picture in the slice's other frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cmrpipe.checks.finding import finding
from cmrpipe.checks.fit import Image, Pixels
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import Finding, ImageRecord, Sample

WIDE = 0.25
"""Share of a row's pixels, those unlike its middle value, from which it shows a picture, and not a few pixels."""
LOOKED_AT = 4
"""Other frames of the slice that are read at most."""


def _shown(image: Image) -> npt.NDArray[np.bool_]:
    """Which rows of an image (rows, cols) show a picture, (rows,)."""
    middle = image.shape[1] // 2
    usual = np.partition(image, middle, axis=1)[:, middle, None]
    return np.asarray((image != usual).mean(axis=1) >= WIDE)


def blank_run(image: Image) -> tuple[int, int]:
    """The longest run of rows of one value each between rows that are not, of an image (rows, cols): first and number.

    What lies above the first row that shows a picture, or below the last, does not count; without a run the number is
    0.
    """
    blank = (image == image[:, :1]).all(axis=1)
    if not blank.any():
        return 0, 0
    shown = np.flatnonzero(_shown(image))
    if len(shown) < 2:
        return 0, 0
    top, bottom = shown[0], shown[-1]
    drawn = top + np.flatnonzero(~blank[top : bottom + 1])
    gaps = np.diff(drawn) - 1
    widest = int(gaps.argmax())
    return int(drawn[widest]) + 1, int(gaps[widest])


def _masked(first: int, rows: int, others: Sequence[ImageRecord], pixels: Pixels) -> bool:
    """Whether most of a slice's other frames, of those that are read, show no picture in these rows either."""
    read = (pixels(other) for other in others[:: -(-len(others) // LOOKED_AT) or 1])
    shown = [_shown(image) for image in read if image is not None and len(image) >= first + rows]
    without = [2 * int(one[first : first + rows].sum()) <= rows for one in shown if one.any()]
    return sum(without) > len(without) / 2


def check_blank_rows(
    labels: PatientLabels, samples: Sequence[Sample], pixels: Pixels, share: float
) -> Iterator[Finding]:
    """Contoured images of whose rows more than this share are blank in one block within the picture.

    Parameters
    ----------
    samples : contoured images, pixels loaded
    pixels : reads another of the patient's images
    """
    for sample in samples:
        if sample.image is None:
            continue
        record = sample.record
        first, rows = blank_run(np.asarray(sample.image))
        if rows <= share * len(sample.image):
            continue
        beside = [i for i in labels.images if i.slice_index == record.slice_index]
        others = [image for image in beside if not image.error and image.path != record.path]
        if _masked(first, rows, others, pixels):
            continue
        yield finding(
            Code.IMAGE_BLANK_ROWS,
            f"{record.path}: {rows} of {len(sample.image)} rows, from row {first} on (counted from 0), are blank "
            "in the midst of the picture. Fetch it anew from its source.",
            patient_id=labels.patient_id,
            number=image_number(record),
            path=record.path,
            first_row=first,
            blank_rows=rows,
        )
