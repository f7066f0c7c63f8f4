"""`cmrpipe land` and `cmrpipe sources`: bring patients in, or only say what is there to bring."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged
from cmrpipe.cli.handover import PASSED_ON, hand_over
from cmrpipe.cli.options import PARAMS, Contours, ParamsFile, Raw, given, logging_arguments
from cmrpipe.codes import Severity
from cmrpipe.connect.address import full_address
from cmrpipe.errors import ParamsError
from cmrpipe.files import in_one_line
from cmrpipe.incremental.locking import alone
from cmrpipe.landing import Forgotten, Ledger, describe_landing, land, troubles
from cmrpipe.landing.apart import check_apart
from cmrpipe.landing.plan import make_plan
from cmrpipe.params import SourceParams, load_params
from cmrpipe.readers.items import real
from cmrpipe.readers.layouts import standing
from cmrpipe.workspace import HERE

# pydicom is imported by the command that needs it.
# ruff: noqa: PLC0415


SourceName = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        parser=given,
        help="Folder with dicoms/, contourfiles/, link.csv; folder of unsorted DICOM; DICOMweb URL.",
    ),
]
TableName = Annotated[str, typer.Option(help="Name of the source, for its link table; the source's own by default.")]


def _settings(params: Path, contours: str) -> SourceParams:
    settings = load_params(params if params.exists() or params != PARAMS else None).source
    return settings.model_copy(update={"contours": contours}) if contours else settings


def land_command(
    context: typer.Context,
    source: SourceName,
    raw: Raw = HERE.raw,
    name: TableName = "",
    contours: Contours = "",
    params: ParamsFile = PARAMS,
) -> None:
    """Bring new and changed patients in, whole or not at all.

    In a workspace, under its lock and recorded with DVC. Exit codes: 0 all landed, 1 some were left for the next
    landing or something could not be read, 2 could not run.
    """
    from cmrpipe.connect.opening import open_source

    with console.guarded("land"):
        address = full_address(source)
        check_apart(address, raw)
    if raw == HERE.raw and not HERE.lacking:
        with console.guarded("land"):
            if real(params) != real(HERE.params):
                raise ParamsError(params, "does not count in a workspace", "Edit its params.yaml, which DVC records")
        options = [*(["--name", name] if name else []), *(["--contours", contours] if contours else [])]
        hand_over("land", "flows.land", [address, *options, *logging_arguments(context)])
    with console.guarded("land"), console.progress() as listen:
        settings = _settings(params, contours)
        with alone(raw.parent / f".{raw.name}.lock"):
            landed = land(
                open_source(address, settings, raw, name=name),
                raw,
                settle_s=settings.settle_s,
                packing=settings.pack,
                forgotten=Forgotten(HERE.forgotten).holds,
                listen=listen,
            )
    for line in troubles(landed):
        console.warn("land", line)
    typer.echo(f"land: patients: {describe_landing(landed.counts())}")
    raise typer.Exit(console.EXIT_CLEAN if landed.whole else console.EXIT_FINDINGS)


def sources_command(
    source: SourceName,
    raw: Raw = HERE.raw,
    contours: Contours = "",
    params: ParamsFile = PARAMS,
    everything: Annotated[bool, typer.Option("--all", help="List what is unchanged, too.")] = False,
) -> None:
    """Say what a source has that is new, changed or gone. Nothing is done.

    Patients and contours, and what is wrong with the link table. Exit codes: 0 nothing to land and nothing gone, 1
    something is, or the link table has errors, 2 could not look.
    """
    from cmrpipe.cli.linktable import check_link_table
    from cmrpipe.connect.opening import open_source

    with console.guarded("sources"):
        settings = _settings(params, contours)
        place = open_source(full_address(source), settings, raw)
        look, ledger = place.look(), Ledger(raw)
        forgotten = Forgotten(HERE.forgotten).holds
        plan = make_plan(place, look, raw, ledger, forgotten)
        links = check_link_table(look, place.name, raw, plan.blocked, forgotten)
    rows = [(offer.folder, "changed" if standing(raw, offer.folder) else "new") for offer in plan.todo]
    others = {offer.folder for offer in plan.todo if ledger.others(offer.folder, place.address)}
    quiet = {offer.folder for offer in plan.todo if offer.quiet}
    rows += [(folder, "gone from the source") for folder in plan.withdrawn]
    rows += [(folder, f"cannot be fetched: {cause}") for folder, cause in look.bad.items()]
    rows += [(what, cause) for what, cause in look.unread.items()]
    settled = [(folder, "older than what stands, will not land") for folder in plan.kept]
    settled += [(folder, "forgotten, will not land") for folder in plan.blocked]
    shown = rows + settled + ([(offer.folder, "unchanged") for offer in plan.unchanged] if everything else [])
    for folder, state in sorted(shown):
        note = "" if folder in quiet or state not in ("new", "changed") else ", has to hold still first"
        note += ", landed from another source; lands if it is the same patient" if folder in others else ""
        typer.echo(in_one_line(f"{folder}  {state}{note}"))
    console.tell_findings(links)
    counts = Counter(state.partition(":")[0] for _, state in rows + settled) | Counter(
        {"unchanged": len(plan.unchanged)}
    )
    typer.echo(f"sources: folders: {', '.join(f'{count} {state}' for state, count in counts.items()) or 'none'}")
    wrong = any(found.severity is Severity.ERROR for found in links)
    raise typer.Exit(console.EXIT_FINDINGS if rows or wrong else console.EXIT_CLEAN)


def add(app: typer.Typer) -> None:
    """Register the commands."""

    @app.command("forget", context_settings=PASSED_ON, add_help_option=False)
    def forget_command(context: typer.Context) -> None:
        """Remove a patient for good; lists first."""
        hand_over("forget", "flows.forget", context.args)

    app.command("land", cls=Logged)(land_command)
    app.command("sources", cls=Logged)(sources_command)
