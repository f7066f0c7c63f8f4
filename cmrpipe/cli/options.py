"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cmrpipe import logs
from cmrpipe.incremental.executors import cores
from cmrpipe.workspace import HERE

PARAMS = HERE.params


def given(text: str) -> str:
    """What the user names; empty it is no name for the current folder, but a variable of the shell that is not set."""
    if not text.strip():
        raise typer.BadParameter("is empty; is a variable of the shell not set? A full stop names the current folder")
    return text


def given_path(text: str | Path) -> Path:
    """A path that the user names, or the one that stands for it by default."""
    return Path(given(os.fspath(text)))


def path_option(*names: str, help: str) -> Any:  # noqa: A002 as typer calls it
    """An option that names a file or a folder."""
    return typer.Option(*names, metavar="PATH", parser=given_path, help=help)


Raw = Annotated[Path, path_option("--raw", help="Raw folder: dicoms/, contourfiles/, link tables.")]
Catalog = Annotated[Path, path_option("--catalog", help="Output of ingest.")]
Findings = Annotated[Path, path_option("--findings", help="Output of validate.")]
Tables = Annotated[
    Path, path_option("--tables", help="Folder for findings.csv, findings.json, missing.csv, clinical.csv.")
]
QuarantineFile = Annotated[Path, path_option("--quarantine", help="What the store leaves out; people may edit it.")]
Overlays = Annotated[Path, path_option("--overlays", help="Output of overlay.")]
StoreFolder = Annotated[Path, path_option("--store", help="Output of store.")]
AnyStore = Annotated[Path, path_option("--store", help="The store's folder.")]
Model = Annotated[Path, path_option("--model", help="Output of train.")]
Evaluation = Annotated[Path, path_option("--evaluation", help="Output of evaluate.")]
Out = Annotated[Path, path_option("--out", help="Output folder.")]
OutFolder = Annotated[Path, path_option("--out", help="Folder to write to.")]
State = Annotated[Path, path_option("--state", help="What was seen on this machine; may be deleted.")]
ParamsFile = Annotated[Path, path_option("--params", help="Parameters of all stages.")]
Root = Annotated[Path, path_option(help="The workspace: a folder with .dvc and flows/.")]
Contours = Annotated[
    str, typer.Option(help="Folder with contourfiles/ and link.csv, for a source of images only (source.contours).")
]


CORES = cores()
Workers = Annotated[
    int, typer.Option("--workers", "-j", min=1, help="Number of processes; does not change the output.")
]
Executor = Annotated[
    str,
    typer.Option(
        "--executor",
        envvar="CMRPIPE_EXECUTOR",
        help="Where patients are worked on: processes:N, dask-local:N or dask:ADDRESS; does not change "
        "the output. Overrides --workers.",
    ),
]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 where findings would give 1 (2 stays 2).")]

_LEVEL, _JSON = "cmrpipe.log_level", "cmrpipe.log_json"
"""Where a context keeps the options of logging that somebody gave; the level is read before `--log-json` is."""


def _log_json(context: typer.Context, value: bool) -> bool:
    if value:
        context.meta[_JSON] = True
        logs.configure(json_lines=True, level=context.meta.get(_LEVEL, "info"))
    return value


def _log_level(context: typer.Context, value: str) -> str:
    if value not in ("debug", "info", "warning", "error"):
        raise typer.BadParameter("use debug, info, warning or error")
    source = context.get_parameter_source("log_level")
    if source is not None and source.name != "DEFAULT":
        context.meta[_LEVEL] = value
    logs.configure(json_lines=os.environ.get("CMRPIPE_LOG_JSON") == "1", level=value)
    return value


def logging_arguments(context: typer.Context) -> list[str]:
    """The options of logging that were given, for a command that this one hands over to."""
    level = [] if _LEVEL not in context.meta else ["--log-level", context.meta[_LEVEL]]
    return [*level, *(["--log-json"] if _JSON in context.meta else [])]


LogLevel = Annotated[
    str,
    typer.Option(
        "--log-level",
        callback=_log_level,
        is_eager=True,
        envvar="CMRPIPE_LOG_LEVEL",
        help="debug, info, warning or error.",
    ),
]
LogJson = Annotated[
    bool,
    typer.Option(
        "--log-json",
        callback=_log_json,
        help="Log JSON lines, and nothing else, on standard error; by default from info.",
    ),
]
