"""Commands: a stage each, the whole run, the phantom, and the tables that explain findings and parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmrpipe import __version__
from cmrpipe.cli import console, integrity, learning, models, prediction, sources, storing, tables, whose
from cmrpipe.cli.commands import Logged, new_app
from cmrpipe.cli.handover import PASSED_ON, hand_over
from cmrpipe.cli.options import (
    CORES,
    PARAMS,
    Catalog,
    Evaluation,
    Executor,
    ExitZero,
    Findings,
    Model,
    Out,
    Overlays,
    ParamsFile,
    QuarantineFile,
    Raw,
    State,
    StoreFolder,
    Tables,
    Workers,
    given_path,
    path_option,
)
from cmrpipe.errors import InputError
from cmrpipe.incremental.commit import refuse_other_output
from cmrpipe.landing import check_landed
from cmrpipe.nouns import counted
from cmrpipe.params import load_params
from cmrpipe.readers.layouts import keep_out
from cmrpipe.workspace import HERE

# Stages are imported by the command that runs them: `cmrpipe ingest` must not pay for torch, nor need it.
# ruff: noqa: PLC0415

app = new_app(
    name="cmrpipe",
    about="From cardiac MR slices and expert contours to a verified training store and an evaluated model.\n\n"
    "Begin with `cmrpipe validate FOLDER` (labels only) or `cmrpipe run --source FOLDER` (the whole pipeline).\n\n"
    "Exit codes of stages: 0 clean, 1 findings of severity error, 2 could not run, 141 nobody reads the output.",
    no_args_is_help=True,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


def _faults(value: bool) -> None:
    from cmrpipe.phantom import FAULTS

    if value:
        for name, fault in FAULTS.items():
            typer.echo(f"{name:32} {fault.code.value:28} {fault.about}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


@app.command("run", context_settings=PASSED_ON, add_help_option=False)
def run_command(context: typer.Context) -> None:
    """Run the whole pipeline under Prefect and DVC."""
    hand_over("run", "flows.run", context.args)


@app.command(cls=Logged)
def ingest(
    raw: Raw = HERE.raw,
    out: Out = HERE.catalog,
    state: State = HERE.state,
    params: ParamsFile = PARAMS,
    workers: Workers = CORES,
    executor: Executor = "",
    exit_zero: ExitZero = False,
) -> None:
    """Read all image headers and contours into the catalog."""
    from cmrpipe.stages.ingest import ingest as stage

    with console.guarded("ingest"), console.progress() as listen:
        check_landed(raw)
        summary = stage(raw, out, state, load_params(params).ingest, listen=listen, workers=executor or workers)
    console.finish(summary, exit_zero=exit_zero)


@app.command(cls=Logged)
def validate(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            parser=given_path,
            help="Check this folder by itself; results go below --out, or ./validation, never into it.",
        ),
    ] = None,
    raw: Raw = HERE.raw,
    catalog: Catalog = HERE.catalog,
    out: Out = HERE.findings,
    whole: Tables = HERE.tables,
    quarantine: QuarantineFile = HERE.quarantine,
    params: ParamsFile = PARAMS,
    workers: Workers = CORES,
    executor: Executor = "",
    exit_zero: ExitZero = False,
) -> None:
    """Check links, images, contours and what is missing. The exit code can gate a job."""
    from cmrpipe.stages.ingest import ingest as read
    from cmrpipe.stages.validate import people_rows
    from cmrpipe.stages.validate import validate as stage

    with console.guarded("validate"), console.progress() as listen:
        if folder is not None:
            if (raw, catalog, whole, quarantine) != (HERE.raw, HERE.catalog, HERE.tables, HERE.quarantine):
                raise InputError(
                    folder,
                    "is checked by itself: --raw, --catalog, --tables and --quarantine are a workspace's",
                    "Results, quarantine.csv among them, lie below --out; or leave the folder out",
                )
            settings = load_params(params if params.exists() or params != PARAMS else None)
            base = out if out != HERE.findings else Path("validation")
            raw, catalog, out, quarantine = folder, base / "catalog", base / "findings", base / "quarantine.csv"
            whole = base / "tables"
            refuse_other_output(base)
            whose.refuse_others(base, raw, quarantine, people_rows(out, quarantine))
            read(raw, catalog, base / "state", settings.ingest, listen=listen, workers=executor or workers)
            whose.remember(base, raw)
        else:
            settings = load_params(params)
            check_landed(raw)
            keep_out(raw, whole)
            refuse_other_output(whole)
        summary = stage(raw, catalog, out, quarantine, settings.validate_, listen=listen, workers=executor or workers)
        tables.write_whole(out, whole)
    if not exit_zero or folder is not None:
        console.tell_errors(out, whole)
    if folder is not None:
        typer.echo(f"validate: all that was found is in {whole}")
    console.finish(summary, exit_zero=exit_zero)


@app.command(cls=Logged)
def overlay(
    raw: Raw = HERE.raw,
    catalog: Catalog = HERE.catalog,
    findings: Findings = HERE.findings,
    quarantine: QuarantineFile = HERE.quarantine,
    out: Out = HERE.overlays,
    params: ParamsFile = PARAMS,
    workers: Workers = CORES,
    executor: Executor = "",
) -> None:
    """Draw every contoured image. A strip shows the slices before and after."""
    from cmrpipe.stages.overlay import overlay as stage

    with console.guarded("overlay"), console.progress() as listen:
        settings = load_params(params).overlay
        summary = stage(raw, catalog, findings, quarantine, out, settings, listen=listen, workers=executor or workers)
    console.finish(summary)


@app.command(cls=Logged)
def store(
    raw: Raw = HERE.raw,
    catalog: Catalog = HERE.catalog,
    quarantine: QuarantineFile = HERE.quarantine,
    out: Out = HERE.store,
    params: ParamsFile = PARAMS,
    workers: Workers = CORES,
    executor: Executor = "",
) -> None:
    """Write images and label masks, less what is in quarantine. One file a patient."""
    from cmrpipe.stages.store import store as stage

    with console.guarded("store"), console.progress() as listen:
        check_landed(raw)
        summary = stage(
            raw, catalog, quarantine, out, load_params(params).store, listen=listen, workers=executor or workers
        )
    console.finish(summary)


@app.command(cls=Logged)
def train(
    store: StoreFolder = HERE.store,
    pathology: Annotated[
        Path,
        path_option(
            "--pathology",
            help="Table patient_id,pathology[,person] that stratifies the split; ids of one person stay together.",
        ),
    ] = HERE.pathology,
    out: Out = HERE.model,
    params: ParamsFile = PARAMS,
) -> None:
    """Train a UNet; patients are split, never images."""
    with console.guarded("train"), console.needs("train"), console.progress() as listen:
        from cmrpipe.stages.train import helps_to_train
        from cmrpipe.stages.train import train as stage

        summary = stage(store, out, load_params(params).train, listen=listen, pathology=pathology)
    if not helps_to_train():
        console.finish(summary)


@app.command(cls=Logged)
def evaluate(
    store: StoreFolder = HERE.store,
    model: Model = HERE.model,
    out: Out = HERE.evaluation,
    params: ParamsFile = PARAMS,
) -> None:
    """Measure the model on patients that it has not seen."""
    with console.guarded("evaluate"), console.needs("train"), console.progress() as listen:
        from cmrpipe.stages.evaluate import evaluate as stage

        summary = stage(store, model, out, load_params(params).evaluate, listen=listen)
    console.finish(summary)


@app.command(cls=Logged)
def report(
    catalog: Catalog = HERE.catalog,
    findings: Findings = HERE.findings,
    quarantine: QuarantineFile = HERE.quarantine,
    overlays: Overlays = HERE.overlays,
    store: StoreFolder = HERE.store,
    model: Model = HERE.model,
    evaluation: Evaluation = HERE.evaluation,
    out: Out = HERE.report,
    params: ParamsFile = PARAMS,
) -> None:
    """Write the report: what came in, what is wrong, how good.

    One page that begins with the answer, and a page with pictures for each patient.
    """
    from cmrpipe.stages.report import report as stage

    with console.guarded("report"), console.progress() as listen:
        settings = load_params(params).report
        summary = stage(catalog, findings, quarantine, overlays, store, model, evaluation, out, settings, listen=listen)
    console.finish(summary, exit_zero=True)


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", parser=given_path, help="New folder to write to.")],
    patients: Annotated[int, typer.Option(min=1, help="Number of patients.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 1,
    faults: Annotated[str, typer.Option(help="Faults to plant, separated by commas, or all; see --list-faults.")] = "",
    list_faults: Annotated[  # noqa: ARG001 the callback acts
        bool, typer.Option("--list-faults", callback=_faults, is_eager=True, help="Explain every fault and exit.")
    ] = False,
) -> None:
    """Write synthetic short-axis cines with contours. Areas, volumes and ejection fractions are known exactly."""
    from cmrpipe.phantom import write_phantom

    names = tuple(name.strip() for name in faults.split(",") if name.strip())
    with console.guarded("phantom"), console.progress() as listen:
        truth = write_phantom(folder, patients, seed, faults=names, listen=listen)
    typer.echo(
        f"phantom: {counted(patients, 'patient')} in {folder}; "
        f"truth and {counted(len(truth.faults), 'planted fault')} in phantom.json"
    )


@app.command("findings")
def findings_command() -> None:
    """Print what each finding code means. Also its severity, how it is measured, and what to do."""
    from cmrpipe.codetable import CODES

    for code, info in CODES.items():
        param = f" (parameter {info.param})" if info.param else ""
        typer.echo(f"{code.value}\n  {info.severity.value}: {info.meaning}")
        typer.echo(f"  measured: {info.measured}{param}\n  do: {info.action}")


@app.command("params")
def params_command(params: ParamsFile = PARAMS) -> None:
    """Print all parameters with the values in force."""
    import yaml

    with console.guarded("params"):
        values = load_params(params if params.exists() or params != PARAMS else None)
    typer.echo(yaml.safe_dump(values.model_dump(mode="json", by_alias=True), sort_keys=False), nl=False)


integrity.add(app)
learning.add(app)
prediction.add(app)
storing.add(app)
sources.add(app)
models.add(app)
tables.add(app)
