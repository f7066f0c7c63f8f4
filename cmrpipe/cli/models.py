"""`cmrpipe compare`: two models on the same unseen patients."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cmrpipe import events
from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged
from cmrpipe.cli.options import PARAMS, ParamsFile, StoreFolder, given_path, path_option
from cmrpipe.files import write_json
from cmrpipe.params import load_params
from cmrpipe.workspace import HERE

# Heavy modules are imported by the command that needs them.
# ruff: noqa: PLC0415


def add(app: typer.Typer) -> None:
    """Register the command."""

    @app.command("compare", cls=Logged)
    def compare_command(
        last: Annotated[
            Path, typer.Argument(parser=given_path, metavar="LAST", help="Folder of the model to hold it against.")
        ],
        new: Annotated[
            Path, path_option("--model", help="Folder of the new model, with its splits.json.")
        ] = HERE.model,
        store: StoreFolder = HERE.store,
        out: Annotated[Path | None, path_option("--out", help="Write figures and patients to this JSON file.")] = None,
        params: ParamsFile = PARAMS,
    ) -> None:
        """Judge two models on the same patients. These are the new one's test patients that neither has seen."""
        with console.guarded("compare"), console.needs("train"), console.progress() as listen:
            from cmrpipe.learn.contest import compare
            from cmrpipe.learn.saved import read_model
            from cmrpipe.learn.splits import read_split, refuse_other_split
            from cmrpipe.store import open_store

            split = read_split(new / "splits.json")
            refuse_other_split(new / "splits.json", split, read_model(new).origin)
            with open_store(store) as source:
                found = compare(source, new, last, split.test, load_params(params).evaluate, listen=listen)
            if out is not None:
                write_json(out, asdict(found))
        if not events.wanted():
            for name, figures in found.figures.items():
                text = ", ".join(f"{key} {value}" for key, value in figures.items() if value is not None)
                typer.echo(f"{name}: {text}")
