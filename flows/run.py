"""`cmrpipe run`: the whole pipeline from one command, with or without Prefect."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from cmrpipe.report.outcome import outcome
from rich.console import Console

from cmrpipe.cli import console
from cmrpipe.cli.options import LogJson, LogLevel
from cmrpipe.errors import CmrpipeError
from cmrpipe.progress import Listener, Progress
from cmrpipe.stages import STAGES
from cmrpipe.workspace import Workspace
from flows.dvc import run_dvc
from flows.lock import write_lock
from flows.server import embedded_server
from flows.source import choose_source, land_and_version

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
out = Console(highlight=False, soft_wrap=True)


class Watcher:
    """Turns events into progress and one line a stage."""

    def __init__(self, listen: Listener) -> None:
        self._listen = listen
        self._started = time.monotonic()

    def __call__(self, stage: str, event: Mapping[str, Any]) -> None:
        """Show one event."""
        kind = event["event"]
        if kind == "progress":
            self._listen(
                Progress(event.get("stage", stage), event["unit"], event["done"], event["total"], event["note"])
            )
        elif kind == "landed":
            self._say("land", _landed(event))
        elif kind == "waiting":
            out.print(f"waiting for {event['holder']}, which is writing to this workspace")
        elif kind == "stage":
            text = {"unchanged": "unchanged", "cached": "taken from DVC's run cache"}.get(event["state"])
            self._say(stage, text or console.describe(event["summary"]))

    def _say(self, stage: str, text: str) -> None:
        now = time.monotonic()
        out.print(f"{stage:<9} {now - self._started:6.1f} s  {text}")
        self._started = now


def _landed(event: Mapping[str, Any]) -> str:
    if event["source"] is None:
        return "no new source; working on what has landed"
    parts = [f"{event[name]} {name}" for name in ("new", "changed", "unchanged") if event[name]]
    if event["not_in_source"]:
        parts.append(f"{event['not_in_source']} landed earlier and not in this source")
    if event["made_way"]:
        parts.append(f"{event['made_way']} phantom patients made way")
    return f"patients from {event['source']}: {', '.join(parts)}"


@contextmanager
def _bars() -> Iterator[Listener]:
    with console.progress() as listen:
        yield listen


def _with_prefect(source: Path | None, workspace: Path) -> None:
    out.print("starting Prefect's embedded server in the background")
    with embedded_server(workspace, out.print) as wait:
        from flows import pipeline  # noqa: PLC0415 prefect reads its settings when it is imported

        wait()
        with _bars() as listen:
            pipeline.watchers.append(Watcher(listen))
            pipeline.pipeline(source=None if source is None else str(source), workspace=str(workspace))


def _without_prefect(source: Path | None, workspace: Path) -> None:
    with _bars() as listen:
        watch = Watcher(listen)
        home = Workspace(workspace)
        with write_lock(workspace, waiting=lambda holder: watch("lock", {"event": "waiting", "holder": holder})):
            chosen = choose_source(home, source)
            landed = land_and_version(home, chosen, listen=listen)
            value: dict[str, Any] = {"event": "landed", "source": None if chosen is None else str(chosen)}
            if landed is not None:
                names = ("new", "changed", "unchanged", "not_in_source", "made_way")
                value |= {name: landed.patients(getattr(landed, name)) for name in names}
            watch("land", value)
            for stage in STAGES:
                done = run_dvc(
                    ["repro", "--single-item", stage],
                    workspace,
                    log_name=stage,
                    on_event=lambda event, stage=stage: watch(stage, event),  # type: ignore[misc]
                )
                watch(stage, {"event": "stage", "state": done.state, "summary": done.summary})


@app.command()
def run(
    source: Annotated[
        Path | None,
        typer.Option(help="Folder with dicoms/, contourfiles/, link.csv. Default: what has landed, else the phantom."),
    ] = None,
    workspace: Annotated[Path, typer.Option(help="Folder with dvc.yaml and params.yaml.")] = Path(),
    prefect: Annotated[
        bool, typer.Option("--prefect/--no-prefect", help="Supervise with Prefect's embedded server.")
    ] = True,
    log_level: LogLevel = "warning",  # noqa: ARG001 the callback acts
    log_json: LogJson = False,  # noqa: ARG001 the callback acts
) -> None:
    """Land new patients, bring every stage up to date, and say where the report is.

    Ends with 0 when the pipeline came to its end, whatever it found; `cmrpipe validate` is what gates.
    """
    root = workspace.resolve()
    with console.guarded("run"):
        if not (root / "dvc.yaml").is_file():
            raise CmrpipeError(root, "is no workspace (it has no dvc.yaml)", "Run this in your checkout")
        (_with_prefect if prefect else _without_prefect)(source.resolve() if source else None, root)
        out.print(outcome(Workspace(root)).table())


if __name__ == "__main__":
    app(prog_name="cmrpipe run")
    sys.exit(0)
