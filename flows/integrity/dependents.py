"""What depends on a raw file that is lost: told in full, so that nothing is dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmrpipe.incremental.manifest import salvage
from cmrpipe.nouns import counted
from cmrpipe.readers.layouts import CONTOURS, DICOMS, folder_of
from cmrpipe.workspace import HERE, Workspace
from flows.integrity.owners import Owners
from flows.integrity.survey import CATALOG, RAW, STORE

_PARTS = ("train", "val", "test")


def _units(folder: Path, patient: str, owners: Owners) -> dict[str, Any]:
    """A patient's entries in a stage's manifest, as far as it can be read."""
    return {key: entry for key, entry in salvage(folder).items() if owners.of(f"{folder.name}/{key}") == patient}


def _part(splits: Path, patient: str) -> str:
    """In which part of the model's split a patient is, "" when in none."""
    try:
        split = json.loads(splits.read_bytes())
    except (OSError, ValueError):
        return ""
    found = split if isinstance(split, Mapping) else {}
    return next((part for part in _PARTS if patient in (found.get(part) or ())), "")


def dependents(root: Path, path: str, owners: Owners) -> tuple[str, ...]:
    """What was made from a raw file, a line each; it still stands as it was made while the file was whole.

    Parameters
    ----------
    path : relative to the workspace, below data/raw
    """
    name = path.removeprefix(f"{RAW}/")
    patient = owners.of(path)
    if not name.startswith((f"{DICOMS}/", f"{CONTOURS}/")):
        return ("every patient: the file is nobody's, and the whole catalog was read with it",)
    if not patient:
        return ("nobody: its contours are linked to no patient",)
    unit = folder_of(name)
    home = Workspace(root)
    lines = [f"{CATALOG}: {unit} (its file: {', '.join(files)})" for files in _files(home.catalog, unit)]
    pictures = sum(len(entry["files"]) for entry in _units(home.overlays, patient, owners).values())
    if pictures:
        lines.append(f"{HERE.overlays}: {counted(pictures, 'picture')} of {patient}")
    for entry in _units(home.store, patient, owners).values():
        samples = int(entry["info"].get("samples", 0))
        if samples:
            lines.append(f"{STORE}: {patient}, {counted(samples, 'sample')}")
    part = _part(home.model / "splits.json", patient)
    if part:
        lines.append(f"{HERE.model}: {patient} is one of its {part} patients")
    if part == "test":
        lines.append(f"{HERE.evaluation}: its figures count {patient}")
    if any(home.report.glob("*.html")):
        lines.append(f"{HERE.report}: counts, and the page of {patient}")
    return tuple(lines)


def _files(catalog: Path, unit: str) -> list[list[str]]:
    return [sorted(entry["files"]) for key, entry in salvage(catalog).items() if key == unit]
