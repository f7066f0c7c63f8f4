"""dvc.yaml against the code: commands, sources, params, outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cmrpipe.incremental.codeversion import sources
from cmrpipe.params import Params
from cmrpipe.stages import STAGES
from tests.commands import cmrpipe

REPOSITORY = Path(__file__).resolve().parents[1]
PIPELINE: dict[str, Any] = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())


def test_stages_stand_in_order() -> None:
    """The stages of dvc.yaml are those of the code, in their order."""
    assert tuple(PIPELINE["stages"]) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_stage_depends_on_every_source_it_imports(stage: str) -> None:
    """A stage lists exactly the modules (and templates) that it imports, so that no edit is overlooked."""
    wanted = {path.relative_to(REPOSITORY).as_posix() for path in sources(f"cmrpipe.stages.{stage}").values()}
    if stage == "report":
        templates = (REPOSITORY / "cmrpipe" / "report" / "templates").iterdir()
        wanted |= {path.relative_to(REPOSITORY).as_posix() for path in templates if path.is_file()}
    listed = {dep for dep in PIPELINE["stages"][stage]["deps"] if dep.startswith("cmrpipe/")}
    assert listed == wanted


@pytest.mark.parametrize("stage", STAGES)
def test_stage_runs_its_command_with_its_own_params(stage: str) -> None:
    """The command is `cmrpipe <stage>`; its params are its own section; its outputs persist."""
    entry = PIPELINE["stages"][stage]
    command = entry["cmd"].split()
    assert command[:2] == ["cmrpipe", stage]
    assert command[2:] in ([], ["--exit-zero"])
    assert entry["params"] == [stage]
    assert stage in {field.alias or name for name, field in Params.model_fields.items()}
    assert all(next(iter(out.values()))["persist"] for out in entry["outs"])


@pytest.mark.parametrize("stage", STAGES)
def test_every_command_explains_itself(stage: str) -> None:
    """`cmrpipe <stage> --help` tells every option and leaves with 0."""
    done = cmrpipe(REPOSITORY, stage, "--help")
    assert done.returncode == 0
    assert "--params" in done.stdout
