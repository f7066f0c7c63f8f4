"""SIGKILL at random moments of a stage: whatever is then read is one of the two states, whole; and work goes on.

The stage goes back and forth between two states of its inputs, so that every run that is killed has work to do.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
from rich.console import Console

from cmrpipe.catalog import Catalog
from cmrpipe.files import sha256_bytes, sha256_file
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.store import open_store
from drill.warm import start

PATIENTS = 6
console = Console()
_LATE = 1.1
"""Moments are drawn up to this share of an undisturbed run's time: some kills come too late, and are counted so."""
_NOTICED_S = 10.0


def files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of an output folder."""
    return {p.relative_to(folder).as_posix(): sha256_file(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def store_content(folder: Path) -> str:
    """Hash of everything that a reader gets out of a store."""
    lines = []
    with open_store(folder) as store:
        for patient in store.patients:
            data = store.load(patient)
            for name, array in data.arrays().items():
                lines.append(f"{patient} {name} {sha256_bytes(np.ascontiguousarray(array).tobytes())}")
    return sha256_bytes("\n".join(lines).encode())


def catalog_content(folder: Path) -> str:
    """Hash of everything that a reader gets out of a catalog."""
    catalog = Catalog(folder)
    lines = [repr(record) for patient in catalog.patients() for record in catalog.images(patient)]
    for original in catalog.original_ids():
        lines += [f"{c.path} {c.sha256} {c.error}" for c in catalog.contours(original)]
    return sha256_bytes("\n".join([*lines, *map(repr, catalog.links())]).encode())


@dataclass(frozen=True, slots=True)
class Subject:
    """A stage under the drill: commands that bring `folder` to state 0 or 1, and what a reader gets out of it."""

    name: str
    folder: Path
    commands: tuple[Sequence[str], Sequence[str]]
    content: Callable[[Path], str]


def _run(command: Sequence[str]) -> float:
    begun = time.monotonic()
    process = start(command)
    process.join()
    if process.exitcode:
        raise RuntimeError(f"cmrpipe {' '.join(command)} left with {process.exitcode}")
    return time.monotonic() - begun


def _ingest(raw: Path, work: Path) -> tuple[str, ...]:
    """The command without its output; each set has a memory of its own."""
    state = str(work / f"state-{raw.name}")
    return ("ingest", "--raw", str(raw), "--state", state, "--params", str(work / "ingest.yaml"), "--exit-zero")


def subjects(work: Path, formats: Sequence[str]) -> list[Subject]:
    """Two sets of patients, one with a patient more and another changed, and the stages that go between them."""
    raws = (work / "raw0", work / "raw1")
    write_phantom(raws[0], PATIENTS, 3, slices=3, frames=6, rows=64, columns=64, listen=silent)
    write_phantom(raws[1], PATIENTS + 1, 3, slices=3, frames=6, rows=64, columns=64, listen=silent)
    changed = next(iter(sorted((raws[1] / "contourfiles").rglob("*icontour*"))))
    lines = changed.read_text().splitlines()
    changed.write_text("\n".join([*lines[2:], *lines[:2]]) + "\n")
    (work / "ingest.yaml").write_text("ingest: {}\n")
    found = [
        Subject(
            "ingest",
            work / "catalog",
            tuple((*_ingest(raw, work), "--out", str(work / "catalog"), "-j", "2") for raw in raws),  # type: ignore[arg-type]
            catalog_content,
        )
    ]
    for raw in raws:
        _run((*_ingest(raw, work), "--out", str(work / f"catalog-{raw.name}")))
    write_quarantine(work / "quarantine.csv", [])
    for name in formats:
        params = work / f"{name}.yaml"
        params.write_text(f"store:\n  format: {name}\n")
        out = work / f"store-{name}"
        commands = tuple(
            (
                *("store", "--raw", str(raw), "--catalog", str(work / f"catalog-{raw.name}"), "--out", str(out)),
                *("--quarantine", str(work / "quarantine.csv"), "--params", str(params), "-j", "2"),
            )
            for raw in raws
        )
        found.append(Subject(f"store ({name})", out, commands, store_content))  # type: ignore[arg-type]
    return found


def killed(process: ForkServerProcess, after_s: float) -> bool:
    """SIGKILL a process after so many seconds, and it alone; whether it had not ended by itself."""
    process.join(after_s)
    ended = not process.is_alive()
    process.kill()
    process.join()
    return not ended


def _orphans(session: int) -> list[int]:
    """Processes of a session that live on after the time in which workers notice that they are alone."""
    deadline = time.monotonic() + _NOTICED_S
    while (alive := _living(session)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return alive


def _living(session: int) -> list[int]:
    alive = []
    for entry in Path("/proc").iterdir():
        try:
            parts = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if entry.name.isdigit() and int(parts[3]) == session and parts[0] != "Z":
            alive.append(int(entry.name))
    return alive


def drill(subject: Subject, times: int, rng: random.Random, *, tell: bool = True) -> Mapping[str, int]:
    """Kill the stage `times` times; counts of what readers saw and of what was wrong.

    Returns
    -------
    counts of "old", "new" (the state that a reader got after the kill), "late" (it had ended already), "wrong" (neither
    state, or unreadable), "orphans", "different" (bytes after the next run are not those of an undisturbed one)
    """
    _run(subject.commands[0])
    contents, bytes_ = [subject.content(subject.folder)], [files(subject.folder)]
    seconds = _run(subject.commands[1])
    contents.append(subject.content(subject.folder))
    bytes_.append(files(subject.folder))
    counts: Counter[str] = Counter()
    now = 1
    for number in range(1, times + 1):
        target = 1 - now
        process = start(subject.commands[target])
        counts["late"] += not killed(process, rng.uniform(0, seconds * _LATE))
        try:
            seen = subject.content(subject.folder)
            reason = "content of neither state"
        except Exception as error:
            seen, reason = "", f"{type(error).__name__}: {error}"
        if seen not in contents:
            console.print(f"{subject.name}: wrong after the kill: {reason}")
            counts["wrong"] += 1
        else:
            counts["old" if seen == contents[now] else "new"] += 1
        if rng.random() < 1 / 2:
            _run(subject.commands[target])
            counts["different"] += files(subject.folder) != bytes_[target]
            now = target
        else:
            _run(subject.commands[now])
            counts["different"] += files(subject.folder) != bytes_[now]
        counts["orphans"] += bool(_orphans(process.pid or 0))
        if tell:
            sys.stderr.write(f"  {subject.name}: kill {number} of {times}, {dict(counts)}\n")
    return counts
