"""`cmrpipe land` in a workspace: the first step of a run by itself, under the lock and recorded with DVC."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged, new_app
from cmrpipe.cli.options import Contours, Root
from cmrpipe.connect.address import full_address
from cmrpipe.workspace import Workspace
from flows.run import Watcher
from flows.steps import land_step, writing
from flows.told import Arrived, Told

app = new_app()


@app.command(cls=Logged)
def land(
    source: Annotated[str, typer.Argument(help="Folder or URL.")],
    name: Annotated[str, typer.Option(help="Name of the source, for its link table.")] = "",
    contours: Contours = "",
    workspace: Root = Path(),
) -> None:
    """Land and record, and do nothing else."""
    left = 0

    root = workspace.resolve()
    with console.guarded("land"), console.needs("flows"), console.progress() as listen:
        Workspace(root).check()
        watch = Watcher(listen)

        def tell(step: str, told: Told) -> None:
            nonlocal left
            if isinstance(told, Arrived):
                left = told.counts["left"]
            watch(step, told)

        with writing(root, tell):
            land_step(root, source, tell, name=name, contours=full_address(contours) if contours else "")
    raise typer.Exit(console.EXIT_FINDINGS if left else console.EXIT_CLEAN)


if __name__ == "__main__":
    app(prog_name="cmrpipe land")
