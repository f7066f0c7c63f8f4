"""Commands of cmrpipe in processes that start at once: forked from a server that has the modules loaded.

It does no work of its own. So a command that is killed at a random moment is killed at work, not while Python starts.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["cmrpipe.cli", "cmrpipe.stages.ingest", "cmrpipe.stages.store", "flows.integrity.__main__", "dvc.repo"]
)
_WORKSPACE = {"verify", "rebuild"}


def _command(arguments: Sequence[str], cwd: str, environment: Mapping[str, str], output: str) -> None:
    """What the new process does: a session, a folder, an environment and an output of its own, then the command."""
    os.setsid()
    multiprocessing.set_start_method("fork", force=True)  # as in a process of its own; here it would be the server's
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    if arguments[0] in _WORKSPACE:
        from flows.integrity.__main__ import app, with_default_remote  # noqa: PLC0415 in the new process only

        sys.exit(app(with_default_remote(arguments)))
    from cmrpipe.cli import app as stages  # noqa: PLC0415

    sys.exit(stages(list(arguments)))


def start(
    arguments: Sequence[str],
    *,
    cwd: Path = Path(),
    environment: Mapping[str, str] | None = None,
    output: Path = Path(os.devnull),
) -> ForkServerProcess:
    """Start `cmrpipe <arguments>`; `join`, `pid` and `exitcode` are those of the process."""
    kept = dict(os.environ if environment is None else environment)
    process = _context.Process(target=_command, args=(tuple(arguments), str(cwd.resolve()), kept, str(output)))
    process.start()
    return process


def finished(arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], output: Path) -> tuple[int, str]:
    """Run `cmrpipe <arguments>` to its end: exit code and what it said."""
    process = start(arguments, cwd=cwd, environment=environment, output=output)
    process.join()
    return process.exitcode or 0, output.read_text(errors="replace")
