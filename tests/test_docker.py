"""docker/: there is no engine here to build with, so that all that the files name is held against what there is."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from prefect.settings import get_current_settings
from prefect.utilities.templating import apply_values
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

from flows.setup import POOLS, template_file

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
DOCKERFILES = (DOCKER / "Dockerfile", DOCKER / "gpu.Dockerfile")
SECRETS = ("PREFECT_AUTH", "POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY")
VARIABLE = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def settings(path: Path) -> dict[str, str]:
    """Variables of an environment file."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def compose() -> dict[str, Any]:
    """The compose file with the example's variables put in."""
    values = settings(DOCKER / "example.env")

    def put(match: re.Match[str]) -> str:
        return values.get(match[1], "") or (match[2] or "").removeprefix(":-")

    found: dict[str, Any] = yaml.safe_load(VARIABLE.sub(put, (DOCKER / "compose.yaml").read_text()))
    return found


def instructions(path: Path, name: str) -> Iterator[str]:
    """Arguments of every such instruction of a Dockerfile."""
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    return (line.removeprefix(f"{name} ") for line in text.splitlines() if line.startswith(f"{name} "))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    """Not even what it would only remark."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_are_pinned_small_and_not_root(path: Path) -> None:
    """Base images by full version, a Python that the package supports, a numeric user, a health check."""
    stages = [line.rpartition(" AS ")[2] for line in instructions(path, "FROM") if " AS " in line]
    bases = {line.split(" ")[0] for line in instructions(path, "FROM")} - set(stages)
    assert bases == {"python:3.11.13-slim-bookworm"}
    assert PROJECT["requires-python"] == ">=3.11"
    assert set(instructions(path, "USER")) == {"${UID}"}
    assert set(instructions(path, "ARG")) >= {"UID=1000"}
    assert list(instructions(path, "HEALTHCHECK"))
    assert all("--no-install-recommends" in line for line in instructions(path, "RUN") if "apt-get install" in line)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_everything_a_dockerfile_names_exists(path: Path) -> None:
    """Copied files are there and not ignored; extras are the package's, ports and commands those of the programs."""
    sent = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    stages = {line.rpartition(" AS ")[2] for line in instructions(path, "FROM") if " AS " in line}
    for line in instructions(path, "COPY"):
        if line.startswith("--from="):
            assert line.split()[0].removeprefix("--from=") in stages
            continue
        for name in line.split()[:-1]:
            assert (ROOT / name).is_file()
            assert name in sent
    installs = [line for line in instructions(path, "RUN") if "pip install" in line]
    for line in installs:
        assert "-c constraints.txt" in line
        extras = re.search(r"'\.\[([\w,]+)\]'", line)
        assert extras is not None
        assert set(extras[1].split(",")) <= set(PROJECT["optional-dependencies"])
    assert installs
    ports = {
        int(port) for line in instructions(path, "HEALTHCHECK") for port in re.findall(r"127\.0\.0\.1:(\d+)/", line)
    }
    assert ports <= {get_current_settings().server.api.port, get_current_settings().worker.webserver.port}
    for line in instructions(path, "CMD"):
        check_command(json.loads(line))


def check_command(command: list[str]) -> None:
    """A command's program is installed with the package, and its help knows every option."""
    assert command[0] in {script.name for script in entry_points(group="console_scripts")}
    names = [word for word in command[1:] if not word.startswith("-")][:2]
    helped = subprocess.run(
        [sys.executable, "-m", command[0], *names, "--help"], capture_output=True, text=True, check=True
    ).stdout
    for option in (word for word in command if word.startswith("--")):
        assert option in helped, command
    if "--pool" in command:
        assert command[command.index("--pool") + 1] in POOLS


def test_compose_file_is_valid_and_a_wrong_one_is_not() -> None:
    """By the compose specification; a misspelt key is refused, so that this test can fail."""
    found = compose()
    assert set(PyCompose.from_json(json.dumps(found)).service_names()) == set(found["services"])
    found["services"]["server"]["restrat"] = "always"
    with pytest.raises(Exception, match="restrat"):
        PyCompose.from_json(json.dumps(found))


def test_compose_file_names_what_there_is() -> None:
    """Dockerfiles, targets, build arguments, modules, volumes and variables."""
    found, values = compose(), settings(DOCKER / "example.env")
    assert {match[1] for match in VARIABLE.finditer((DOCKER / "compose.yaml").read_text())} <= set(values)
    for service in found["services"].values():
        build = service.get("build")
        if build is None:
            assert re.search(r":[\w.-]*\d", service["image"]), "pinned"
            continue
        path = (DOCKER / build["context"]).resolve() / build["dockerfile"]
        assert path in DOCKERFILES
        text = path.read_text()
        assert "target" not in build or f" AS {build['target']}\n" in text
        assert all(f"ARG {name}=" in text for name in build.get("args", {}))
    for service in found["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("/") or source in found["volumes"]
        assert set(service.get("depends_on", ())) <= set(found["services"])
    modules = re.findall(r"python -m ([\w.]+)", found["services"]["setup"]["command"][-1])
    assert modules == ["flows.setup"]
    assert all(importlib.util.find_spec(module) for module in modules)


def test_compose_file_asks_for_authentication_a_database_and_a_gpu() -> None:
    """The server will not start without its secret, clients have it, and no secret stands in a file that git has."""
    services = compose()["services"]
    auth = settings(DOCKER / "example.env")["PREFECT_AUTH"]
    assert services["server"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"] == auth
    assert services["server"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg")
    for name in ("setup", "cpu-worker", "gpu-worker"):
        assert services[name]["environment"]["PREFECT_API_AUTH_STRING"] == auth
    device = services["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    text = (DOCKER / "compose.yaml").read_text()
    assert all(f"${{{name}:?" in text and f"${{{name}:-" not in text for name in SECRETS)
    ignored = subprocess.run(["git", "check-ignore", "docker/.env"], cwd=ROOT, capture_output=True, check=False)
    assert ignored.returncode == 0


def test_unit_names_what_there_is() -> None:
    """Every variable of the systemd unit is in its environment file, and its command is Prefect's."""
    text = (DOCKER / "systemd" / "cmrpipe-worker.service").read_text()
    values = settings(DOCKER / "systemd" / "worker.env")
    assert {match[1] for match in VARIABLE.finditer(text)} <= set(values)
    start = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert start is not None
    path, *rest = start[1].replace("${CMRPIPE_POOL}", values["CMRPIPE_POOL"]).split()
    assert path == f"{values['CMRPIPE_WORKSPACE']}/.venv/bin/prefect"
    check_command(["prefect", *rest])
    verifier = shutil.which("systemd-analyze")
    if verifier is not None:
        done = subprocess.run(
            [verifier, "verify", "--man=no", DOCKER / "systemd" / "cmrpipe-worker.service"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Unknown" not in done.stderr


@pytest.mark.parametrize("pool", POOLS)
def test_kubernetes_template_is_what_the_worker_takes(pool: str) -> None:
    """Every placeholder has a variable and every variable a place; the job has the secret, the checkout and the GPU."""
    template = json.loads((DOCKER / "kubernetes" / template_file(pool)).read_text())
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])
    about = template["variables"]["properties"]
    values = {name: value["default"] for name, value in about.items() if value.get("default") is not None}
    filled = apply_values(template["job_configuration"], {**values, "command": "prefect flow-run execute"})
    configuration = KubernetesWorkerJobConfiguration.model_validate(filled)
    spec = configuration.job_manifest["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert container["image"] == f"cmrpipe-{pool}"
    assert container["envFrom"] == [{"secretRef": {"name": "cmrpipe"}}]
    assert container["securityContext"]["runAsNonRoot"] is True
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    assert container["resources"]["limits"].get("nvidia.com/gpu") == (1 if pool == "gpu" else None)
