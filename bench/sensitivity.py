"""The last table in docs/validation.md: which mistakes validation sees when they are made on purpose in real patients.

    python bench/sensitivity.py

Both real sets stand together in one temporary raw folder. What validation leaves out of them as they are is taken out
first. Then faults are planted, one at a time: a patient's files are altered, the set is ingested and validated as a
user would, and the files are put back. A fault counts as told when validation then has, of that patient,

- a finding of severity error or warning that is not there without the fault (of its code, at its file and number), or
  a row of the quarantine that is not,
- and this is about an image that has the fault, or one of its contours, or about the patient as a whole. Of a fault
  in all of a patient's contours, whatever is new about the patient counts.

Where something new is told of the patient's other images alone, somebody would look and might find it; such faults are
counted by themselves. What is said of other patients, or of the set as a whole, does not count.

One contour: of all endocardia in the middle third of a patient's drawn slices, one that the seed draws, the same for
all faults of one contour or image. Contours are made wider or narrower about the centre of their area.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import SHARED, print_table
from mistakes import FAULTS, Files, Patient, Planted, Target, patient_of

from cmrpipe.catalog import Catalog
from cmrpipe.codes import FindingCode, Severity
from cmrpipe.findings import read_findings
from cmrpipe.linking import catalog_links
from cmrpipe.params import IngestParams, ValidateParams
from cmrpipe.phantom.generate import stream
from cmrpipe.progress import silent
from cmrpipe.quarantine import left_out, read_quarantine
from cmrpipe.readers.layouts import CONTOURS, DICOMS, LINK_TABLE, folder_of, link_tables
from cmrpipe.readers.links import HEADER, read_link_table
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.validate import validate

SETS = ("final_data", "more_patients")
DEFINITION = (
    "told: a new finding of severity error or warning, or a new row of the quarantine, about an image that has the\n"
    "fault, its contours, or the patient as a whole; elsewhere: only about other images of the patient"
)


@dataclass(frozen=True, slots=True)
class Said:
    """What validation says: errors and warnings as (patient, code, path, number), names in quarantine."""

    findings: frozenset[tuple[str, FindingCode, str, int | None]]
    quarantined: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is new about the patient of a fault: codes at its place, codes elsewhere, whether something is left out."""

    codes: frozenset[FindingCode]
    elsewhere: frozenset[FindingCode]
    left_out: bool

    @property
    def told(self) -> bool:
        """Whether somebody would look at the right place."""
        return bool(self.codes) or self.left_out


class Space:
    """A raw folder with all sets, and what the stages make of it.

    Attributes
    ----------
    taken_out : how many contours, images and patients validation left out, and are not there any more
    clean : what is said without a fault
    """

    def __init__(self, base: Path, data: Path) -> None:
        self.base, self.raw = base, base / "raw"
        rows = [HEADER]
        for name in SETS:
            for parent in (DICOMS, CONTOURS):
                shutil.copytree(
                    data / name / parent, self.raw / parent, dirs_exist_ok=True, copy_function=shutil.copyfile
                )
            for table in link_tables(data / name):
                links = read_link_table((data / name / table).read_bytes(), table).links
                rows += [(link.patient_id, link.original_id) for link in links]
        self._write_links(rows)
        self.taken_out = self._take_out(rows)
        self.clean = self.said()

    def _write_links(self, rows: Sequence[tuple[str, ...]]) -> None:
        (self.raw / LINK_TABLE).write_text("".join(f"{','.join(row)}\n" for row in rows))

    def _take_out(self, rows: Sequence[tuple[str, ...]]) -> dict[str, int]:
        """Remove what validation leaves out; how many of a kind that are."""
        self.said()
        gone = left_out(read_quarantine(self.base / "quarantine.csv")).rows
        for name, row in gone.items():
            if row.what == "patient":
                shutil.rmtree(self.raw / DICOMS / name)
                for patient, original in rows:
                    if patient == name:
                        shutil.rmtree(self.raw / CONTOURS / original)
            else:
                (self.raw / name).unlink()
        self._write_links([row for row in rows if row[0] not in gone])
        for folder in (self.raw / CONTOURS).glob("*/*"):
            if not any(folder.iterdir()):
                folder.rmdir()
        return Counter(row.what for row in gone.values())

    def said(self) -> Said:
        """Ingest and validate; what is said."""
        base = self.base
        ingest(self.raw, base / "catalog", base / "state", IngestParams(), listen=silent)
        validate(
            self.raw,
            base / "catalog",
            base / "findings",
            base / "quarantine.csv",
            ValidateParams(),
            listen=silent,
        )
        return Said(
            frozenset(
                (f.patient_id, f.code, f.path, f.instance_number)
                for f in read_findings(base / "findings")
                if f.severity is not Severity.INFO
            ),
            frozenset(left_out(read_quarantine(base / "quarantine.csv")).rows),
        )

    def patients(self) -> list[Patient]:
        """All patients with an endocardium."""
        catalog = Catalog(self.base / "catalog")
        links = catalog_links(catalog).originals
        everybody = [patient_of(catalog, patient, originals) for patient, originals in links.items()]
        return [patient for patient in everybody if patient.endo]

    @contextmanager
    def planted(self, files: Files) -> Iterator[None]:
        """Altered files for as long as the block lasts."""
        before = {path: (self.raw / path).read_bytes() if (self.raw / path).is_file() else None for path in files}
        self._put(files)
        yield
        self._put(before)

    def _put(self, files: Files) -> None:
        for path, data in files.items():
            if data is None:
                (self.raw / path).unlink()
            else:
                (self.raw / path).write_bytes(data)


def number_of(path: str) -> int:
    """The number in an image's or a contour's file name."""
    found = re.search(r"(\d+)(-[io]contour-\w+)?\.\w+$", path)
    assert found is not None, path
    return int(found[1])


def judge(patient: Patient, planted: Planted, before: Said, after: Said) -> Outcome:
    """What is new about the patient."""
    at: set[FindingCode] = set()
    elsewhere: set[FindingCode] = set()
    for patient_id, code, _, number in after.findings - before.findings:
        if patient_id == patient.patient_id:
            here = planted.numbers is None or number is None or number in planted.numbers
            (at if here else elsewhere).add(code)
    gone = [
        name
        for name in after.quarantined - before.quarantined
        if name == patient.patient_id
        or (folder_of(name) in patient.folders and (planted.numbers is None or number_of(name) in planted.numbers))
    ]
    return Outcome(frozenset(at), frozenset(elsewhere), bool(gone))


def outcomes(space: Space, patients: int | None, seed: int) -> dict[str, list[Outcome]]:
    """Plant every fault in every patient (or in so many, from all over the set)."""
    everybody = space.patients()
    count = min(patients or len(everybody), len(everybody))
    found: dict[str, list[Outcome]] = {name: [] for name in FAULTS}
    for done, index in enumerate(np.linspace(0, len(everybody) - 1, count).round().astype(int).tolist()):
        patient = everybody[index]
        print(f"{patient.patient_id}, {done + 1} of {count}", file=sys.stderr, flush=True)
        for name, deed in FAULTS.items():
            planted = deed(Target(space.raw, patient, everybody), stream(seed, index))
            if planted is not None:
                with space.planted(planted.files):
                    found[name].append(judge(patient, planted, space.clean, space.said()))
    assert space.said() == space.clean, "files were not put back"
    return found


def table(found: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
    """A row a fault."""
    rows = [["fault", "patients", "told", "and left out", "elsewhere", "told by"]]
    for name, results in found.items():
        codes = Counter(code.value for result in results for code in result.codes)
        counts = (
            len(results),
            sum(result.told for result in results),
            sum(result.left_out for result in results),
            sum(bool(result.elsewhere) and not result.told for result in results),
        )
        by = ", ".join(f"{code} {number}" for code, number in sorted(codes.items(), key=lambda c: (-c[1], c[0])))
        rows.append([name, *map(str, counts), by])
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED, help=f"folder with {' and '.join(SETS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patients", type=int, default=None, help="plant in so many only, for a shorter run")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # UIDs with leading zeros
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        space = Space(Path(folder), options.data)
        found = outcomes(space, options.patients, options.seed)
    print(f"{sum(map(len, found.values()))} faults, seed {options.seed}, {time.perf_counter() - start:.0f} s")
    print("taken out before:", ", ".join(f"{what} {number}" for what, number in space.taken_out.items()))
    there = sorted(f"{patient or 'the set'} {code}" for patient, code, _, _ in space.clean.findings)
    print("there without a fault:", ", ".join(there))
    print(DEFINITION)
    print_table(table(found))


if __name__ == "__main__":
    main()
