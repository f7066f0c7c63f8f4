"""Images with a block of blank rows in their midst: a part of the file that was lost, and came back as zeros.

Of contoured images alone, whose pixels are read anyhow. Those that end blank are the business of `check_series`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import image_number
from cmrpipe.model import Finding, Sample


def blank_run(image: npt.NDArray[np.generic]) -> tuple[int, int]:
    """The longest run of rows of one value each between rows that are not, of an image (rows, cols): first and number.

    Margins above and below, where whole rows may be black, do not count; without a run the number is 0.
    """
    drawn = np.flatnonzero((image != image[:, :1]).any(axis=1))
    if len(drawn) < 2:
        return 0, 0
    gaps = np.diff(drawn) - 1
    widest = int(gaps.argmax())
    return int(drawn[widest]) + 1, int(gaps[widest])


def check_blank_rows(samples: Sequence[Sample], patient_id: str, share: float) -> Iterator[Finding]:
    """Contoured images of whose rows more than this share are blank in one block within the picture."""
    for sample in samples:
        if sample.image is None:
            continue
        first, rows = blank_run(np.asarray(sample.image))
        if rows > share * len(sample.image):
            record = sample.record
            yield finding(
                Code.IMAGE_BLANK_ROWS,
                f"{record.path}: {rows} of {len(sample.image)} rows, from row {first} on (counted from 0), are blank "
                "in the midst of the picture. Fetch it anew from its source.",
                patient_id=patient_id,
                number=image_number(record),
                path=record.path,
                first_row=first,
                blank_rows=rows,
            )
