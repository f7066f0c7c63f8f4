"""`cmrpipe predict`: contours, masks, pictures and volumes of new patients; `cmrpipe suspects`: labels to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged
from cmrpipe.cli.options import PARAMS, Model, OutFolder, ParamsFile, StoreFolder, given_path, path_option
from cmrpipe.files import in_one_line
from cmrpipe.nouns import counted
from cmrpipe.params import load_params
from cmrpipe.workspace import HERE

if TYPE_CHECKING:
    from cmrpipe.predict.tables import Row

# Heavy modules are imported by the command that needs them.
# ruff: noqa: PLC0415

_VALUES = ("EDV {:.0f} mL", "ESV {:.0f} mL", "SV {:.0f} mL", "EF {:.1f} %", "CO {:.1f} L/min", "mass {:.0f} g")


def predict_command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DICOM_DIR", parser=given_path, help="A patient's DICOM files, or a folder of patients."
        ),
    ],
    output: Annotated[Path, path_option("--output", "-o", help="Folder to write to.")],
    model: Model = HERE.model,
    overlays: Annotated[bool, typer.Option(help="Draw pictures.")] = True,
    segmentation: Annotated[bool, typer.Option(help="Write DICOM Segmentations.")] = True,
    params: ParamsFile = PARAMS,
) -> None:
    """Find the left ventricle in new patients. Exit codes: 0 all judged, 1 some could not be, 2 could not run."""
    with console.guarded("predict"), console.needs("predict"), console.progress() as listen:
        from cmrpipe.learn.extra import require_torch

        require_torch()
        from cmrpipe.predict.output import Options
        from cmrpipe.predict.run import predict

        if segmentation:
            import highdicom  # noqa: F401 so that its absence is told before the work, not after
        settings = load_params(params if params.exists() or params != PARAMS else None)
        options = Options(settings.ingest.contour_origin, overlays, segmentation)
        rows = predict(folder, output, model, settings, options, listen=listen)
    for row in rows:
        typer.echo(in_one_line(f"{row.patient_id}: {'; '.join(_said(row))}"))
    raise typer.Exit(console.EXIT_CLEAN if all(row.judged for row in rows) else console.EXIT_FINDINGS)


def _said(row: Row) -> list[str]:
    """What is told of a patient, part by part."""
    refused = [f"{counted(row.refused, 'image')} refused (see refused.csv)"] if row.refused else []
    values = [name.format(value) for name, value in zip(_VALUES, row.values, strict=True) if value is not None]
    among = "of all frames" if row.ed_frame is None else "of ED and ES"
    doubts = [f"{counted(row.unsure, 'image')} {among} unsure"] if row.unsure else []
    return [counted(row.images, "image"), *refused, *values, *doubts, *([row.reason] if row.reason else [])]


def suspects_command(
    store: StoreFolder = HERE.store,
    predictions: Annotated[
        Path,
        path_option(help="Output of crossvalidate, or of evaluate (its test patients only)."),
    ] = HERE.crossvalidation,
    out: OutFolder = HERE.suspects,
    most: Annotated[int, typer.Option(min=1, help="Findings at most, strongest disagreement first.")] = 20,
) -> None:
    """Rank contours by their distance from predictions. The first become findings with a picture.

    The predictions are by models that have not seen the patient.
    """
    with console.guarded("suspects"), console.progress() as listen:
        from cmrpipe.learn.review import review

        found = review(store, predictions, out, most, listen=listen)
    for item in found.findings:
        typer.echo(in_one_line(f"{item.patient_id} {item.message}"))
    left = f"; no prediction of {counted(len(found.unpredicted), 'patient')}" if found.unpredicted else ""
    typer.echo(f"suspects: {len(found.findings)} of {counted(found.contours, 'contour')}, pictures in {out}{left}")


def add(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("predict", cls=Logged)(predict_command)
    app.command("suspects", cls=Logged)(suspects_command)
