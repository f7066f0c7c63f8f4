"""A patient's traces in the workspace itself: what there is, and taking it out."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from cmrpipe.connect.opening import fetching
from cmrpipe.csvfile import csv_text
from cmrpipe.files import write_bytes, write_text
from cmrpipe.landing import Ledger, remove, replaced, staging
from cmrpipe.nouns import counted
from cmrpipe.plainyaml import read_record
from cmrpipe.quarantine import known_quarantine, write_quarantine
from cmrpipe.readers.layouts import ASIDE, link_tables, standing
from cmrpipe.readers.links import composed
from cmrpipe.workspace import HERE, Workspace
from flows.dvc import LOGS
from flows.forget.person import Person
from flows.forget.vault import table_without

OUTPUTS = ("catalog", "findings", "overlays", "store", "model", "evaluation", "report")
BESIDE = (HERE.crossvalidation.name, HERE.suspects.name)
"""What commands outside the pipeline wrote: it speaks of all patients, and is removed."""
LATER = ("evaluate", "report")
"""Stages whose outputs are removed: they speak of a model that saw the patient, and are made anew with the next one."""
_NOT_OURS = ("data/model/", "data/models/", "data/phantom/", "data/inbox/", "data/raw/phantom.json")
"""What may go on naming a patient: models, sources, and the truth of synthetic patients, who are nobody."""
_FOLDERS = {"ingest": "catalog", "validate": "findings", "overlay": "overlays", "evaluate": "evaluation"}


def _size(folder: Path) -> tuple[int, int]:
    """Number of files of a folder, or one archive, and their bytes."""
    files = [path for path in (folder, *folder.rglob("*")) if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def _about(person: Person, name: str) -> bool:
    theirs = [composed(own) for own in (person.patient_id, *person.folders)]
    return any(composed(name) == own or composed(name).startswith(f"{own}/") for own in theirs)


def traces(root: Path, person: Person) -> Iterator[str]:
    """What the workspace has of a patient, a line each."""
    home = Workspace(root)
    for folder in person.folders:
        place = standing(home.raw, folder)
        if place is not None:
            count, size = _size(place)
            yield f"data/raw/{place.relative_to(home.raw)}: {counted(count, 'file')}, {size / 1e6:.1f} MB"
    for table in link_tables(home.raw):
        if person.named_in((home.raw / table).read_bytes()):
            yield f"data/raw/{table}: rows"
    for path in sorted((home.raw / ASIDE).glob("*.csv")):
        if person.named_in(path.name) or person.named_in(path.read_bytes()):
            yield f"data/raw/{ASIDE}/{path.name}"
    for name in (*OUTPUTS, *BESIDE):
        output = home.data / name
        files = [path for path in output.rglob("*") if path.is_file()]
        own = sum(person.named_in(path.relative_to(output).as_posix()) for path in files)
        if own:
            yield f"data/{name}: {counted(own, 'file')} of their own, and what the shared ones say"
    for training in sorted(home.data.glob(".*-training")):
        walls, logs = training.rglob("*.npz"), training.rglob("*.jsonl")
        if any(person.named_in(path.name) for path in walls) or any(
            person.named_in(path.read_bytes()) for path in logs
        ):
            yield f"data/{training.name}: what a killed training would go on from"
    yield from _listed(home, person)
    for folder in person.folders:
        for kept in sorted((replaced(home.raw) / folder).glob("*")):
            yield f"data/{kept.relative_to(home.data)}: a replaced version"


def _listed(home: Workspace, person: Person) -> Iterator[str]:
    """What the lists say that people edit, and the ledger."""
    rows = [row for row in known_quarantine(home.quarantine) if _about(person, row.name)]
    if rows:
        yield f"quarantine.csv: {counted(len(rows), 'row')}"
    if home.pathology.exists() and person.named_in(home.pathology.read_bytes()):
        yield "pathology.csv: a row"
    lines = sum(entry.folder in person.folders for entry in Ledger(home.raw).entries)
    if lines:
        yield f"data/landings.csv: {counted(lines, 'line')}"


def erase(root: Path, person: Person) -> Counter[str]:
    """Take a patient out of raw data, lists and memories; outputs are the stages' business. What was removed."""
    home, done = Workspace(root), Counter[str]()
    for folder in person.folders:
        place = standing(home.raw, folder)
        if place is not None:
            done["raw files"] += _size(place)[0]
            remove(place)
        shutil.rmtree(replaced(home.raw) / folder, ignore_errors=True)
    for path in link_tables(home.raw):
        data = (home.raw / path).read_bytes()
        rest = table_without(data, person)
        if rest != data:
            done["link tables"] += 1
            write_bytes(home.raw / path, rest)
    _erase_asides(home.raw, person)
    rows = known_quarantine(home.quarantine)
    kept = [row for row in rows if not _about(person, row.name)]
    if len(kept) < len(rows):
        done["quarantine rows"] += len(rows) - len(kept)
        write_quarantine(home.quarantine, kept)
    if home.pathology.exists() and person.named_in(home.pathology.read_bytes()):
        done["pathology rows"] += 1
        _take_rows(home.pathology, person)
    done["ledger lines"] += Ledger(home.raw).without(lambda entry: entry.folder in person.folders)
    for place in (fetching(home.raw), staging(home.raw), home.state):
        shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(home.tables, ignore_errors=True)  # written anew with the next findings
    for memory in home.data.glob(".*-seen.sqlite"):
        memory.unlink()
    for training in home.data.glob(".*-training"):  # what a killed one would have gone on from
        shutil.rmtree(training, ignore_errors=True)
    return done


def _erase_asides(raw: Path, person: Person) -> None:
    for path in sorted((raw / ASIDE).glob("*.csv")):
        if path.stem == person.patient_id:
            path.unlink()
        elif person.named_in(path.read_bytes()):
            _take_rows(path, person)


def _take_rows(table: Path, person: Person) -> None:
    """Write a table again without the rows that name the patient."""
    with table.open(encoding="utf-8", newline="") as stream:
        kept = [row for row in csv.reader(stream) if not any(person.named_in(cell) for cell in row)]
    write_text(table, csv_text(kept))


def drop_outputs(root: Path, stages: Iterable[str]) -> None:
    """Remove outputs of stages with their records, and what stages keep beside their outputs."""
    home = Workspace(root)
    for stage in stages:
        shutil.rmtree(home.data / _FOLDERS.get(stage, stage), ignore_errors=True)
    for kept in (*BESIDE, *(path.name for path in home.data.glob(".*-pending"))):
        shutil.rmtree(home.data / kept, ignore_errors=True)
    value = read_record(home.lock.read_text(encoding="utf-8"))
    for stage in stages:
        (value.get("stages") or {}).pop(stage, None)
    write_text(home.lock, yaml.safe_dump(value, sort_keys=False))
    shutil.rmtree(root / LOGS, ignore_errors=True)


def remaining(root: Path, person: Person) -> list[str]:
    """Files of the workspace that still name the patient, the model's apart (Parquet and HDF5 by name only)."""
    found = []
    for path in sorted(Workspace(root).data.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not name.startswith(_NOT_OURS):
            text = path.suffix in {".csv", ".json", ".html", ".jsonl", ".txt", ".js"}
            if person.named_in(name) or (text and person.named_in(path.read_bytes())):
                found.append(name)
    return found
