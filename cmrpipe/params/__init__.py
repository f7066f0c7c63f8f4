"""`params.yaml`: one frozen section per stage; unknown keys and values out of range are refused by name."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import Field, ValidationError
from yaml.constructor import ConstructorError

from cmrpipe.errors import ParamsError
from cmrpipe.params.data import IngestParams, OverlayParams, ReportParams, SourceParams, StoreParams
from cmrpipe.params.labels import ValidateParams
from cmrpipe.params.learning import EvaluateParams, TrainParams
from cmrpipe.params.section import Section
from cmrpipe.plainyaml import read_yaml

__all__ = [
    "EvaluateParams",
    "IngestParams",
    "OverlayParams",
    "Params",
    "ReportParams",
    "SourceParams",
    "StoreParams",
    "TrainParams",
    "ValidateParams",
    "load_params",
]


class Params(Section):
    """The whole file."""

    source: SourceParams = SourceParams()
    ingest: IngestParams = IngestParams()
    validate_: ValidateParams = Field(ValidateParams(), alias="validate")
    overlay: OverlayParams = OverlayParams()
    store: StoreParams = StoreParams()
    train: TrainParams = TrainParams()
    evaluate: EvaluateParams = EvaluateParams()
    report: ReportParams = ReportParams()

    @property
    def lacking(self) -> tuple[str, ...]:
        """Sections that the file does not have, and whose defaults hold."""
        sections = type(self).model_fields.items()
        return tuple(field.alias or name for name, field in sections if name not in self.model_fields_set)


def load_params(path: Path | None) -> Params:
    """Read params.yaml; defaults when `path` is None.

    Raises
    ------
    ParamsError : the file is missing, is no plain YAML (see `cmrpipe.plainyaml`), or holds an unknown key or a value
        out of range
    """
    if path is None:
        return Params()
    try:
        raw = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError(
            path, f"cannot be read ({error.strerror})", "Run this in your checkout, or give its path with --params"
        ) from error
    except ConstructorError as error:
        line = "" if error.problem_mark is None else f" line {error.problem_mark.line + 1}"
        raise ParamsError(f"{path}{line}", str(error.problem), "Mend this line") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(path, f"is not YAML ({error})", "Mend the line it names") from error
    try:
        return Params.model_validate({} if raw is None else raw)
    except ValidationError as error:
        problems = "; ".join(_problem(e["loc"], e["type"], e["msg"], e["input"]) for e in error.errors())
        raise ParamsError(
            path, problems, "Mend or remove these keys; `cmrpipe params` prints all with defaults"
        ) from error


def _problem(loc: tuple[int | str, ...], kind: str, message: str, value: object) -> str:
    key = ".".join(str(part) for part in loc) or "the whole file"
    if kind == "extra_forbidden":
        return f"unknown key {key}"
    return f"{key} is {value!r}: {message.lower()}"
