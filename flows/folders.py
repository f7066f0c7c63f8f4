"""Folders that `dvc add` records: what is recorded of them, and recording them anew.

`dvc add` takes whatever stands there: a file that rotted or was deleted would become the record, and every later check
would be clean. So the new list is held against the old one. Files that were never recorded may come; a file that was
recorded and is another now, or gone, keeps the old record, and is told, unless somebody can say why.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from flows.dvc import run_dvc
from flows.integrity.objects import Cache, Objects, RemoteError
from flows.integrity.records import Out, tracked
from flows.integrity.trees import Entries, proven

_NAMED = 5


class UnrecordedError(CmrpipeError):
    """A folder is not what was recorded of it, for no reason that is known."""


def record_folder(
    workspace: Path, folder: Path, *, unmeant: Callable[[Entries, Entries], list[str]], timeout_s: float | None
) -> None:
    """Let DVC record a folder as it stands. The caller holds the write lock.

    Parameters
    ----------
    folder : relative to the workspace
    unmeant : given what was recorded and what is there now, the recorded files that nobody meant to change
    timeout_s : DVC is ended after this time

    Raises
    ------
    UnrecordedError : there are such files; the record stays as it was
    DvcError : DVC failed
    """
    before = recorded(workspace, folder)
    look: Callable[[], None] | None = None
    if before is not None:
        known, cache = listed(workspace, before)
        look = partial(_check, workspace, folder, before, known, cache, unmeant)
    run_dvc(["add", folder.as_posix()], workspace, log_name=f"add-{folder.name}", timeout_s=timeout_s, look=look)


def _check(
    workspace: Path,
    folder: Path,
    before: Out,
    known: Entries,
    cache: Cache,
    unmeant: Callable[[Entries, Entries], list[str]],
) -> None:
    """Hold the new list against the old one, `known`."""
    after = recorded(workspace, folder)
    if after is None or after.md5 == before.md5:
        return
    tree = proven(after.md5, cache.read(after.md5))
    now = {} if tree is None else tree.entries
    changed = unmeant(known, now)
    if changed:
        named = [f"{path} ({'altered' if path in now else 'missing'})" for path in changed[:_NAMED]]
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        raise UnrecordedError(
            workspace / folder,
            f"{len(changed)} files are not as they were recorded, and nothing that is known changed them: "
            f"{', '.join(named)}{more}. Nothing was recorded",
            "`cmrpipe rebuild` (in a fresh clone `dvc pull`) brings them back, then do the same again; when you "
            f"changed them yourself: `dvc add {folder.as_posix()}`",
        )


def recorded(workspace: Path, folder: Path) -> Out | None:
    """What `dvc add` recorded of a folder, None before it did."""
    return next((out for out in tracked(workspace) if out.path == folder.as_posix()), None)


def listed(workspace: Path, out: Out) -> tuple[Entries, Cache]:
    """DVC's list of a folder's files, from the cache, else from the default remote; and the cache.

    Raises
    ------
    UnrecordedError : it is in neither
    """
    objects = Objects(workspace)
    try:
        tree = proven(out.md5, objects.cache.read(out.md5))
        if tree is None and objects.default:
            with suppress(RemoteError):
                tree = proven(out.md5, objects.remote().read(out.md5))
        if tree is None:
            raise UnrecordedError(
                workspace / out.record,
                f"its list of files ({out.md5}) is neither in the cache nor in the default remote, so nobody knows "
                "whether all of them are there",
                f"`cmrpipe verify` tells more; in a fresh clone `dvc pull {out.record}`; when {out.path} is right as "
                f"it is: `dvc add {out.path}`",
            )
        return tree.entries, objects.cache
    finally:
        objects.close()
