"""What a table says of the patients that the store does not: their pathology, and which of them are one person."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cmrpipe.errors import InputError

_PATIENT, _PATHOLOGY, _PERSON = "patient_id", "pathology", "person"


@dataclass(frozen=True, slots=True)
class Cohort:
    """What is known of patients, by patient id; of those that are not named, nothing.

    Attributes
    ----------
    pathology : the kind of heart; those that it does not name are a kind of their own
    person : a name that several patient ids have in common who are visits of one person
    table : where this was read, for messages
    """

    pathology: Mapping[str, str] = field(default_factory=dict)
    person: Mapping[str, str] = field(default_factory=dict)
    table: Path | str = field(default="the table of persons", compare=False)

    def people(self, patients: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The patients by the first of each person's ids, both sorted; one whose person is not told is one alone.

        Raises
        ------
        InputError : a person has the name of one of these patients, who may or may not be meant
        """
        ids = set(patients)
        _refuse_ids(self.table, set(self.person.values()) & ids)
        visits: dict[str, list[str]] = defaultdict(list)
        for patient in sorted(ids):
            visits[self.person.get(patient) or patient].append(patient)
        return {some[0]: tuple(some) for some in visits.values()}


def read_cohort(path: Path) -> Cohort:
    """Read a table with columns patient_id and pathology and, where wanted, person; no file says nothing.

    Raises
    ------
    InputError : it is no such table, names a patient twice, or has a patient's id for a person's name
    """
    if not path.exists():
        return Cohort()
    mend = f"Give it the columns {_PATIENT} and {_PATHOLOGY}, {_PERSON} if you like, and a row a patient"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(path, f"cannot be read ({error})", mend) from error
    columns = set(rows[0]) if rows else {_PATIENT, _PATHOLOGY}
    if not {_PATIENT, _PATHOLOGY} <= columns:
        raise InputError(path, f"has columns {', '.join(sorted(map(str, columns)))}", mend)
    short = [number for number, row in enumerate(rows, 1) if None in row or None in row.values()]
    if short:
        raise InputError(path, f"has a row with more or fewer cells than columns (row {short[0]} of patients)", mend)
    ids = [row[_PATIENT].strip() for row in rows]
    if twice := sorted(patient for patient, count in Counter(ids).items() if count > 1):
        raise InputError(path, f"names patients twice: {', '.join(twice)}", mend)
    person = {patient: row.get(_PERSON, "").strip() for patient, row in zip(ids, rows, strict=True)}
    _refuse_ids(path, set(filter(None, person.values())) & set(ids))
    return Cohort({patient: row[_PATHOLOGY].strip() for patient, row in zip(ids, rows, strict=True)}, person, path)


def _refuse_ids(where: Path | str, named: Collection[str]) -> None:
    """Refuse patients' ids for a person's name: `forget` takes rows that have an id."""
    if named:
        raise InputError(
            where,
            f"has a patient's id for a person's name: {', '.join(sorted(named))}",
            f"In the column {_PERSON}, give all ids of one person one name that is no patient's id",
        )
