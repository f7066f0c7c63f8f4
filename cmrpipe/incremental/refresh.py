"""Per-patient incremental work: unchanged units are kept after their bytes were checked, changed ones are redone.

A stage's output folder holds files that belong to units (patients) and a manifest (see
`cmrpipe.incremental.manifest`) that says, for every unit, what it was made from (`fingerprint`), which files it wrote
with their SHA-256, and what it reported (`info`). New files wait beside the folder until all units are done and then
enter it in one commit (see `cmrpipe.incremental.commit`): a run that fails or is killed leaves the old output whole,
and the next one takes over the units that were finished. A kept file that was touched since it was last hashed is
hashed again: an altered one is made again, and said so. One run at a time works on a folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from cmrpipe.files import canonical_json, disk_trouble, remove_leftovers, sealed, sha256_bytes, sha256_file, write_json
from cmrpipe.incremental.commit import check_ours, commit, roll_forward
from cmrpipe.incremental.executors import Workers, pool
from cmrpipe.incremental.locking import alone
from cmrpipe.incremental.manifest import MANIFEST, SCHEMA, pending, read_manifest, salvage, waiting_files
from cmrpipe.incremental.outputmemory import SeenFiles
from cmrpipe.logger import Logger
from cmrpipe.progress import Listener, Progress, silent

log = Logger(__name__)

__all__ = ["MANIFEST", "Refresh", "Unit", "Written", "fingerprint", "read_manifest", "refresh", "salvage"]

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


Last: TypeAlias = Callable[[Mapping[str, Info]], Unit[Inputs]]


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


def _run(work: Work[Inputs], inputs: Inputs, mark: str, folder: Path) -> dict[str, Any]:
    """Do one unit and describe what it wrote (runs in a worker process)."""
    written = work(inputs, folder)
    files = {name: sha256_file(folder / name) for name in sorted(written.files)}
    return {"files": files, "info": written.info, "fingerprint": written.fingerprint or mark}


def _note_file(folder: Path, key: str) -> Path:
    return pending(folder) / "units" / f"{sha256_bytes(key.encode())}.json"


def _adopt(folder: Path, unit: Unit[Any]) -> dict[str, Any] | None:
    """What a run that did not end has finished of a unit, when it is what is wanted now and whole."""
    try:
        note = json.loads(_note_file(folder, unit.key).read_bytes())
        if not isinstance(note, dict) or sealed(note) != note or note["fingerprint"] != unit.fingerprint:
            return None
        waiting = waiting_files(folder)
        whole = all(sha256_file(waiting / name) == digest for name, digest in note["files"].items())
    except (OSError, ValueError):
        return None
    return {key: value for key, value in note.items() if key != "sha256"} if whole else None


def lock_file(folder: Path) -> Path:
    """What a writer of this output folder holds (see `cmrpipe.incremental.locking`)."""
    return folder.parent / f".{folder.name}.lock"


def refresh(
    stage: str,
    folder: Path,
    units: Sequence[Unit[Inputs]],
    work: Work[Inputs],
    *,
    listen: Listener,
    workers: Workers = 1,
    extra: dict[str, Any] | None = None,
    beside: Sequence[str] = (),
    last: Last[Inputs] | None = None,
) -> Refresh:
    """Bring `folder` up to date with `units`.

    Parameters
    ----------
    stage : name, for progress and the manifest
    folder : the stage's output folder
    units : all that should be in it; what is there and not in `units` is removed and reported as gone
    work : writes the files of one unit atomically below the folder that it is given, which is not `folder` but where
        files wait for the commit (module-level function: it runs in processes)
    listen : told once per unit
    workers : processes, or an executor (see `cmrpipe.incremental.executors`)
    extra : further top-level keys of the manifest
    beside : files in the folder that belong to no unit and that the caller keeps itself
    last : from what all units report, a unit to be done after them (an index, say)

    Raises
    ------
    BusyError : another run works on the folder and does not end
    InputError : the folder holds what the stage did not write, and what would be removed
    DiskError : the disk is full or closed; the folder is as it was
    whatever `work` raises; the folder is as it was, and units finished until then wait for the next run
    """
    with disk_trouble(folder), alone(lock_file(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        check_ours(folder, stage, beside)
        roll_forward(folder, beside)
        remove_leftovers(pending(folder))
        remove_leftovers(folder)
        memory = SeenFiles(folder, folder.parent / f".{folder.name}-seen.sqlite")
        old = salvage(folder)
        plan = _plan(stage, folder, units, old, memory)
        _clear_waiting(folder, plan.adopted)
        made = _make(stage, folder, plan.todo, work, listen, workers)
        if last is not None:
            reported = {key: entry["info"] for key, entry in sorted((plan.kept | plan.adopted | made).items())}
            units = (*units, last(reported))
            closing = _plan(stage, folder, units[-1:], old, memory)
            plan.kept |= closing.kept
            plan.repaired += closing.repaired
            made |= closing.adopted | _make(stage, folder, closing.todo, work, silent, 1)
        fresh = plan.adopted | made
        entries = plan.kept | fresh
        new = {name: digest for entry in fresh.values() for name, digest in entry["files"].items()}
        gone = tuple(sorted(set(old) - set(entries)))
        commit(folder, {"schema": SCHEMA, "stage": stage, **(extra or {})}, entries, beside)
        memory.remember(new)
        memory.forget({name for key in gone for name in old[key]["files"]} - set(new))
        return Refresh(
            tuple(unit.key for unit in units if unit.key in fresh),
            tuple(unit.key for unit in units if unit.key in plan.kept),
            gone,
            tuple(plan.repaired),
            {unit.key: entries[unit.key]["info"] for unit in units},
        )


@dataclass(slots=True)
class _Plan(Generic[Inputs]):
    """Units that stay, that an earlier run has finished, that are to be made; of the last, those found altered."""

    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    adopted: dict[str, dict[str, Any]] = field(default_factory=dict)
    todo: list[Unit[Inputs]] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)


def _plan(
    stage: str, folder: Path, units: Sequence[Unit[Inputs]], old: dict[str, Any], memory: SeenFiles
) -> _Plan[Inputs]:
    plan: _Plan[Inputs] = _Plan()
    for unit in units:
        entry = old.get(unit.key)
        if entry is not None and entry["fingerprint"] == unit.fingerprint:
            if memory.intact(entry["files"]):
                plan.kept[unit.key] = entry
                continue
            log.warning("output altered since it was written, made again", stage=stage, patient=unit.key)
            plan.repaired.append(unit.key)
        finished = _adopt(folder, unit)
        if finished is None:
            plan.todo.append(unit)
        else:
            plan.adopted[unit.key] = finished
    return plan


def _make(
    stage: str, folder: Path, todo: Sequence[Unit[Inputs]], work: Work[Inputs], listen: Listener, workers: Workers
) -> dict[str, dict[str, Any]]:
    """Do the work; each finished unit is noted at once, for the case that this run does not end."""
    waiting = waiting_files(folder)
    made: dict[str, dict[str, Any]] = {}

    def finish(unit: Unit[Inputs], result: dict[str, Any]) -> None:
        write_json(_note_file(folder, unit.key), sealed(result))
        made[unit.key] = result
        listen(Progress(stage, unit.key, len(made), len(todo)))

    if todo:
        waiting.mkdir(parents=True, exist_ok=True)
    with pool(workers, len(todo)) as executor:
        if executor is None:
            for unit in todo:
                finish(unit, _run(work, unit.inputs, unit.fingerprint, waiting))
            return made
        futures = {executor.submit(_run, work, unit.inputs, unit.fingerprint, waiting): unit for unit in todo}
        try:
            for future in as_completed(futures):
                finish(futures[future], future.result())
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return made


def _clear_waiting(folder: Path, keep: dict[str, Any]) -> None:
    """Remove what waits beside the folder, save for the units that were taken over."""
    if not keep:
        shutil.rmtree(pending(folder), ignore_errors=True)
        return
    waiting = waiting_files(folder)
    listed = {name for entry in keep.values() for name in entry["files"]}
    for path in [p for p in waiting.rglob("*") if p.is_file()]:
        if path.relative_to(waiting).as_posix() not in listed:
            path.unlink()
    notes = {_note_file(folder, key) for key in keep}
    for path in (pending(folder) / "units").iterdir():
        if path not in notes:
            path.unlink()
