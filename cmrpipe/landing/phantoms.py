"""Phantom and real patients never stand in one set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cmrpipe.connect.source import Source
from cmrpipe.errors import LandingError
from cmrpipe.landing.ledger import Ledger
from cmrpipe.layouts import CONTOURS, DICOMS, LINK_FOLDER, PHANTOM, patient_folders, standing
from cmrpipe.logger import Logger

log = Logger(__name__)


def is_synthetic(root: Path) -> bool:
    """Whether a folder holds phantom patients (a `phantom.json` says so)."""
    return (root / PHANTOM).is_file()


def check_mix(source: Source, raw: Path) -> None:
    """Refuse to bring phantom patients to real ones.

    Raises
    ------
    LandingError : `source` is a phantom, `raw` holds patients that are not
    """
    if source.phantom is not None and patient_folders(raw) and not is_synthetic(raw):
        raise LandingError(
            source.address,
            f"holds phantom patients, and {raw} holds real ones",
            "Use another workspace for the phantom",
        )


def make_way(source: Source, raw: Path, ledger: Ledger) -> tuple[str, ...]:
    """Remove landed phantom patients when other patients come; their folders."""
    if not is_synthetic(raw) or _same_phantom(source, raw):
        return ()
    there = patient_folders(raw)
    for folder in (DICOMS, CONTOURS, LINK_FOLDER):
        shutil.rmtree(raw / folder, ignore_errors=True)
    (raw / PHANTOM).unlink()
    ledger.without(lambda entry: standing(raw, entry.folder) is None)
    log.warning("phantom patients made way", patients=len(there), source=source.address)
    return tuple(f"{DICOMS}/{patient}" for patient in there)


def _same_phantom(source: Source, raw: Path) -> bool:
    """Whether the phantom of `source` is the landed one, or the same with more or fewer patients."""
    if source.phantom is None:
        return False
    ours, theirs = (json.loads(data) for data in ((raw / PHANTOM).read_bytes(), source.phantom))
    return bool(ours["arguments"]["seed"] == theirs["arguments"]["seed"])
