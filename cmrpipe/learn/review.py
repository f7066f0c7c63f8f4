"""The strongest disagreements of expert and out-of-fold model: findings with a picture each, for a person to judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.codes import FindingCode
from cmrpipe.codetable import CODES
from cmrpipe.csvfile import write_rows
from cmrpipe.errors import InputError
from cmrpipe.files import write_bytes
from cmrpipe.findings import write_findings
from cmrpipe.incremental.commit import refuse_other_output
from cmrpipe.learn.predicted import PREDICTIONS, read_predicted
from cmrpipe.learn.suspects import Suspect, ranked, suspects_of
from cmrpipe.model import ContourKind, Finding
from cmrpipe.pictures.comparison import comparison
from cmrpipe.progress import Listener, Progress
from cmrpipe.store import Store, open_store

SUSPECTS, PICTURES = "suspects.csv", "pictures"
FLOOR = 0.2
"""Score below which a contour is no finding, however far in front it stands: a fifth of the cavity's radius."""

_NAMES = {ContourKind.ENDO: "endocardial", ContourKind.EPI: "epicardial"}
_COLUMNS = ("rank", "patient_id", "instance_number", "kind", "score", "dice", "distance_px", "path", "picture")


@dataclass(frozen=True, slots=True)
class Review:
    """What was held against predictions: number of contours, findings in their order, patients without predictions."""

    contours: int
    findings: tuple[Finding, ...]
    unpredicted: tuple[str, ...]


def find_predictions(folder: Path) -> dict[str, Path]:
    """Label images by patient, below `predictions/` or, as crossvalidate has them, `folds/<fold>/predictions/`."""
    files = [*folder.glob(f"folds/*/{PREDICTIONS}/*.npy"), *folder.glob(f"{PREDICTIONS}/*.npy")]
    return {path.stem: path for path in sorted(files)}


def _picture(suspect: Suspect) -> str:
    return f"{PICTURES}/{suspect.patient_id}_{suspect.instance_number:04d}_{suspect.kind.value}.png"


def _finding(suspect: Suspect, path: str) -> Finding:
    return Finding(
        FindingCode.LABEL_SUSPECT,
        CODES[FindingCode.LABEL_SUSPECT].severity,
        suspect.patient_id,
        suspect.instance_number,
        path,
        f"The {_NAMES[suspect.kind]} contour of image {suspect.instance_number} lies {suspect.distance_px:.1f} pixels "
        f"({suspect.score:.2f} cavity radii, Dice {suspect.overlap:.2f}) from where a model that has not seen the "
        f"patient puts it; see {_picture(suspect)}.",
        {"score": round(suspect.score, 4), "dice": round(suspect.overlap, 4), "pixels": round(suspect.distance_px, 2)},
    )


def review(store: Path, predictions: Path, out: Path, most: int, *, listen: Listener) -> Review:
    """Rank all contours; the first `most` with a score of `FLOOR` or more become findings.

    Parameters
    ----------
    store : the store stage's output
    predictions : what crossvalidate or evaluate wrote: [folds/<fold>/]predictions/<patient_id>.npy (see
        `cmrpipe.learn.predicted`), each by a model that has not seen that patient
    out : suspects.csv (every contour), findings.csv, findings.json, pictures/ (left the expert, right the model)

    Raises
    ------
    InputError : there are no predictions, they are not of the images that the store has, or `out` is a stage's output
    """
    refuse_other_output(out)
    with open_store(store) as source:
        files = find_predictions(predictions)
        there = [patient for patient in source.patients if patient in files]
        if not there:
            raise InputError(
                predictions,
                "holds no prediction of a patient of the store",
                "Run `cmrpipe crossvalidate`, or name what `cmrpipe evaluate` wrote, which has the test patients only: "
                "--predictions data/evaluation",
            )

        def every() -> Iterator[Suspect]:
            for done, patient in enumerate(there, 1):
                data = source.load(patient)
                yield from suspects_of(data, read_predicted(files[data.patient_id], data))
                listen(Progress("suspects", patient, done, len(there)))

        found = ranked(every())
        chosen = [suspect for suspect in found[:most] if suspect.score >= FLOOR]
        paths = [_path(source, suspect) for suspect in found]
        for suspect in chosen:
            data = source.load(suspect.patient_id)
            i = suspect.position
            png = comparison(data.image[i], data.label[i], read_predicted(files[data.patient_id], data)[i])
            write_bytes(out / _picture(suspect), png)
    findings = tuple(_finding(suspect, path) for suspect, path in zip(chosen, paths, strict=False))
    write_findings(out, findings)
    kept = {_picture(suspect) for suspect in chosen}
    for kind in ContourKind:
        for path in (out / PICTURES).glob(f"*_{kind.value}.png"):  # as `_picture` names them; others are not ours
            if f"{PICTURES}/{path.name}" not in kept:
                path.unlink()
    rows = (
        [
            rank,
            *(s.patient_id, s.instance_number, s.kind.value, s.score, s.overlap, s.distance_px, path),
            _picture(s) if rank <= len(chosen) else "",
        ]
        for rank, (s, path) in enumerate(zip(found, paths, strict=True), 1)
    )
    write_rows(out / SUSPECTS, _COLUMNS, rows)
    return Review(len(found), findings, tuple(p for p in source.patients if p not in set(there)))


def _path(source: Store, suspect: Suspect) -> str:
    """The contour file that a suspect came from; "" where the store does not say."""
    sources = source.lineage(suspect.patient_id).get("sources", ())
    return str(sources[suspect.position].get(suspect.kind.value, "")) if suspect.position < len(sources) else ""
