"""DVC's records as they were, while DVC is at work on them: `.cmrpipe/records/`.

DVC writes `dvc.lock` and `*.dvc` in place. A kill in the middle leaves half a file, which DVC then refuses in every
command; and a record that was written, but not looked at, is none either. So whatever does not come to its end is taken
back: the stage is done again, from outputs that are whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from cmrpipe.files import write_bytes

KEPT = Path(".cmrpipe") / "records"
_NEW = KEPT.with_name(".records-new")

log = structlog.get_logger(__name__)


def _records(folder: Path) -> set[str]:
    """Records in a workspace, or in a copy of it, by name."""
    found = [*folder.glob("dvc.lock"), *folder.glob("data/*.dvc")]
    return {path.relative_to(folder).as_posix() for path in found if path.is_file()}


@contextmanager
def records_kept(workspace: Path) -> Iterator[None]:
    """Keep the records for the time of the block; one that ends with an exception has changed none."""
    kept, new = workspace / KEPT, workspace / _NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name in _records(workspace):
        write_bytes(new / name, (workspace / name).read_bytes())
    shutil.rmtree(kept, ignore_errors=True)
    new.rename(kept)
    try:
        yield
    except BaseException:
        put_back(workspace)
        raise
    _drop(workspace)


def put_back(workspace: Path) -> bool:
    """Put kept records back, if there are any: nobody came to the end of what was to change them; whether there were.

    The caller holds the write lock, and no DVC is at work.
    """
    kept = workspace / KEPT
    if not kept.is_dir():
        return False
    for name in _records(workspace) - _records(kept):
        (workspace / name).unlink()
    for name in _records(kept):
        data, record = (kept / name).read_bytes(), workspace / name
        if not record.is_file() or record.read_bytes() != data:
            write_bytes(record, data)
            log.warning("a record of DVC's that was cut short, or not looked at, was taken back", file=name)
    _drop(workspace)
    return True


def _drop(workspace: Path) -> None:
    """Forget the kept records, in one step."""
    new = workspace / _NEW
    (workspace / KEPT).rename(new)
    shutil.rmtree(new)
