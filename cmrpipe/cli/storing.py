"""`cmrpipe migrate` and `cmrpipe export`: what one does with a store beside training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged
from cmrpipe.cli.options import AnyStore, path_option
from cmrpipe.files import in_one_line
from cmrpipe.nouns import counted
from cmrpipe.workspace import HERE

# Heavy modules are imported by the command that needs them.
# ruff: noqa: PLC0415


def migrate_command(
    store: AnyStore = HERE.store,
    catalog: Annotated[
        Path, path_option(help="Output of ingest, for what an older store lacks; need not be there.")
    ] = HERE.catalog,
    to_format: Annotated[str, typer.Option("--format", help="hdf5 or zarr; the store's own by default.")] = "",
) -> None:
    """Bring an older store to this version's schema. No raw data are needed, and nothing in the store is lost.

    The old store stands until the new one is whole. Where the raw data are at hand, `dvc repro` (or `cmrpipe store`)
    makes the store from them instead.
    """
    from cmrpipe.store import StoreFormat
    from cmrpipe.store.migrate import migrate

    if to_format not in ("", *StoreFormat):
        raise typer.BadParameter(f"use {' or '.join(StoreFormat)}", param_hint="--format")
    with console.guarded("migrate"), console.progress() as listen:
        done = migrate(
            store,
            catalog=catalog if catalog.is_dir() else None,
            store_format=StoreFormat(to_format) if to_format else None,
            listen=listen,
        )
    if not done.patients:
        typer.echo(f"migrate: {store} has schema version {done.version} already; nothing to do")
        return
    moved = f"{counted(done.patients, 'patient')}, {counted(done.samples, 'sample')}"
    typer.echo(f"migrate: {moved}, from schema version {done.version}")
    if done.unplaced:
        typer.echo(
            f"migrate: position or orientation of {counted(done.unplaced, 'sample')} is stored as unknown: neither the "
            f"store nor {catalog} has them; `cmrpipe store` reads them from the raw data"
        )
    if done.unlocated:
        typer.echo(
            f"migrate: where the heart is in the images of {counted(done.unlocated, 'patient')} is stored as unknown: "
            "only the cine tells; `cmrpipe store` looks at it in the raw data"
        )


def export_command(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="npy|nifti|nnunet",
            help="npy: arrays to map into memory; nifti: a file a volume; nnunet: a raw folder with labels and folds.",
        ),
    ],
    output: Annotated[Path, path_option("--output", "-o", help="New folder, or an earlier export of this kind.")],
    store: AnyStore = HERE.store,
) -> None:
    """Write the store as NumPy arrays, NIfTI or nnU-Net data. Each has an index.csv of samples: docs/store.md.

    The folder appears whole or not at all. One that holds anything else is left alone, and that is an error.
    """
    from cmrpipe.export import Kind, export

    if kind not in tuple(Kind):
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(Kind)}")
    with console.guarded("export"), console.progress() as listen:
        done = export(store, output, Kind(kind), listen=listen)
    for reason in done.left_out:
        typer.echo(in_one_line(f"export: left out {reason}"))
    if done.unplaced:
        first = in_one_line(", ".join(done.unplaced[:5]))
        typer.echo(f"export: {counted(len(done.unplaced), 'volume')} without a known place in space: {first}")
    typer.echo(f"export: {counted(done.patients, 'patient')}, {counted(done.samples, 'sample')} in {output}")
    if kind == Kind.NNUNET and not re.fullmatch(r"Dataset\d{3}_\w+", output.absolute().name):
        typer.echo("export: nnU-Net wants the folder to be called like Dataset501_LV, in its nnUNet_raw")


def add(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("migrate", cls=Logged)(migrate_command)
    app.command("export", cls=Logged)(export_command)
