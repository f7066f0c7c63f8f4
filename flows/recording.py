"""Recording the raw folder with DVC, and nothing that happened to it unseen.

`dvc add data/raw` takes whatever stands there: a file that rotted or was deleted would become the record, and every
later check would be clean. So the new list is held against the old one. A folder may differ where its content is what
landed last, by the ledger; files that were never recorded may come; anything else keeps the old record, and is told.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.landing import Ledger, content_of
from cmrpipe.layouts import PHANTOM, folder_of
from flows.dvc import run_dvc
from flows.integrity.objects import Cache, Objects, RemoteError
from flows.integrity.records import Out, tracked
from flows.integrity.trees import Entries, proven

RAW = Path("data") / "raw"
_RECORD = RAW.with_suffix(".dvc")
_NAMED = 5


class UnrecordedError(CmrpipeError):
    """The raw folder is not what was recorded of it, for no reason that is known."""


def nothing(_: str) -> bool:
    """No further change was meant."""
    return False


def record_raw(workspace: Path, *, meant: Callable[[str], bool] = nothing, timeout_s: float | None = None) -> None:
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
    before = _recorded(workspace)
    look: Callable[[], None] | None = None
    if before is not None:
        known, cache = _listed(workspace, before)
        look = partial(_check, workspace, before, known, cache, meant)
    run_dvc(["add", RAW.as_posix()], workspace, log_name="add-raw", timeout_s=timeout_s, look=look)


def _check(workspace: Path, before: Out, known: Entries, cache: Cache, meant: Callable[[str], bool]) -> None:
    """Hold the new list against the old one, `known`."""
    after = _recorded(workspace)
    if after is None or after.md5 == before.md5:
        return
    tree = proven(after.md5, cache.read(after.md5))
    now = {} if tree is None else tree.entries
    changed = [path for path, md5 in sorted(known.items()) if now.get(path) != md5 and not meant(path)]
    unmeant = _unexplained(workspace / RAW, changed)
    if unmeant and not (PHANTOM in known and PHANTOM not in now):  # phantom patients make way as a whole
        named = [f"{path} ({'altered' if path in now else 'missing'})" for path in unmeant[:_NAMED]]
        more = f" and {len(unmeant) - _NAMED} more" if len(unmeant) > _NAMED else ""
        raise UnrecordedError(
            workspace / RAW,
            f"{len(unmeant)} files are not as they were recorded, and no landing changed them: "
            f"{', '.join(named)}{more}. Nothing was recorded",
            "`cmrpipe rebuild` (in a fresh clone `dvc pull`) brings them back, then do the same again; when you "
            "changed them yourself: `dvc add data/raw`",
        )


def _recorded(workspace: Path) -> Out | None:
    return next((out for out in tracked(workspace) if out.path == RAW.as_posix()), None)


def _listed(workspace: Path, out: Out) -> tuple[Entries, Cache]:
    """DVC's list of the raw folder's files, from the cache, else from the default remote; and the cache."""
    objects = Objects(workspace)
    try:
        tree = proven(out.md5, objects.cache.read(out.md5))
        if tree is None and objects.default:
            with suppress(RemoteError):
                tree = proven(out.md5, objects.remote().read(out.md5))
        if tree is None:
            raise UnrecordedError(
                workspace / _RECORD,
                f"its list of files ({out.md5}) is neither in the cache nor in the default remote, so nobody knows "
                "whether all of them are there",
                "`cmrpipe verify` tells more; in a fresh clone `dvc pull data/raw.dvc`; when data/raw is right as it "
                "is: `dvc add data/raw`",
            )
        return tree.entries, objects.cache
    finally:
        objects.close()


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
