"""`cmrpipe run`: the whole pipeline from one command, with or without Prefect."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cmrpipe.cli import console
from cmrpipe.cli.aslog import AsLog
from cmrpipe.cli.commands import Logged, new_app
from cmrpipe.cli.options import Contours, Root
from cmrpipe.connect.address import full_address
from cmrpipe.files import in_one_line
from cmrpipe.landing import describe_landing
from cmrpipe.progress import Listener, Progress
from cmrpipe.report.outcome import outcome
from cmrpipe.stages import STAGES
from cmrpipe.stages.words import describe
from cmrpipe.workspace import Workspace
from flows.server import embedded_server
from flows.steps import check_params, land_step, stage_step, writing
from flows.told import Arrived, Done, Said, Told, Waiting

app = new_app()
out = Console(highlight=False, soft_wrap=True)


class Watcher:
    """Turns events into progress and one line a stage."""

    def __init__(self, listen: Listener) -> None:
        self._listen = listen
        self._log = AsLog.wanted()
        self._started = time.monotonic()

    def __call__(self, stage: str, told: Told) -> None:
        """Show what is told; a command's failure is shown where it ends the run."""
        match told:
            case Progress():
                self._listen(told)
            case Arrived(source, counts):
                if self._log is not None:
                    self._log.done("land", {"source": source, "counts": counts})
                self._say("land", _landed(told))
            case Said(level, message) if level != "info":
                if self._log is not None:
                    self._log.say(level, message, stage=stage)
                out.print(f"{level}: {stage}: {in_one_line(message)}", markup=False)
            case Waiting(holder):
                out.print(f"waiting for {holder}, which is writing to this workspace")
            case Done(state, summary):
                if self._log is not None:
                    self._log.done(stage, {"state": state, **summary})
                text = {"unchanged": "unchanged", "cached": "taken from DVC's run cache"}.get(state)
                self._say(stage, text or describe(summary))

    def _say(self, stage: str, text: str) -> None:
        now = time.monotonic()
        out.print(f"{stage:<9} {now - self._started:6.1f} s  {in_one_line(text)}", markup=False)
        self._started = now


def _landed(arrived: Arrived) -> str:
    if arrived.source is None:
        return "no new source; working on what has landed"
    return f"patients from {arrived.source}: {describe_landing(arrived.counts)}"


def _with_prefect(source: str | None, contours: str, workspace: Path) -> None:
    out.print("starting Prefect's embedded server in the background")
    with embedded_server(workspace, out.print) as wait:
        from flows import pipeline, tasks  # noqa: PLC0415 prefect reads its settings when it is imported

        wait()
        with console.progress() as listen:
            tasks.watchers.append(Watcher(listen))
            try:
                once = pipeline.pipeline.with_options(retries=0)  # a person sees the error, and mends it
                once(source=source, workspace=str(workspace), contours=contours)
            finally:
                tasks.flush_logs()


def _without_prefect(source: str | None, contours: str, workspace: Path) -> None:
    with console.progress() as listen:
        tell = Watcher(listen)
        with writing(workspace, tell):
            land_step(workspace, source, tell, contours=contours)
            for stage in STAGES:
                stage_step(workspace, stage, tell)


@app.command(cls=Logged)
def run(
    source: Annotated[
        str | None,
        typer.Option(
            help="Folder with dicoms/, contourfiles/, link.csv, a folder of unsorted DICOM, or a DICOMweb URL. "
            "Default: what has landed, else the phantom."
        ),
    ] = None,
    contours: Contours = "",
    workspace: Root = Path(),
    prefect: Annotated[
        bool, typer.Option("--prefect/--no-prefect", help="Supervise with Prefect's embedded server.")
    ] = True,
) -> None:
    """Land new patients, bring every stage up to date, and say where the report is.

    Ends with 0 when the pipeline came to its end, whatever it found. To gate a job, use `cmrpipe validate`.
    """
    root = workspace.resolve()
    with console.guarded("run"), console.needs("flows"):
        Workspace(root).check()
        address = None if source is None else full_address(source)
        beside = full_address(contours) if contours else ""
        check_params(root)
        (_with_prefect if prefect else _without_prefect)(address, beside, root)
        out.print(outcome(Workspace(root)).table())


if __name__ == "__main__":
    app(prog_name="cmrpipe run")
