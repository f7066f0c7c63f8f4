"""What a person sees: progress while a stage works, one line when it is done, a clear word when it could not."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from cmrpipe import events
from cmrpipe.cli.aslog import AsLog
from cmrpipe.codes import FindingCode, Severity
from cmrpipe.errors import CmrpipeError
from cmrpipe.files import FULL, in_one_line
from cmrpipe.findings import FINDINGS_CSV, read_findings
from cmrpipe.logger import Logger
from cmrpipe.model import Finding
from cmrpipe.progress import Listener, Progress
from cmrpipe.stages.summary import Summary
from cmrpipe.stages.words import describe

EXIT_CLEAN, EXIT_FINDINGS, EXIT_FAILED = 0, 1, 2
EXIT_UNREAD = 141
"""Whoever read our output has closed it; as of a program that SIGPIPE (13) ends: 128 + 13."""
_FEW = 50
"""Up to this many units, each gets a line where there is no terminal; beyond, one a second."""
_MOST_TOLD = 20
"""So many findings are printed, of a stage's those of severity error; its table has the rest."""

BAR_COLUMNS = (
    TextColumn("{task.description:<10}"),
    BarColumn(bar_width=30),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("{task.fields[unit]}", markup=False),
)

log = Logger(__name__)


class _Standing(Console):
    """A console that does not leave by itself, with 1, when nobody reads it any more."""

    def on_broken_pipe(self) -> None:
        """What happened is for the command to see."""
        raise  # noqa: PLE0704 called while the error is handled


err = _Standing(stderr=True, highlight=False, soft_wrap=True)


class _Lines:
    """Progress without a terminal: a line a patient, or one a second when there are many."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, event: Progress) -> None:
        now = time.monotonic()
        if event.total <= _FEW or event.done == event.total or now - self._last >= 1:
            self._last = now
            note = f"  {event.note}" if event.note else ""
            sys.stderr.write(f"  {event.stage} {event.done}/{event.total} {in_one_line(event.unit + note)}\n")


@contextmanager
def progress() -> Iterator[Listener]:
    """A listener that shows progress where it helps: events, log lines, a bar on a terminal, or lines."""
    if events.wanted():
        yield events.emit
    elif (log_lines := AsLog.wanted()) is not None:
        yield log_lines.progress
    elif not err.is_terminal:
        yield _Lines()
    else:
        with Bars(
            *BAR_COLUMNS,
            console=err,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # what goes to a file stays there
        ) as bars:
            yield bar_listener(bars)


def bar_listener(bars: Bars) -> Listener:
    """A listener that keeps a bar for every stage."""
    tasks: dict[str, Any] = {}

    def listen(event: Progress) -> None:
        if event.stage not in tasks:
            tasks[event.stage] = bars.add_task(event.stage, total=event.total, unit="")
        text = in_one_line(f"{event.unit}  {event.note}".rstrip())
        bars.update(tasks[event.stage], completed=event.done, total=event.total, unit=text)

    return listen


def finish(summary: Summary, *, exit_zero: bool = False) -> None:
    """Say what a stage did, and leave with its exit code: 0 clean, 1 findings of severity error."""
    value = asdict(summary)
    if events.wanted():
        events.emit(events.Ended(value))
    else:
        typer.echo(f"{summary.stage}: {describe(value)}")
        if (log_lines := AsLog.wanted()) is not None:
            log_lines.done(summary.stage, value)
    bad = summary.findings.get("error", 0) or summary.counts.get("unreadable", 0)
    raise typer.Exit(EXIT_FINDINGS if bad and not exit_zero else EXIT_CLEAN)


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Explain a package that is not installed by the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("cmrpipe"):
            raise
        raise CmrpipeError(error.name, "is not installed", f"Install cmrpipe[{extra}]") from error


def tell_errors(findings: Path, tables: Path) -> None:
    """Print findings of severity error, some of each code at least."""
    tell_findings(
        [found for found in read_findings(findings) if found.severity is Severity.ERROR],
        f" in {tables / FINDINGS_CSV}",
    )


def _told(findings: Sequence[Finding]) -> list[Finding]:
    """At most `_MOST_TOLD` of them, in their order: of each code the first, then the second, so that none hides one."""
    times: Counter[FindingCode] = Counter()
    ranks: list[tuple[int, int]] = []
    for place, found in enumerate(findings):
        ranks.append((times[found.code], place))
        times[found.code] += 1
    return [findings[place] for place in sorted(place for _, place in sorted(ranks)[:_MOST_TOLD])]


def tell_findings(findings: Sequence[Finding], rest: str = "") -> None:
    """Print findings, some of each code at least; `rest` says where the others are. A log has all of them."""
    if (log_lines := AsLog.wanted()) is not None:
        for found in findings:
            log_lines.finding(found)
        return
    for found in _told(findings):
        line = f"{found.severity.value} [{found.code.value}] {in_one_line(found.message)}"
        err.print(line, markup=False, emoji=False)
    if len(findings) > _MOST_TOLD:
        err.print(f"... and {len(findings) - _MOST_TOLD} more{rest}")


def warn(stage: str, line: str) -> None:
    """Say on standard error what did not stop a stage, and what a person should know."""
    if (log_lines := AsLog.wanted()) is not None:
        log_lines.say("warning", line, stage=stage)
    else:
        typer.echo(in_one_line(line), err=True)


@contextmanager
def guarded(stage: str) -> Iterator[None]:
    """Turn our errors, and the system's about a file, into a message; a bug keeps its traceback. All leave with 2."""
    try:
        yield
    except CmrpipeError as error:
        refuse(stage, str(error))
        raise typer.Exit(EXIT_FAILED) from error
    except BrokenPipeError:  # whoever read our output has enough
        raise
    except OSError as error:
        if error.filename is None and error.errno not in FULL:
            _give_up()
        log.debug("refused by the system", traceback=traceback.format_exc())
        where = "what was to be written" if error.filename is None else os.fsdecode(error.filename)
        cause = error.strerror
        refuse(stage, f"{where}: cannot be used ({cause}). Check the path, its permissions and the disk")
        raise typer.Exit(EXIT_FAILED) from error
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception:
        _give_up()


def refuse(stage: str, message: str) -> None:
    """Say why a stage could not run."""
    if events.wanted():
        events.emit(events.Failed(stage, message))
    elif (log_lines := AsLog.wanted()) is not None:
        log_lines.say("error", "could not run", stage=stage, reason=message)
    else:
        text = "\n".join(map(in_one_line, message.split("\n")))  # what another program has said has several lines
        err.print(f"error: {stage}: {text}", markup=False, emoji=False)


def _give_up() -> NoReturn:
    """Show a bug's traceback and leave: the interpreter's own exit code for that is 1, which means findings here."""
    traceback.print_exc()
    raise typer.Exit(EXIT_FAILED)
