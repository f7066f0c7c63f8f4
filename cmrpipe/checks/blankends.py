"""Images whose end is blank where the other frames of their slice are not: a transfer that was cut short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from cmrpipe.checks.finding import of_image
from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Finding, ImageRecord

_FEWEST_OTHERS = 4
"""Other frames of a slice below which nothing is said of blank ends."""
_MOSTLY = 0.8
"""Share of the other frames that have to agree on theirs."""
_ALIKE = 0.02
"""Share of the rows by which they may differ all the same."""


def check_ends(series: Sequence[ImageRecord], share: float) -> Iterator[Finding]:
    """Images with more blank rows at their end than the slice's others, by more than this share of the rows.

    Nothing is said where there are too few others, or where these differ among themselves: black air there ends blank
    by chance. A fifth of them may be damaged, too.
    """
    slices: dict[tuple[int, int], list[tuple[int, ImageRecord]]] = defaultdict(list)
    for image in series:
        if image.slice_index is not None and image.blank_rows is not None and image.rows:
            slices[image.slice_index, image.rows].append((image.blank_rows, image))
    for (_, rows), group in slices.items():
        for at, (blank, image) in enumerate(group):
            others = sorted(count for count, _ in group[:at] + group[at + 1 :])
            if len(others) < _FEWEST_OTHERS or image.pixel_min == image.pixel_max:
                continue
            least, most = others[0], others[int(_MOSTLY * (len(others) - 1))]
            if most - least > _ALIKE * rows or blank - most <= share * rows:
                continue
            yield of_image(
                Code.IMAGE_BLANK_END,
                image,
                f"{image.path}: the last {blank} of {rows} rows are blank, {most} in the slice's others.",
                blank_rows=blank,
                usual=most,
            )
