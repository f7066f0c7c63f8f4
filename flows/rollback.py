"""DVC's records as they were, while DVC is at work on them: `.cmrpipe/records/`.

DVC writes `dvc.lock` and `*.dvc` in place. A kill in the middle leaves half a file, which DVC then refuses in every
command; and a record that was written, but not looked at, is none either. So whatever does not come to its end is taken
back: the stage is done again, from outputs that are whole. Only records that the command writes are kept, and one that
somebody has committed since the kill is theirs. One that was not there is kept as an empty file, for an empty one is
none: that is what DVC leaves when it is killed between opening a record and writing into it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from cmrpipe.files import write_bytes
from cmrpipe.workspace import HERE, Workspace
from flows.git import committed, said

COPIES = HERE.state / "records"
_NEW = COPIES.with_name(".records-new")
_HEAD = "HEAD"

log = structlog.get_logger(__name__)


def written_by(arguments: Sequence[str]) -> tuple[str, ...]:
    """Records that a DVC command writes."""
    if arguments[0] == "repro":
        return (str(HERE.lock),)
    return (f"{arguments[-1]}.dvc",) if arguments[0] == "add" else ()


@contextmanager
def records_kept(workspace: Path, names: Sequence[str]) -> Iterator[None]:
    """Keep records for the time of the block; one that ends with an exception has changed none of them."""
    kept, new = workspace / COPIES, workspace / _NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name in names:
        record = workspace / name
        write_bytes(new / name, record.read_bytes() if record.is_file() else b"")
    write_bytes(new / _HEAD, _head(workspace))
    shutil.rmtree(kept, ignore_errors=True)
    new.rename(kept)
    try:
        yield
    except BaseException:
        recover(workspace)
        raise
    _drop(workspace)


def recover(workspace: Path) -> bool:
    """Put kept records back, if there are any: nobody came to the end of what was to change them; whether there were.

    The caller holds the write lock, and no DVC is at work.
    """
    kept = workspace / COPIES
    if not kept.is_dir():
        return False
    head = kept / _HEAD
    committed_since = head.is_file() and head.read_bytes() != _head(workspace)
    for name in _records(kept):
        was, record = (kept / name).read_bytes() or None, workspace / name
        now = record.read_bytes() if record.is_file() else None
        if now == was or (committed_since and now and now == committed(workspace, name)):
            continue
        if was is None:
            record.unlink()
        else:
            write_bytes(record, was)
        log.warning("a record of DVC's that was cut short, or not looked at, was taken back", file=name)
    _drop(workspace)
    return True


def _records(kept: Path) -> list[str]:
    """Names of the kept records."""
    found = [*kept.glob(str(HERE.lock)), *Workspace(kept).data.glob("*.dvc")]
    return sorted(path.relative_to(kept).as_posix() for path in found)


def _head(workspace: Path) -> bytes:
    """The commit that is checked out; nothing where there is none."""
    return said(workspace, "rev-parse", "--quiet", "--verify", "HEAD").encode()


def _drop(workspace: Path) -> None:
    """Forget the kept records, in one step."""
    new = workspace / _NEW
    (workspace / COPIES).rename(new)
    shutil.rmtree(new)
