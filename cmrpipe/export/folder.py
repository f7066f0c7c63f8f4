"""The output folder of an export: it appears whole or not at all, and replaces nothing but an export of its kind."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cmrpipe.errors import InputError
from cmrpipe.files import disk_trouble, sha256_file, write_json
from cmrpipe.incremental.folders import replacing

MARKER = "cmrpipe-export.json"
"""Names the kind of export, the store it was made from, and every file with its SHA-256."""
_MEND = "Name a new folder with --output, or move that one away"


def _files(folder: Path) -> set[str]:
    return {Path(base, name).relative_to(folder).as_posix() for base, _, names in os.walk(folder) for name in names}


def _check_replaceable(output: Path, kind: str) -> None:
    """Refuse an output that somebody else made, or put something into."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not output.is_dir():
        raise InputError(output, "is a file", _MEND)
    try:
        marker = json.loads((output / MARKER).read_bytes())
        listed, found_kind = set(marker["files"]), marker["kind"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(output, "exists and was not made by `cmrpipe export`", _MEND) from error
    if found_kind != kind:
        raise InputError(output, f"holds an export of another kind ({found_kind})", _MEND)
    strangers = sorted(_files(output) - listed - {MARKER})
    if strangers:
        raise InputError(output, f"holds files that `cmrpipe export` did not write ({strangers[0]})", _MEND)


@contextmanager
def new_folder(output: Path, kind: str, about: Mapping[str, Any]) -> Iterator[Path]:
    """Give a folder to fill; when the block ends well, it takes the place of `output`.

    Parameters
    ----------
    output : must not exist, be empty, or hold an export of the same kind, which stays until the new one is whole
    kind : of export
    about : what the marker says of where it came from (JSON-able)

    Raises
    ------
    InputError : `output` holds something else
    DiskError : the disk is full or closed
    """
    output = output.absolute()
    lock = output.parent / f".{output.name}.lock"
    with disk_trouble(output.parent), replacing(lock, output) as (fresh,):
        _check_replaceable(output, kind)
        yield fresh
        hashes = {name: sha256_file(fresh / name) for name in sorted(_files(fresh))}
        write_json(fresh / MARKER, {**about, "kind": kind, "files": hashes})


@contextmanager
def table(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Give a function that adds a row to a new CSV file; the first row's keys are the heading."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writers: list[csv.DictWriter[str]] = []

        def add(row: Mapping[str, Any]) -> None:
            if not writers:
                writers.append(csv.DictWriter(stream, list(row), lineterminator="\n"))
                writers[0].writeheader()
            writers[0].writerow(row)

        yield add
        stream.flush()
        os.fsync(stream.fileno())
