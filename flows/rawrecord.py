"""Whether the raw folder stands at its record, and bringing it there.

Git brings another `data/raw.dvc`, by a pull, a checkout or a merge, and leaves the raw folder as it was. What is older
there is no change of this workspace's, though its ledger names it as what landed last. So the record that was made
here last is remembered, and where another one has come, the raw folder is brought to that before anything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cmrpipe.files import sha256_file, write_json
from cmrpipe.landing import Ledger, content_of
from cmrpipe.readers.layouts import folder_of, link_tables
from cmrpipe.workspace import HERE
from flows.dvc import DvcError, run_dvc
from flows.folders import UnrecordedError, listed, recorded
from flows.git import is_repository, refuse_unmerged
from flows.integrity.objects import Cache, Objects, copy_proven
from flows.integrity.records import Out, RecordError
from flows.integrity.trees import Entries, proven
from flows.landedsince import by_folder, landed_since, unexplained

RAW = HERE.raw
RECORD = f"{RAW.as_posix()}.dvc"
_MEMORY = Path(".dvc") / "tmp" / "cmrpipe-raw.json"
_NAMED = 5
"""So many folders or files are named in a message."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What this workspace recorded last of its raw folder.

    Attributes
    ----------
    md5 : DVC's list of its files, "" where nothing is known
    tried, forgotten : the list of files, and SHA-256 of the list of forgotten patients that holds none of its folders
    """

    md5: str = ""
    tried: str = ""
    forgotten: str = ""


def remembered(workspace: Path) -> Memory:
    """What was recorded last; nothing where that cannot be read."""
    try:
        return Memory(**json.loads((workspace / _MEMORY).read_bytes()))
    except (OSError, ValueError, TypeError):
        return Memory()


def remember(workspace: Path, forgotten: str) -> None:
    """The raw folder stands at its record, and holds nobody of this list of forgotten patients."""
    out = _recorded(workspace)
    md5 = "" if out is None else out.md5
    write_json(workspace / _MEMORY, asdict(Memory(md5, md5, forgotten)))


def tried(workspace: Path, forgotten: str) -> set[str]:
    """Folders that are known not to be in this list of forgotten patients."""
    last = remembered(workspace)
    if not last.tried or last.forgotten != forgotten:
        return set()
    objects = Objects(workspace)
    try:
        return {folder_of(path) for path in _list(objects.cache, last.tried)}
    finally:
        objects.close()


def bring_to_record(workspace: Path, tell: Callable[[str], None] | None = None, timeout_s: float | None = None) -> None:
    """See to it that the raw folder stands at its record where another one has come than was made here last.

    Nothing that landed and is not recorded yet is lost: it stays, where the other record has nothing else of the same
    folder. The caller holds the write lock.

    Parameters
    ----------
    tell : told in a sentence that the folder was brought to its record; None: it is not brought, but refused
    timeout_s : DVC is ended after this time

    Raises
    ------
    UnrecordedError : it does not stand there, and is not brought: it holds what neither record has and nobody landed,
        or what both changed, or the record's files cannot be had
    GitError : git could not merge the record
    """
    out, last = _recorded(workspace), remembered(workspace)
    if out is None or out.md5 == last.md5:
        return
    now = _standing(workspace)
    known, cache = listed(workspace, out)
    mine = _list(cache, last.md5)
    if now is None or now[0] != out.md5:
        entries = {} if now is None else now[1]
        if entries and not last.md5:
            _refuse_older(workspace, known, entries)
            return  # recording it tells what is altered or missing
        kept, own = landed_since(workspace / RAW, entries, known, mine)
        stays = _few(sorted(kept & by_folder(entries).keys()))
        if kept and tell is None and not own:
            raise _unrecorded(workspace, stays)
        if own or tell is None:
            raise _another(workspace, own)
        _fetch(workspace, {out.md5, *known.values()}, cache, timeout_s)
        if kept:
            _put(workspace, known, entries, cache, kept)
        else:
            _dvc(workspace, "checkout", timeout_s)
        now = _standing(workspace)
        if now is None or _without(now[1], kept) != _without(known, kept):
            raise _another(workspace, [])
        beside = f"; what landed here and is not recorded yet stays: {stays}" if kept else ""
        tell(f"{RAW.as_posix()} was brought to {RECORD}, which is not what this workspace recorded last{beside}")
    _take(workspace / RAW, {path for path, md5 in known.items() if md5 != mine.get(path)})
    write_json(workspace / _MEMORY, asdict(replace(last, md5=out.md5)))


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _without(entries: Entries, folders: set[str]) -> Entries:
    return {path: md5 for path, md5 in entries.items() if folder_of(path) not in folders}


def _recorded(workspace: Path) -> Out | None:
    try:
        return recorded(workspace, RAW)
    except RecordError:
        if is_repository(workspace):
            refuse_unmerged(workspace)
        raise


def _standing(workspace: Path) -> tuple[str, Entries] | None:
    """Name and content of the list that DVC would make of the raw folder; None where there is no such folder.

    Raises
    ------
    UnrecordedError : some of it cannot be read
    """
    if not (workspace / RAW).is_dir():
        return None
    objects = Objects(workspace)
    try:
        return objects.standing(RAW)
    except OSError as error:
        raise UnrecordedError(
            workspace / RAW, f"cannot be held against {RECORD}: {error}", "Mend that, then again"
        ) from error
    finally:
        objects.close()


def _list(cache: Cache, md5: str) -> Entries:
    tree = proven(md5, cache.read(md5)) if md5 else None
    return {} if tree is None else tree.entries


def _refuse_older(workspace: Path, known: Entries, now: Entries) -> None:
    """Where nothing is remembered: what the ledger would explain may be older than the record, or newer.

    Raises
    ------
    UnrecordedError : there is such
    """
    changed = [path for path, md5 in sorted(known.items()) if now.get(path) != md5]
    left = unexplained(workspace / RAW, changed)
    if len(left) < len(changed):
        raise _another(workspace, [path for path in changed if path not in left])


def _another(workspace: Path, own: list[str]) -> UnrecordedError:
    record = RAW.as_posix()
    if not own:
        return UnrecordedError(
            workspace / RAW,
            f"does not stand at {RECORD}, which is not what this workspace recorded last (git brings another one)",
            f"`dvc checkout {RECORD}`, or `dvc pull {RECORD}` where its files are not here, then the same again",
        )
    more = f" and {len(own) - 1} more" if len(own) > 1 else ""
    return UnrecordedError(
        workspace / RAW,
        f"has what is in no record ({own[0]}{more}), and {RECORD} is not what this workspace recorded last (git brings "
        "another one). Nothing was changed",
        "Put what its source has no more into a folder of its own, laid out alike (docs/sources.md), `dvc pull --force "
        f"{RECORD}` (without a remote `dvc checkout --force {RECORD}`) and land again what had landed; or, when it is "
        f"right as it is, without what git brought: `dvc add {record}`",
    )


def _unrecorded(workspace: Path, stays: str) -> UnrecordedError:
    return UnrecordedError(
        workspace / RAW,
        f"has what landed here and is not recorded yet ({stays}), and {RECORD} is not what this workspace recorded "
        "last (git brings another one). Nothing was changed",
        "`cmrpipe land` with its source, or `cmrpipe run`, brings the one beside the other; then the same again",
    )


def _fetch(workspace: Path, needed: set[str], cache: Cache, timeout_s: float | None) -> None:
    """Fetch the recorded files where they are not in the cache."""
    if not all(cache.path(oid).is_file() for oid in needed):  # the list itself is one
        _dvc(workspace, "fetch", timeout_s)


def _dvc(workspace: Path, command: str, timeout_s: float | None) -> None:
    try:
        run_dvc([command, RECORD], workspace, log_name=f"{command}-raw", timeout_s=timeout_s)
    except DvcError as error:
        mend = f"Mend that, `dvc pull {RECORD}` (without a remote `dvc checkout {RECORD}`), then the same again"
        raise UnrecordedError(
            workspace / RAW, f"could not be brought to {RECORD}: {error.where} {error.cause}", mend
        ) from error


def _put(workspace: Path, known: Entries, now: Entries, cache: Cache, kept: set[str]) -> None:
    """Put the recorded files in place from the cache, beside folders that stay: DVC would remove these.

    A kill on the way leaves files of either record, and the next run goes on.

    Raises
    ------
    UnrecordedError : what would go is nowhere else, or what would come is damaged
    """
    raw = workspace / RAW
    theirs, there = _without(known, kept), _without(now, kept)
    only = [path for path, md5 in sorted(there.items()) if theirs.get(path) != md5 and not cache.path(md5).is_file()]
    if only:
        raise UnrecordedError(
            raw,
            f"has what {RECORD}, which git brings, has not, and DVC's cache neither: {_few(only)}. Nothing was changed",
            f"`dvc add {RAW.as_posix()}` puts it into the cache; `git checkout {RECORD}`, then the same again",
        )
    for path in sorted(there.keys() - theirs.keys()):
        (raw / path).unlink(missing_ok=True)
        for folder in list((raw / path).parents)[: path.count("/")]:
            with suppress(OSError):  # something else is in it
                folder.rmdir()
    for path, md5 in sorted(theirs.items()):
        if there.get(path) != md5 and not copy_proven(cache.path(md5), raw / path, md5):
            raise UnrecordedError(
                raw / path,
                f"could not be brought to {RECORD}: what DVC's cache has of it are other bytes",
                "`cmrpipe rebuild` mends the cache, or says that it is lost; then the same again",
            )


def _take(raw: Path, differ: set[str]) -> None:
    """Write into the ledger what stands now in folders in which the two records differ, by files."""
    ledger = Ledger(raw)
    if not ledger.entries:
        return
    for folder in sorted({folder_of(path) for path in differ} & {entry.folder for entry in ledger.entries}):
        ledger.take(folder, content_of(raw, folder), RECORD)
    for table in sorted(differ.intersection(link_tables(raw))):
        ledger.take(table.removesuffix(".csv"), sha256_file(raw / table), RECORD)
