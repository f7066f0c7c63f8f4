"""`cmrpipe crossvalidate` and `cmrpipe replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged
from cmrpipe.cli.options import PARAMS, Model, OutFolder, ParamsFile, StoreFolder, path_option
from cmrpipe.files import in_one_line
from cmrpipe.params import load_params
from cmrpipe.readers.layouts import keep_out
from cmrpipe.workspace import HERE

# Heavy modules are imported by the command that needs them.
# ruff: noqa: PLC0415


def crossvalidate_command(
    folds: Annotated[int, typer.Option(min=2, help="Folds of patients.")] = 5,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="A fold a patient, whatever --folds says.")
    ] = False,
    store: StoreFolder = HERE.store,
    out: OutFolder = HERE.crossvalidation,
    pathology: Annotated[
        Path,
        path_option(help="Table patient_id,pathology[,person] that stratifies folds; ids of one person stay together."),
    ] = HERE.pathology,
    workers: Annotated[
        int, typer.Option("--workers", "-j", min=1, help="Folds at a time; does not change the output.")
    ] = 1,
    params: ParamsFile = PARAMS,
) -> None:
    """Judge every patient by a model that has not seen it. Prints the table."""
    with console.guarded("crossvalidate"), console.needs("train"), console.progress() as listen:
        from cmrpipe.stages.crossvalidate import TABLE, crossvalidate

        settings = load_params(params if params.exists() or params != PARAMS else None)
        summary = crossvalidate(
            store,
            out,
            None if leave_one_out else folds,
            settings.train,
            settings.evaluate,
            listen=listen,
            pathology=pathology,
            workers=workers,
        )
    typer.echo((out / TABLE).read_text(encoding="utf-8"))
    console.finish(summary)


def replay_command(
    step: Annotated[int, typer.Argument(min=0, help="Step of the training, from 0.")],
    model: Model = HERE.model,
    rank: Annotated[int, typer.Option(min=0, help="Which of several processes that trained together.")] = 0,
    first: Annotated[
        bool, typer.Option("--first", help="A step of the first of two trainings (train.complete).")
    ] = False,
    store: StoreFolder = HERE.store,
    direct: Annotated[bool, typer.Option("--direct", help="From DICOM and contour files, not from the store.")] = False,
    raw: Annotated[Path, path_option("--raw", help="With --direct: the raw folder.")] = HERE.raw,
    catalog: Annotated[Path, path_option("--catalog", help="With --direct: output of ingest.")] = HERE.catalog,
    quarantine: Annotated[Path, path_option("--quarantine", help="With --direct: what is left out.")] = HERE.quarantine,
    out: Annotated[
        Path | None, path_option("--out", help="New .npz file with image, label and known, as the network saw them.")
    ] = None,
) -> None:
    """Make a batch of a training again. It is compared with the checksum in the batch log."""
    with console.guarded("replay"), console.needs("train"):
        from cmrpipe.learn.extra import require_torch

        require_torch()
        if direct and out is not None:
            keep_out(raw, out)
        import numpy as np

        from cmrpipe.files import atomic, disk_trouble
        from cmrpipe.learn.replay import replay
        from cmrpipe.learn.source import DirectSource
        from cmrpipe.store import open_store

        source = DirectSource(raw, catalog, quarantine) if direct else open_store(store)
        line, batch = replay(source, model, step, rank, first=first)
        if out is not None:
            arrays = {name: getattr(batch, name).numpy() for name in ("image", "label", "known")}
            with disk_trouble(out.parent), atomic(out) as temporary, temporary.open("wb") as file:
                np.savez(file, **arrays)
    for sample, seed in zip(line.samples, line.seeds, strict=True):
        typer.echo(in_one_line(f"  {sample}  augmentation seed {seed}"))
    typer.echo(f"replay: step {line.step} of epoch {line.epoch}, the same bytes (CRC-32 {line.crc32:08x})")


def add(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("crossvalidate", cls=Logged)(crossvalidate_command)
    app.command("replay", cls=Logged)(replay_command)
