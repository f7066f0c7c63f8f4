"""`cmrpipe tables`: what validate found, as whole tables for people; made from the pieces that DVC keeps."""

from __future__ import annotations

from pathlib import Path

import typer

from cmrpipe.cli import console
from cmrpipe.cli.options import Findings, Tables
from cmrpipe.incremental.commit import refuse_other_output
from cmrpipe.workspace import HERE


def write_whole(findings: Path, tables: Path) -> None:
    """Write findings.csv, findings.json, missing.csv and clinical.csv from validate's output."""
    from cmrpipe.clinical import CLINICAL_COLUMNS  # noqa: PLC0415 heavy
    from cmrpipe.findings import read_report, write_tables  # noqa: PLC0415

    write_tables(tables, read_report(findings), CLINICAL_COLUMNS)


def add(app: typer.Typer) -> None:
    """Register the command."""

    @app.command("tables")
    def tables_command(
        findings: Findings = HERE.findings,
        tables: Tables = HERE.tables,
    ) -> None:
        """Write the tables of findings again. Needed after a `dvc pull`, for instance.

        They are findings.csv, findings.json, missing.csv and clinical.csv; `cmrpipe validate` writes them, too.
        Exit codes: 0 done, 2 could not run.
        """
        with console.guarded("tables"):
            refuse_other_output(tables)
            write_whole(findings, tables)
        typer.echo(f"tables: {tables}")
