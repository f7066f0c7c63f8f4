"""docs/deploy.md, followed: every block that is not marked otherwise is run, in order, as it stands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.flows.conftest import REPOSITORY
from tests.flows.standing import Standing

PAGE = REPOSITORY / "docs" / "deploy.md"
BLOCK = re.compile(r"(?:<!-- not run by the tests: (?P<why>.+?) -->\n)?```sh\n(?P<code>.*?)```", re.DOTALL)


ELSEWHERE = "A GPU on another machine"
"""Its section is followed in two checkouts, by tests/flows/test_gpu_host.py."""


def blocks(*, elsewhere: bool = False) -> list[tuple[str, str]]:
    """Why a block is not run ("" for one that is), and its text; of that one section, or of all others."""
    parts = [part for part in PAGE.read_text().split("\n## ") if part.startswith(ELSEWHERE) is elsewhere]
    return [(match["why"] or "", match["code"]) for part in parts for match in BLOCK.finditer(part)]


def test_every_block_is_run_or_says_why_not() -> None:
    """None escapes the pattern, and files and deployments that the page names exist."""
    text = PAGE.read_text()
    assert len(blocks()) + len(blocks(elsewhere=True)) == text.count("```sh") == text.count("```") / 2
    assert sum(not why for why, _ in blocks()) >= 5
    for path in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PAGE.parent / path).exists(), path
    for name in re.findall(r"(?:tests|docker)/[\w./-]+\w", text):
        assert (REPOSITORY / name).exists() or name == "docker/.env", name
    for name in re.findall(r"`((\w+)/\2)`", text):
        assert (REPOSITORY / "flows" / f"{name[1]}.py").is_file(), name[0]


@pytest.mark.slow
def test_the_page_can_be_followed(standing: Standing, small_phantom: Path) -> None:
    """In one shell, in the checkout, after a first run; each command ends well."""
    standing.space.run("--source", str(small_phantom))
    script = "set -euo pipefail\n" + "\n".join(code for why, code in blocks() if not why)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=standing.space.root,
        env={**standing.environment(), "BASH_ENV": os.devnull},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    standing.set_up()  # the page names another webhook
    assert done.returncode == 0, done.stdout
    assert "automation: cmrpipe: notify" in done.stdout
    assert "automation: cmrpipe: tell what came" in done.stdout
    assert re.search(r"store: patients: \d+ unchanged", done.stdout)
