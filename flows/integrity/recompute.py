"""Making a stage's bad files again from raw, beside its output: nothing enters the workspace before it is proven."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from cmrpipe import events
from cmrpipe.errors import CmrpipeError
from cmrpipe.incremental.manifest import MANIFEST
from cmrpipe.progress import Listener, Progress
from cmrpipe.workspace import Workspace
from flows.child import start, stop
from flows.dvc import LOGS, child_environment
from flows.integrity.leftovers import clear_scratch, scratch_of
from flows.integrity.records import Out

log = structlog.get_logger(__name__)

_TAIL = 12
VALIDATE, INGEST = "validate", "ingest"


class RecomputeError(CmrpipeError, RuntimeError):
    """A stage that could not make its output again."""


def _link(source: Path, target: Path) -> None:
    """Give a file a second name (a copy where that cannot be): stages replace files and never write into them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def recomputed(
    root: Path, stage: str, outs: Sequence[Out], good: Sequence[str], listen: Listener
) -> Iterator[dict[str, Path]]:
    """Run `cmrpipe <stage>` on a copy of its output that lacks what is bad; it makes that again and keeps the rest.

    The copy stands beside the output, so that paths inside pages stay the same. Where nothing is whole of a manifest,
    the stage could not tell that the other files are its own, and makes all of them again.

    Parameters
    ----------
    root : the workspace
    outs : the stage's outputs
    good : files of these outputs that are whole

    Returns
    -------
    path of every file relative to the workspace → where it was made

    Raises
    ------
    RecomputeError : the stage failed
    """
    folders = {out.path: scratch_of(root, out) for out in outs}
    state = Workspace(root).state / "rebuild-state"
    try:
        for scratch in folders.values():
            clear_scratch(scratch)
        for name, scratch in folders.items():
            known = any(path.startswith(f"{name}/{MANIFEST.removesuffix('.json')}") for path in good)
            for path in good:
                if path == name:
                    _link(root / path, scratch)
                elif known and path.startswith(f"{name}/"):
                    _link(root / path, scratch / path.removeprefix(f"{name}/"))
        _run(root, stage, folders, state, listen)
        made: dict[str, Path] = {}
        for name, scratch in folders.items():
            if scratch.is_file():
                made[name] = scratch
            made |= {f"{name}/{p.relative_to(scratch).as_posix()}": p for p in scratch.rglob("*") if p.is_file()}
        yield made
    finally:
        shutil.rmtree(state, ignore_errors=True)
        for scratch in folders.values():
            with suppress(OSError):
                clear_scratch(scratch)


def _run(root: Path, stage: str, folders: dict[str, Path], state: Path, listen: Listener) -> None:
    command = ["cmrpipe", stage]  # as dvc.yaml has it
    for name, scratch in folders.items():
        option = "--out" if name.startswith("data/") else f"--{Path(name).stem}"
        command += [option, str(scratch.relative_to(root))]
    if stage == INGEST:
        command += ["--state", str(state.relative_to(root))]
    if stage == VALIDATE:
        command += ["--tables", str((state / "tables").relative_to(root))]  # the workspace's own are not to change
    if stage in (INGEST, VALIDATE):
        command.append("--exit-zero")
    record = root / LOGS / f"rebuild-{stage}.log"
    record.parent.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    with (
        record.open("w", encoding="utf-8") as written,
        start(command, environment=child_environment(), cwd=root, output=subprocess.PIPE) as process,
    ):
        try:
            assert process.stdout is not None
            for raw in process.stdout:
                line = raw.decode(errors="replace")
                written.write(line)
                match events.parse(line):
                    case None:
                        said.append(line.rstrip())
                    case Progress() as progress:
                        listen(progress)
                    case events.Failed(_, message):
                        said = [message]
            code = process.wait()
        except BaseException:
            stop(process)
            raise
    if code:
        tail = "\n".join(said[-_TAIL:])
        raise RecomputeError(f"cmrpipe {stage}", f"failed:\n{tail}", f"The whole output is in {record}")
