"""Contours that lie at another cardiac frame than the other slices' contours of their phase.

A contour whose number is off by a frame or two fits its image nearly as well as its own: the heart moves little in
between. But experts nearly always draw a patient's phase at one frame in all slices, so one that stands apart shows.
Where they chose the frame slice by slice, no frame has most of the slices, and nothing is said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import ContourRecord, Finding, Phase, Sample
from cmrpipe.params import ValidateParams

FEWEST = 3
"""Slices drawn at the usual frame below which nothing is said."""


def check_other_frame(labels: PatientLabels, samples: Sequence[Sample], limits: ValidateParams) -> Iterator[Finding]:
    """A finding for each contour of such an image; an image that is not there cannot have been meant.

    Parameters
    ----------
    samples : all contoured images with their phases, quarantine not applied
    """
    numbers: dict[tuple[int | None, int | None], int | None]
    numbers = {place: image_number(image) for place, image in labels.grid().items()}
    files: dict[int | None, list[ContourRecord]] = defaultdict(list)
    for contour in labels.contours:
        if not contour.error:
            files[contour.number].append(contour)
    for phase in (Phase.ED, Phase.ES):
        drawn = [s for s in samples if s.phase is phase and s.record.frame is not None]
        counts = Counter(sample.record.frame for sample in drawn)
        usual, count = max(counts.items(), key=lambda item: (item[1], item[0]), default=(None, 0))
        if count < FEWEST or count < limits.one_frame * len(drawn):
            continue
        for sample in drawn:
            record = sample.record
            meant = numbers.get((record.slice_index, usual))
            if record.frame == usual or meant is None:
                continue
            for contour in files[image_number(record)]:
                yield finding(
                    Code.CONTOUR_OTHER_FRAME,
                    f"{contour.path} lies at frame {record.frame}; {count} of {len(drawn)} slices of "
                    f"{labels.patient_id} are drawn at frame {usual} at {phase}, here image {meant}.",
                    patient_id=labels.patient_id,
                    number=contour.number,
                    path=contour.path,
                    frame=record.frame,
                    usual_frame=usual,
                    slices=count,
                    usual_number=meant,
                )
