"""docs/deploy.md, followed: every block that is not marked otherwise is run, in order, as it stands."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess

import pytest

from flows.setup import POOLS, template_file
from tests.flows.conftest import REPOSITORY, Space
from tests.flows.standing import Standing, refused

PAGE = REPOSITORY / "docs" / "deploy.md"
BLOCK = re.compile(r"(?:<!-- not run by the tests: (?P<why>.+?) -->\n)?```sh\n(?P<code>.*?)```", re.DOTALL)


ELSEWHERE = "A GPU on another machine"
"""Its section is followed in two checkouts, by tests/flows/deployed/test_gpu_host.py."""


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
def test_the_page_can_be_followed(standing: Standing, finished: tuple[Space, str]) -> None:
    """In one shell, in the checkout, after a first run; each command ends well."""
    shutil.rmtree(standing.space.root)
    finished[0].copy(standing.space.root)
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


def plain(command: list[str]) -> tuple[str, ...]:
    """A command without what differs from start to start."""
    dropped = {i + offset for i, word in enumerate(command) if word in ("--port", "--name") for offset in (0, 1)}
    return tuple(sorted(word for i, word in enumerate(command) if i not in dropped))


def test_server_and_workers_are_started_as_the_page_says(standing: Standing) -> None:
    """What does not end, and is therefore no block that is run, is what the tests have started, with its variables."""
    lines = [line for why, code in blocks() if why for line in code.splitlines()]
    commands = [shlex.split(line) for line in lines if re.match(r"prefect (server|worker) start .*(process|\d)$", line)]
    assert len(commands) == 3
    assert {plain(command) for command in commands} == {plain(command) for command, _ in standing.started}
    named = {name for line in lines if line.startswith("export ") for name in re.findall(r"(\w+)=", line)}
    known = {name for _, environment in standing.started for name in environment}
    assert named - known == {"CMRPIPE_EXECUTOR", "CMRPIPE_SOURCE"}  # test_executors.py, test_gpu_host.py


@pytest.mark.parametrize("pool", POOLS)
def test_server_takes_the_kubernetes_templates(standing: Standing, pool: str) -> None:
    """It refuses a template whose job names a variable that is not declared."""
    template = json.loads((REPOSITORY / "docker" / "kubernetes" / template_file(pool)).read_text())
    wanted = {"name": f"kubernetes-{pool}", "type": "kubernetes", "base_job_template": template}
    made = standing.api("/work_pools/", wanted)
    assert made["base_job_template"] == template
    del template["variables"]["properties"]["image"]
    assert refused(lambda: standing.api("/work_pools/", {**wanted, "name": f"wrong-{pool}"})) == 422
