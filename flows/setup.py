"""`python -m flows.setup`: what a server needs beside the deployments: work pools, and automations that watch runs.

It may be run again at any time, and leaves what is there as it should be.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from cmrpipe.cli import console
from cmrpipe.cli.commands import new_app
from cmrpipe.cli.lastword import Command
from cmrpipe.errors import CmrpipeError, InputError

app = new_app()

POOLS = {"cpu": "reads, checks and stores patients", "gpu": "trains"}
ZOMBIES, STUCK, NOTIFY, TELL = (
    "cmrpipe: crash runs without heartbeat",
    "cmrpipe: crash runs that never began",
    "cmrpipe: notify",
    "cmrpipe: tell what came",
)
BLOCK = "cmrpipe-notify"
_RUN = "prefect.flow-run"
_ENDED = tuple(f"{_RUN}.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed", "TimedOut"))
_BAD = tuple(f"{_RUN}.{state}" for state in ("Failed", "Crashed", "TimedOut"))
_PAYLOAD = """{
 "run": {{ flow_run.name | tojson }},
 "state": {{ flow_run.state.name | tojson }},
 "message": {{ flow_run.state.message | tojson }},
 "page": {{ flow_run | ui_url | tojson }}
}"""


def template_file(pool: str) -> str:
    """Name of a pool's job template in the folder of `--job-templates`."""
    return f"{pool}-job-template.json"


def _template(folder: Path | None, pool: str) -> dict[str, Any]:
    if folder is None:
        return {}
    path = folder / template_file(pool)
    try:
        return {"base_job_template": json.loads(path.read_bytes())}
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "Name a folder with a job template a pool") from error


def _pools(kind: str, templates: Path | None) -> None:
    with get_client(sync_client=True) as client:
        for name, about in POOLS.items():
            values = _template(templates, name)
            try:
                there = client.read_work_pool(name)
            except ObjectNotFound:
                client.create_work_pool(WorkPoolCreate(name=name, type=kind, description=about, **values))
                continue
            if there.type != kind:
                raise CmrpipeError(
                    f"work pool {name}", f"is of type {there.type}", f"Use --type {there.type}, or delete the pool"
                )
            if values:
                client.update_work_pool(name, WorkPoolUpdate(**values))


def _crash(message: str) -> ChangeFlowRunState:
    return ChangeFlowRunState(state=StateType.CRASHED, message=message)


def _every_run() -> ResourceSpecification:
    return ResourceSpecification({"prefect.resource.id": f"{_RUN}.*"})


def _automations(zombie_after_s: float, start_within_s: float) -> list[AutomationCore]:
    """Crash what a dead worker left "Running" or "Pending": it would stand in the way of the next run for ever."""
    heartbeat = f"{_RUN}.heartbeat"
    running = EventTrigger(
        after={heartbeat},
        expect={heartbeat, *_ENDED},
        match=_every_run(),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=zombie_after_s),
    )
    pending = EventTrigger(
        after={f"{_RUN}.Pending"},
        expect={f"{_RUN}.{state}" for state in ("Running", "Scheduled", "AwaitingConcurrencySlot")} | {*_ENDED},
        match=_every_run(),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=start_within_s),
    )
    return [
        AutomationCore(name=ZOMBIES, trigger=running, actions=[_crash(f"no sign of life for {zombie_after_s:g} s")]),
        AutomationCore(name=STUCK, trigger=pending, actions=[_crash(f"did not begin within {start_within_s:g} s")]),
    ]


def _notify(webhook: str, *, reingests: bool) -> list[AutomationCore]:
    """Tell an address of bad runs and, where asked for, of re-ingestions: their names say how many patients came."""
    block = Webhook(method="POST", url=webhook)
    action = CallWebhook(block_document_id=block.save(BLOCK, overwrite=True), payload=_PAYLOAD)
    bad = EventTrigger(expect={*_BAD}, match=_every_run(), posture=Posture.Reactive, threshold=1)
    found = [
        AutomationCore(name=NOTIFY, description="Failed, crashed and timed-out runs", trigger=bad, actions=[action])
    ]
    if reingests:
        flow = {"prefect.resource.role": "flow", "prefect.resource.name": "reingest"}
        done = EventTrigger(
            expect={f"{_RUN}.Completed"},
            match=_every_run(),
            match_related=ResourceSpecification(flow),
            posture=Posture.Reactive,
            threshold=1,
        )
        found.append(AutomationCore(name=TELL, description="Re-ingestions", trigger=done, actions=[action]))
    return found


def _put(automation: AutomationCore) -> None:
    """Create an automation in place of the one of the same name."""
    _remove(automation.name)
    with get_client(sync_client=True) as client:
        client.create_automation(automation)


def _remove(name: str) -> None:
    with get_client(sync_client=True) as client:
        for there in client.read_automations_by_name(name):
            client.delete_automation(there.id)


@app.command(cls=Command)
def setup(
    kind: Annotated[str, typer.Option("--type", help="Type of the work pools: process or kubernetes.")] = "process",
    job_templates: Annotated[
        Path | None,
        typer.Option(help="Folder with cpu-job-template.json and gpu-job-template.json: docker/kubernetes."),
    ] = None,
    zombie_after: Annotated[
        float, typer.Option(min=45, help="Seconds without heartbeat (workers send one every 30) that crash a run.")
    ] = 90.0,
    start_within: Annotated[float, typer.Option(min=45, help="Seconds in which a submitted run must begin.")] = 600.0,
    webhook: Annotated[
        str, typer.Option(envvar="CMRPIPE_WEBHOOK", help="Address that is told of failed and crashed runs.")
    ] = "",
    tell_reingests: Annotated[
        bool,
        typer.Option("--tell-reingests/--bad-only", help="Tell that address of re-ingestions that ended well, too."),
    ] = False,
) -> None:
    """Make the work pools cpu and gpu and the automations on the server of PREFECT_API_URL."""
    with console.guarded("setup"):
        _pools(kind, job_templates)
        told = _notify(webhook, reingests=tell_reingests) if webhook else []
        automations = _automations(zombie_after, start_within) + told
        if webhook and not tell_reingests:
            _remove(TELL)
        for automation in automations:
            _put(automation)
    typer.echo(f"work pools: {', '.join(POOLS)} ({kind})")
    for automation in automations:
        typer.echo(f"automation: {automation.name}")


if __name__ == "__main__":
    app(prog_name="python -m flows.setup")
