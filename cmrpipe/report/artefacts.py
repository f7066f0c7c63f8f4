"""Where a run's artefacts lie, and those of them that are plain tables: read if there, absent if not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cmrpipe.errors import InputError
from cmrpipe.files import sha256_bytes


class Places(Protocol):
    """Where a run's artefacts lie; all but the catalog (with findings, also the quarantine) may be missing.

    A `Workspace` is one.
    """

    @property
    def catalog(self) -> Path:
        """Output of ingest."""

    @property
    def findings(self) -> Path:
        """Output of validate."""

    @property
    def quarantine(self) -> Path:
        """The quarantine file."""

    @property
    def overlays(self) -> Path:
        """Output of overlay."""

    @property
    def store(self) -> Path:
        """Output of store."""

    @property
    def model(self) -> Path:
        """Output of train."""

    @property
    def evaluation(self) -> Path:
        """Output of evaluate."""

    @property
    def report(self) -> Path:
        """Output of report."""


@dataclass(frozen=True, slots=True)
class Artefacts:
    """`Places` given one by one."""

    catalog: Path
    findings: Path
    quarantine: Path
    overlays: Path
    store: Path
    model: Path
    evaluation: Path
    report: Path


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "Run the stage that writes it again") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; an empty one when the file is not there."""
    text = _text(path)
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(path, f"is not JSON ({error})", "Run the stage that writes it again") from error
    if not isinstance(value, dict):
        raise InputError(path, "is not a JSON object", "Run the stage that writes it again")
    return value


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file; none when the file is not there."""
    text = _text(path)
    return [] if text is None else list(csv.DictReader(io.StringIO(text)))


def number(text: str | None) -> float | None:
    """A cell as a number; None for an empty or absent one."""
    return float(text) if text else None


def digests(artefacts: Places) -> Mapping[str, str]:
    """SHA-256 of what names the versions of the data: the manifests, the quarantine, the model, the figures."""
    files = {
        "catalog": artefacts.catalog / "manifest.json",
        "findings": artefacts.findings / "manifest.json",
        "quarantine": artefacts.quarantine,
        "store": artefacts.store / "manifest.json",
        "model": artefacts.model / "model.json",
        "evaluation": artefacts.evaluation / "metrics.json",
    }
    return {name: sha256_bytes(path.read_bytes()) for name, path in files.items() if path.is_file()}
