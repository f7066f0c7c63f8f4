"""Recording the raw folder with DVC, and nothing that happened to it unseen.

A folder of it may differ from its record where its content is what landed last, by the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cmrpipe.landing import Ledger, content_of
from cmrpipe.layouts import PHANTOM, folder_of
from cmrpipe.workspace import HERE, Workspace
from flows.folders import record_folder
from flows.integrity.trees import Entries


def record_raw(workspace: Path, *, meant: Callable[[str], bool], timeout_s: float | None = None) -> None:
    """Let DVC record the raw folder as it stands. The caller holds the write lock.

    Parameters
    ----------
    meant : whether a change of this file (relative to the raw folder) was meant, beside what the ledger says
    timeout_s : DVC is ended after this time

    Raises
    ------
    UnrecordedError : recorded files are missing or altered; the record stays as it was
    DvcError : DVC failed
    """

    def unmeant(known: Entries, now: Entries) -> list[str]:
        if PHANTOM in known and PHANTOM not in now:  # phantom patients make way as a whole
            return []
        changed = [path for path, md5 in sorted(known.items()) if now.get(path) != md5 and not meant(path)]
        return _unexplained(Workspace(workspace).raw, changed)

    record_folder(workspace, HERE.raw, unmeant=unmeant, timeout_s=timeout_s)


def _unexplained(raw: Path, paths: list[str]) -> list[str]:
    """Those of the changed files whose folder is not what landed last, by the ledger."""
    ledger = Ledger(raw)
    landed: dict[str, bool] = {}
    found = []
    for path in paths:
        folder = folder_of(path)
        if folder not in landed:
            last = ledger.last(folder)
            landed[folder] = last is not None and last.new == content_of(raw, folder)
        if not landed[folder]:
            found.append(path)
    return found
