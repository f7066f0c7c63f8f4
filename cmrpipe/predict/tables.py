"""summary.csv and link.csv of an output folder: a row a patient; who is not predicted anew keeps what was said."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.csvfile import write_rows
from cmrpipe.errors import InputError
from cmrpipe.files import as_text
from cmrpipe.incremental.locking import alone
from cmrpipe.predict.patient import Prediction
from cmrpipe.predict.places import PATIENTS, SUMMARY
from cmrpipe.readers.layouts import CONTOURS, LINK_TABLE

VALUES = ("edv_ml", "esv_ml", "sv_ml", "ef_pct", "co_l_min", "mass_g")
_COLUMNS = ("patient_id", "images", "refused", "ed_frame", "es_frame", *VALUES, "unsure", "reason")
_LINKS = ("patient_id", "original_id")
_MEND = "Move it away, or give another --output"


@dataclass(frozen=True, slots=True)
class Row:
    """What is said of one patient: `reason` is why something cannot be had.

    `unsure` counts images of ED and ES, and where these cannot be told, all images.
    """

    patient_id: str
    images: int
    refused: int
    ed_frame: int | None
    es_frame: int | None
    values: tuple[float | None, ...]
    unsure: int
    reason: str

    @property
    def judged(self) -> bool:
        """Whether anything of the patient could be judged."""
        return self.images > 0


def row_of(found: Prediction, lacking: Sequence[str] = ()) -> Row:
    """What is said of a prediction, and of what it lacks besides."""
    missing = found.values.reason if found.judged.reason == "" else ""
    if missing and found.values.edv_ml is None:
        missing = f"no volumes: {missing}"
    reasons = [part for part in (found.judged.reason, missing, *found.notes, *lacking) if part]
    return Row(
        found.patient_id,
        len(found.seen),
        len(found.judged.refused),
        found.ed_frame,
        found.es_frame,
        tuple(getattr(found.values, name) for name in VALUES),
        len(found.unsure),
        " ".join(as_text("; ".join(reasons)).split()),  # others' error messages may have several lines
    )


def lock_file(out: Path) -> Path:
    """What a run holds while it changes tables of an output folder, or puts patients there."""
    return out / ".predict.lock"


class Tables:
    """Both tables of an output folder, to which other runs may write at the same time.

    Raises
    ------
    InputError : one of them is there already, and predict did not write it
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._stand()

    def _stand(self) -> tuple[dict[str, Sequence[object]], set[str]]:
        """Rows of summary.csv by patient, and who is linked; of patients whose folders are there."""
        summary, links = _read(self._out / SUMMARY, _COLUMNS), _read(self._out / LINK_TABLE, _LINKS)
        if others := [name for name, original in links if name != original]:
            cause = f"links {others[0]} to another name, which predict never does"
            raise InputError(self._out / LINK_TABLE, cause, _MEND)
        return (
            {row[0]: row for row in summary if (self._out / PATIENTS / row[0]).is_dir()},
            {row[0] for row in links if (self._out / CONTOURS / row[0]).is_dir()},
        )

    def write(self, rows: Sequence[Row]) -> None:
        """Write what is there now, with these rows in place of their patients' old ones.

        Raises
        ------
        BusyError : another run holds the tables, and does not end
        InputError : one of them is no longer what predict wrote
        """
        with alone(lock_file(self._out)):
            summary, links = self._stand()
            links = links - {row.patient_id for row in rows} | {row.patient_id for row in rows if row.judged}
            for r in rows:
                row = [r.patient_id, r.images, r.refused, r.ed_frame, r.es_frame, *r.values, r.unsure, r.reason]
                summary[r.patient_id] = row
            write_rows(self._out / LINK_TABLE, _LINKS, ((name, name) for name in sorted(links)))
            write_rows(self._out / SUMMARY, _COLUMNS, (row for _, row in sorted(summary.items())))


def _read(path: Path, columns: Sequence[str]) -> list[list[str]]:
    """Rows of a table; none where there is no file."""
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = list(csv.reader(file, strict=True)) or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(path, f"cannot be read ({error})", _MEND) from error
    if head != list(columns) or any(len(row) != len(columns) for row in rows):
        raise InputError(path, "is not a table that this version of predict wrote", _MEND)
    return rows
