"""What on a shelf is this workspace's: a remote, or a shared cache, may hold other workspaces' objects as well.

Another workspace may have the same id for somebody else, or the same patient in a study of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from cmrpipe.readers.items import real
from flows.git import said
from flows.integrity.objects import Cache

_NAME = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?:\.dir)?(?![0-9a-f])")
_RECORDS = ("dvc.lock", "*.dvc", "data/*.dvc")


def named_here(root: Path) -> set[str]:
    """Objects that DVC's records name: as they stand, in every commit that git has here, and in what commits say.

    Commits count that a branch, a tag, the stash or a log of one of these leads to.
    """
    versions = ("--text", "--no-ext-diff", "--no-textconv", "--no-color", "-U0", "-p", "-m", "--format=")
    globs = (f":(glob){pattern}" for pattern in _RECORDS)
    everywhere = ("log", "--all", "--reflog")
    found = set(_NAME.findall(said(root, *everywhere, *versions, "--", *globs)))
    found |= set(_NAME.findall(said(root, *everywhere, "--format=%B")))  # of commits, too, that touch no record
    for pattern in _RECORDS:
        for path in root.glob(pattern):
            if path.is_file():
                found |= set(_NAME.findall(path.read_text(encoding="utf-8", errors="replace")))
    return found


def owned(root: Path, cache: Cache) -> frozenset[str]:
    """Objects of this workspace: what its records name or named, and all that a cache within it has."""
    own = real(cache.folder).is_relative_to(real(root / ".dvc"))
    return frozenset(named_here(root) | set(cache.all() if own else ()))
