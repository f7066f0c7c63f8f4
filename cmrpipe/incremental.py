"""Per-patient incremental work: unchanged units are kept after their bytes were checked, changed ones are redone.

A stage's output folder holds files that belong to units (patients) and a `manifest.json` that says, for every unit,
what it was made from (`fingerprint`), which files it wrote with their SHA-256, and what it reported (`info`). The
manifest is written last and atomically, so that a killed run leaves either the old or the new account of the folder;
a file without an entry is simply made again. A kept file is hashed first: a rotten one is made again, and said so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import structlog

from cmrpipe.files import canonical_json, remove_leftovers, sha256_bytes, sha256_file, write_json
from cmrpipe.progress import Listener, Progress

log = structlog.get_logger(__name__)

MANIFEST = "manifest.json"
SCHEMA = 1

Inputs = TypeVar("Inputs")
Info: TypeAlias = dict[str, Any]
Work: TypeAlias = Callable[[Inputs, Path], "Written"]


@dataclass(frozen=True, slots=True)
class Unit(Generic[Inputs]):
    """One patient's work: `inputs` is what the work function gets (picklable), `fingerprint` what decides a redo.

    An empty fingerprint means: not known before the work is done, do it.
    """

    key: str
    fingerprint: str
    inputs: Inputs


@dataclass(frozen=True, slots=True)
class Written:
    """What the work function did.

    Attributes
    ----------
    files : the files it wrote, relative to the stage's folder
    info : what it reports (JSON, small)
    fingerprint : of its sources, where that is known only after they were read
    """

    files: Sequence[str]
    info: Info = field(default_factory=dict)
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Refresh:
    """What `refresh` did, by unit key, and the reports of all units, kept ones included."""

    done: tuple[str, ...]
    unchanged: tuple[str, ...]
    gone: tuple[str, ...]
    repaired: tuple[str, ...]
    info: dict[str, Info]


def fingerprint(*parts: Any) -> str:
    """SHA-256 of JSON-able values that decide an output."""
    return sha256_bytes(canonical_json(parts))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Entries of a stage's manifest by unit key; empty when there is none or it is not ours to trust."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        return {}
    units = manifest.get("units")
    return units if isinstance(units, dict) else {}


@contextmanager
def pool(workers: int, units: int) -> Iterator[Executor | None]:
    """A process pool, or None when one process does as well."""
    count = min(workers, units)
    if count <= 1:
        yield None
        return
    with ProcessPoolExecutor(max_workers=count) as executor:
        yield executor


def _intact(folder: Path, files: dict[str, str]) -> bool:
    """Whether every file of a unit is there with the bytes that were recorded."""
    try:
        return all(sha256_file(folder / name) == digest for name, digest in files.items())
    except OSError:
        return False


def _run(work: Work[Inputs], inputs: Inputs, mark: str, folder: Path) -> dict[str, Any]:
    """Do one unit and describe what it wrote (runs in a worker process)."""
    written = work(inputs, folder)
    files = {name: sha256_file(folder / name) for name in sorted(written.files)}
    return {"files": files, "info": written.info, "fingerprint": written.fingerprint or mark}


def refresh(
    stage: str,
    folder: Path,
    units: Sequence[Unit[Inputs]],
    work: Work[Inputs],
    *,
    listen: Listener,
    workers: int = 1,
    extra: dict[str, Any] | None = None,
    beside: Sequence[str] = (),
) -> Refresh:
    """Bring `folder` up to date with `units`.

    Parameters
    ----------
    stage : name, for progress and the manifest
    folder : the stage's output folder
    units : all that should be in it; what is there and not in `units` is removed and reported as gone
    work : writes the files of one unit atomically below `folder` (module-level function: it runs in processes)
    listen : told once per unit
    workers : processes
    extra : further top-level keys of the manifest
    beside : files in the folder that belong to no unit and that the caller keeps itself

    Raises
    ------
    whatever `work` raises; units finished until then are in the manifest
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    old = read_manifest(folder)
    entries: dict[str, Any] = {}
    todo: list[Unit[Inputs]] = []
    repaired: list[str] = []
    for unit in units:
        entry = old.get(unit.key)
        if entry is None or entry["fingerprint"] != unit.fingerprint:
            todo.append(unit)
        elif not _intact(folder, entry["files"]):
            log.warning("output altered since it was written, made again", stage=stage, patient=unit.key)
            repaired.append(unit.key)
            todo.append(unit)
        else:
            entries[unit.key] = entry
    unchanged = tuple(entries)
    gone = tuple(sorted(set(old) - {unit.key for unit in units}))
    done = 0
    total = len(todo)

    def finish(unit: Unit[Inputs], result: dict[str, Any]) -> None:
        nonlocal done
        entries[unit.key] = result
        done += 1
        listen(Progress(stage, unit.key, done, total))

    try:
        with pool(workers, total) as executor:
            if executor is None:
                for unit in todo:
                    finish(unit, _run(work, unit.inputs, unit.fingerprint, folder))
            else:
                futures = {executor.submit(_run, work, unit.inputs, unit.fingerprint, folder): unit for unit in todo}
                try:
                    for future in as_completed(futures):
                        finish(futures[future], future.result())
                except BaseException:
                    executor.shutdown(wait=False, cancel_futures=True)
                    raise
    finally:
        kept = {**{key: old[key] for key in gone}, **entries}
        if kept != old and done < total:
            _write(stage, folder, kept, extra)
    _remove_unlisted(folder, entries, beside)
    _write(stage, folder, entries, extra)
    return Refresh(
        tuple(unit.key for unit in todo), unchanged, gone, tuple(repaired), {k: e["info"] for k, e in entries.items()}
    )


def _remove_unlisted(folder: Path, entries: dict[str, Any], beside: Sequence[str]) -> None:
    """Remove files below `folder` that belong to no unit (those of units that are gone), and empty folders."""
    listed = {name for entry in entries.values() for name in entry["files"]} | {MANIFEST, *beside}
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(root, name)
            if path.relative_to(folder).as_posix() not in listed:
                path.unlink()
        if Path(root) != folder and not os.listdir(root):
            Path(root).rmdir()


def _write(stage: str, folder: Path, entries: dict[str, Any], extra: dict[str, Any] | None) -> None:
    """Write the manifest when it differs from what is there (an untouched file keeps its modification time)."""
    manifest = {"schema": SCHEMA, "stage": stage, **(extra or {}), "units": entries}
    path = folder / MANIFEST
    try:
        if json.loads(path.read_bytes()) == manifest:
            return
    except (FileNotFoundError, ValueError):
        pass
    write_json(path, manifest)
