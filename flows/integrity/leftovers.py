"""Temporary files that a killed process left: DVC ignores them, and ingest would count those in raw as stray."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from flows.dvclocks import runs
from flows.integrity.objects import Cache
from flows.integrity.records import Out

_TEMPORARY = re.compile(r"\.tmp-(\d+)-")


def scratch_of(root: Path, out: Out) -> Path:
    """Where an output is made again: beside it, so that paths inside pages stay the same."""
    return (root / out.path).with_name(f".rebuild-{Path(out.path).name}")


def clear_scratch(scratch: Path) -> None:
    """Remove what was made again, and what its stage kept beside it."""
    for path in (scratch, *scratch.parent.glob(f".{scratch.name}*")):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _abandoned(folder: Path) -> Iterator[Path]:
    for base, _, names in os.walk(folder):
        for name in names:
            match = _TEMPORARY.match(name)
            if match and not runs(int(match[1])):
                yield Path(base, name)


def clear_leftovers(root: Path, outs: Iterable[Out], cache: Cache) -> None:
    """Remove what killed processes left in outputs and cache, and half-made outputs; the caller holds the write lock.

    Files of a process that still runs stay: a stage may be at work without the lock.
    """
    folders = [cache.folder]
    for out in outs:
        clear_scratch(scratch_of(root, out))
        folders += [root / out.path] if out.is_folder else []
    for folder in folders:
        for path in list(_abandoned(folder)):
            path.unlink(missing_ok=True)
