"""Tables of figures by image and of volumes by patient: a judgement writes them, totals over several read them back."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cmrpipe.csvfile import write_rows
from cmrpipe.learn.baselines import BASELINES, WITHHELD
from cmrpipe.learn.evaluation import FIGURES, ImageScore, Region
from cmrpipe.learn.volumes import QUANTITIES, Pair, Volumes

OURS, EXPERT = "model", "expert"
PER_IMAGE, BASELINES_CSV, VOLUMES = "per_image.csv", "baselines.csv", "volumes.csv"
WAYS = (OURS, *BASELINES)
"""Ways of labelling that are judged: the model, then what it must beat."""

_PLACE = ("patient_id", "instance_number", "slice_index", "frame", "phase", "region")


def _cells(score: ImageScore) -> list[object]:
    return [*(getattr(score, name) for name in _PLACE), *(score.figures[name] for name in FIGURES)]


def write_scores(
    out: Path, scores: Mapping[str, Sequence[ImageScore]], withheld: Mapping[str, str] | None = None
) -> list[str]:
    """Write figures by image, the model's and the baselines' apart; returns the files' names.

    Parameters
    ----------
    out : folder
    scores : by way of labelling (see `WAYS`)
    withheld : baselines without figures: each has one row, with the reason alone
    """
    write_rows(out / PER_IMAGE, [*_PLACE, *FIGURES], map(_cells, scores[OURS]))
    rows = [[name, *_cells(score), None] for name in BASELINES for score in scores[name]]
    rows += [[name, *[None] * (len(_PLACE) + len(FIGURES)), why] for name, why in (withheld or {}).items()]
    write_rows(out / BASELINES_CSV, ["baseline", *_PLACE, *FIGURES, WITHHELD], rows)
    return [PER_IMAGE, BASELINES_CSV]


def write_volumes(out: Path, pairs: Mapping[str, Sequence[Pair]]) -> list[str]:
    """Write volumes by patient: the expert's, then those of each way of labelling; returns the file's name.

    A way that is withheld has no pairs, and empty cells.
    """
    none = [replace(found, model=Volumes()) for found in pairs[OURS]]

    def cells(*same: Pair) -> Iterator[object]:
        yield same[0].patient_id
        for name in QUANTITIES:
            yield from (getattr(values, name) for values in (same[0].expert, *(pair.model for pair in same)))
        yield same[0].reason

    columns = [f"{name}_{who}" for name in QUANTITIES for who in (EXPERT, *WAYS)]
    rows = (cells(*same) for same in zip(*(pairs[way] or none for way in WAYS), strict=True))
    write_rows(out / VOLUMES, ["patient_id", *columns, "reason"], rows)
    return [VOLUMES]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def _score(row: Mapping[str, str]) -> ImageScore:
    return ImageScore(
        row["patient_id"],
        int(row["instance_number"]),
        int(row["slice_index"]),
        int(row["frame"]),
        row["phase"],
        Region(row["region"]),
        {name: _number(row[name]) for name in FIGURES},
    )


def read_scores(out: Path) -> dict[str, list[ImageScore]]:
    """Figures by image, by way of labelling, as `write_scores` wrote them: to the tables' digits."""
    found: dict[str, list[ImageScore]] = {way: [] for way in WAYS}
    found[OURS] = [_score(row) for row in _rows(out / PER_IMAGE)]
    for row in _rows(out / BASELINES_CSV):
        if not row[WITHHELD]:
            found[row["baseline"]].append(_score(row))
    return found


def read_volumes(out: Path) -> dict[str, list[Pair]]:
    """Volumes by patient, by way of labelling, as `write_volumes` wrote them: to the tables' digits."""

    def values(row: Mapping[str, str], who: str) -> Volumes:
        return Volumes(**{name: _number(row[f"{name}_{who}"]) for name in QUANTITIES})

    rows = list(_rows(out / VOLUMES))
    return {
        way: [Pair(row["patient_id"], values(row, EXPERT), values(row, way), row["reason"]) for row in rows]
        for way in WAYS
    }
