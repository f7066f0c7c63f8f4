"""`cmrpipe run` before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cmrpipe.errors import ParamsError
from cmrpipe.stages import STAGES
from flows.run import app
from flows.steps import stage_step
from tests.commands import empty_workspace


@pytest.mark.parametrize("supervision", ["--prefect", "--no-prefect"])
def test_a_section_that_is_not_there_is_told_at_the_start(tmp_path: Path, supervision: str) -> None:
    """By file, section and mend, before patients land; a stage by itself tells it, too, and not in DVC's words."""
    root = empty_workspace(tmp_path)
    params = root / "params.yaml"
    params.write_text("".join(f"{stage}: {{}}\n" for stage in STAGES if stage not in ("validate", "train")))
    before = sorted(root.rglob("*"))
    done = CliRunner().invoke(app, [supervision, "--workspace", str(root)])
    assert done.exit_code == 2
    told = f"{params}: has no sections validate, train, which DVC asks for. Add them; `cmrpipe params` prints all"
    assert told in done.stderr
    with pytest.raises(ParamsError, match="no sections validate, train"):
        stage_step(root, "ingest", lambda *_: None)
    assert sorted(root.rglob("*")) == before
