"""Where the drawn slices end: contours that are lost at an end of the ventricle leave no hole between others.

A ventricle that contracts shortens: at end-systole it may be drawn in fewer slices than at end-diastole, by what the
base moves and by the last bit of the apex, but not in slices beyond them. And it is drawn down to where it tapers. What
is lost beyond that makes volumes and ejection fraction wrong.

Of 30 real patients the end-diastolic area in slices without end-systolic contour is 0.22 of all at most at the base
and 0.07 at the apex; none has an end-systolic contour beyond its end-diastolic ones; the narrower of the outermost
end-diastolic cavities is at most 0.79 as wide as the widest. With the end-systolic contours of a third of the slices
lost at the base, or of half of them at the apex, it is 0.30 and 0.22 at least; with the apical half of both phases
lost, the narrower is 0.83 as wide at least.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from cmrpipe.checks.finding import of_contours
from cmrpipe.clinical import slices_text
from cmrpipe.codes import FindingCode as Code
from cmrpipe.geometry import polygon_area
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Finding, Phase, Sample
from cmrpipe.params import ValidateParams

FEWEST = 4
"""Slices at end-diastole from which a ventricle has ends that can be told from each other."""
SHORTENING = 1
"""So many slices at an end may be left out at end-systole, whatever their share is."""

_Areas = Mapping[int, float]


def check_ends(labels: PatientLabels, samples: Sequence[Sample], limits: ValidateParams) -> Iterator[Finding]:
    """Findings for endocardial contours that end early; `samples` are all contoured images, quarantine not applied."""
    ed, es = (_areas(samples, phase) for phase in (Phase.ED, Phase.ES))
    if len(ed) < FEWEST or max(ed.values()) <= 0:
        return
    base, apex = _ends(ed)
    for message, evidence in (*_untapered(ed, base, apex, limits), *_lost(ed, es, base, limits)):
        yield of_contours(
            Code.CONTOURS_END_EARLY,
            labels,
            f"{labels.patient_id}: {message} Look at the slices beyond; find the lost files, or draw them.",
            **evidence,
        )


def _areas(samples: Sequence[Sample], phase: Phase) -> dict[int, float]:
    """Area of the cavity, pixels², by slice; 0 where what is drawn is a line."""
    return {
        s.record.slice_index: polygon_area(s.endo.points)
        for s in samples
        if s.endo is not None and s.phase is phase and s.record.slice_index is not None
    }


def _ends(areas: _Areas) -> tuple[int, int]:
    """The outermost slices, base and apex: the base is at the end of the half with the larger cavities."""
    order = sorted(areas)
    half = len(order) // 2
    first, last = (sum(areas[index] for index in part) for part in (order[:half], order[-half:]))
    return (order[0], order[-1]) if first >= last else (order[-1], order[0])


def _untapered(ed: _Areas, base: int, apex: int, limits: ValidateParams) -> Iterator[tuple[str, dict[str, float]]]:
    widths = [math.sqrt(ed[index] / max(ed.values())) for index in (base, apex)]
    if min(widths) > limits.end_width:
        yield (
            f"the cavity is {widths[0]:.2f} and {widths[1]:.2f} as wide as at its widest in the outermost slices that "
            f"are drawn at end-diastole ({base} and {apex}): contours of an end may be lost.",
            {"width": round(min(widths), 3)},
        )


def _lost(ed: _Areas, es: _Areas, base: int, limits: ValidateParams) -> Iterator[tuple[str, dict[str, float]]]:
    """Slices at the ends that one phase has and the other, which has contours, lacks."""
    if not es:
        return
    for above in (True, False):
        ends = [index for index in ed if (index > max(es) if above else index < min(es))]
        share = sum(ed[index] for index in ends) / sum(ed.values())
        at_base = (base == max(ed)) == above
        if len(ends) > SHORTENING and share > (limits.end_base if at_base else limits.end_apex):
            yield (
                f"{slices_text(ends)} at the {'base' if at_base else 'apex'} have an endocardial contour at "
                f"end-diastole and none at end-systole, {share:.0%} of the end-diastolic cavity: end-systolic contours "
                "may be lost.",
                {"share": round(share, 3), "slices": len(ends)},
            )
    beyond = [index for index in es if not min(ed) <= index <= max(ed)]
    total = sum(es.values())
    share = sum(es[index] for index in beyond) / total if total > 0 else 0.0
    if share > limits.end_beyond:
        yield (
            f"{slices_text(beyond)} have an endocardial contour at end-systole and none at end-diastole, "
            f"{share:.0%} of the end-systolic cavity: end-diastolic contours may be lost.",
            {"share": round(share, 3), "slices": len(beyond)},
        )
