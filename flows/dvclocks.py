"""Locks of DVC's own: who holds them, and what a killed DVC left in them."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import structlog

from cmrpipe.files import write_text

TABLE, GUARD, LOCK = (Path(".dvc") / "tmp" / name for name in ("rwlock", "rwlock.lock", "lock"))
"""Table of path locks; what DVC holds while it writes the table; lock on the whole repository."""
_POLL_S = 0.5
_RECHECKS = 4
_CLOCKS_S = 60.0
"""How far the clocks that date processes and files may be apart."""

log = structlog.get_logger(__name__)


def at_work(workspace: Path) -> str:
    """Who works in this workspace through DVC, "" when nobody does; what runs this very process does not count."""
    this = psutil.Process()
    ours = {this.pid, *(parent.pid for parent in this.parents())}
    for who in _holders(_read(workspace / TABLE)):
        pid = int(who.get("pid") or 0)
        if pid and pid not in ours and runs(pid):
            return f"process {pid} ({who.get('cmd', 'dvc')})"
    try:
        with (workspace / LOCK).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(stream, fcntl.LOCK_UN)
    except BlockingIOError:
        return "a DVC command"
    except OSError:
        return ""
    return ""


def runs(pid: int) -> bool:
    """Whether there is such a process; one that has ended and that nobody has asked about yet does not count."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def recover(workspace: Path) -> None:
    """Take out of DVC's table of path locks what a killed DVC left in it.

    A table that is half written: DVC 3.67 refuses every command ("JSON structure is corrupted") until the file is
    removed by hand. It writes the table within milliseconds, so one that stays unreadable has no writer; live processes
    put their entries back. And an entry whose process id is by now another process's, which DVC would take for a writer
    for as long as that one runs; ids of no process at all it takes out itself.
    """
    path = workspace / TABLE
    for _ in range(_RECHECKS):
        try:
            json.loads(path.read_bytes())
        except FileNotFoundError:
            return
        except ValueError:
            time.sleep(_POLL_S)
        else:
            _drop_reused(path, workspace / GUARD)
            return
    path.unlink(missing_ok=True)
    log.warning("DVC's lock table was left half written by a killed process and was removed", file=str(path))


def _drop_reused(path: Path, guard: Path) -> None:
    """Remove entries of processes that began after the table was last changed: they are none of DVC's."""
    noted = path.stat().st_mtime
    if not any(_began_after(who, noted) for who in _holders(_read(path))):
        return
    with guard.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        table = _read(path)
        write = {place: who for place, who in (table.get("write") or {}).items() if not _began_after(who, noted)}
        read = {
            place: left
            for place, held in (table.get("read") or {}).items()
            if (left := [who for who in held if not _began_after(who, noted)])
        }
        write_text(path, json.dumps({"write": write, "read": read}))
    log.warning("a killed DVC stood in DVC's lock table under a process id that is another's now", file=str(path))


def _began_after(who: Mapping[str, Any], noted: float) -> bool:
    """Whether the process that an entry names began after a time, in seconds since 1970."""
    try:
        return bool(psutil.Process(int(who.get("pid") or 0)).create_time() > noted + _CLOCKS_S)
    except psutil.Error:
        return False


def _holders(table: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All entries of the table: writers, then readers."""
    yield from (table.get("write") or {}).values()
    for held in (table.get("read") or {}).values():
        yield from held


def _read(path: Path) -> dict[str, Any]:
    """The table; {} where there is none, or none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
