"""`cmrpipe verify` and `cmrpipe rebuild`: through DVC's records in a workspace, else the store by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged, new_app
from cmrpipe.cli.handover import PASSED_ON, hand_over
from cmrpipe.cli.options import CORES, AnyStore, Workers
from cmrpipe.files import in_one_line
from cmrpipe.workspace import HERE

# Heavy modules are imported by the command that needs them.
# ruff: noqa: PLC0415


def verify_store_command(
    patients: Annotated[list[str] | None, typer.Argument(metavar="PATIENT", help="Only these patients' files.")] = None,
    store: AnyStore = HERE.store,
    datasets: Annotated[
        bool, typer.Option("--datasets", help="Read every array, too, and compare it with its hash.")
    ] = False,
    workers: Workers = CORES,
) -> None:
    """Compare a store with its own manifest. Exit codes: 0 whole, 1 something is bad, 2 could not run."""
    from cmrpipe.store.verify import verify_store

    with console.guarded("verify"), console.progress() as listen:
        found = verify_store(store, patients=patients or (), datasets=datasets, workers=workers, listen=listen)
    for verdict in found.bad:
        said = f"{verdict.path}: {verdict.state.value}: {verdict.detail}; comes back by {verdict.remedy}"
        typer.echo(in_one_line(said))
    typer.echo(f"verify: {found.files:,} files, {found.bytes / 1e6:,.1f} MB hashed, {len(found.bad)} bad")
    raise typer.Exit(console.EXIT_FINDINGS if found.bad else console.EXIT_CLEAN)


def add(app: typer.Typer) -> None:
    """Register the commands."""

    @app.command("verify", context_settings=PASSED_ON, add_help_option=False)
    def verify_command(context: typer.Context) -> None:
        """Find files that are altered or missing, by their hashes."""
        options = {argument.partition("=")[0] for argument in context.args}
        if "--workspace" in options or not (HERE.lacking or "--store" in options):
            hand_over("verify", "flows.integrity", ["verify", *context.args])
        alone = new_app()
        alone.command(cls=Logged)(verify_store_command)
        alone(context.args, prog_name="cmrpipe verify")

    @app.command("rebuild", context_settings=PASSED_ON, add_help_option=False)
    def rebuild_command(context: typer.Context) -> None:
        """Bring back what verify finds, proven by hash."""
        hand_over("rebuild", "flows.integrity", ["rebuild", *context.args])
