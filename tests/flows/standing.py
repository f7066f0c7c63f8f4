"""A standing Prefect server with authentication on PostgreSQL, and workers for both pools: docs/deploy.md."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flows.server import free_port
from tests.flows.conftest import Space, environment

SECRET = "admin:a secret of the tests"
POOLS = ("cpu", "gpu")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
ZOMBIE_S = 50
_QUICK = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_CLIENT_MAX_RETRIES": "10",
}


def wait_until(holds: Callable[[], Any], seconds: float, what: str | Callable[[], str]) -> Any:
    """Poll until something holds, and return it; seldom after the first seconds, since each answer costs the server."""
    began = time.monotonic()
    while not (found := holds()):
        waited = time.monotonic() - began
        assert waited < seconds, f"after {seconds} s still not: {what if isinstance(what, str) else what()}"
        time.sleep(0.25 if waited < 10 else 1.0)
    return found


def processes_in(folder: Path) -> dict[int, str]:
    """Live processes whose working directory is in a folder, by id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink().is_relative_to(folder):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    return found


class Webhook:
    """What a webhook was told, and where it listens."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.bodies: list[dict[str, Any]] = []


@contextmanager
def told() -> Iterator[Webhook]:
    """A webhook that listens on the loopback."""
    found: list[Webhook] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found[0].bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.append(Webhook(server.server_port))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


class Standing:
    """Server and workers of one workspace; all end with `close`."""

    def __init__(self, space: Space, database: str) -> None:
        self.space = space
        self.webhook: Webhook
        self.database = database
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.logs = space.home / "logs"
        self.logs.mkdir(parents=True)
        self.server: subprocess.Popen[bytes] | None = None
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.started: list[tuple[list[str], dict[str, str]]] = []

    def set_up(self) -> None:
        """Make pools and automations, with quick ones and our webhook."""
        self.call("flows.setup", "--zombie-after", str(ZOMBIE_S), "--webhook", self.webhook.url, "--tell-reingests")

    def environment(self, secret: str | None = SECRET) -> dict[str, str]:
        """What a client, or a worker, needs to reach the server and to find its checkout."""
        found = environment(self.space.home)
        found |= {
            "PREFECT_HOME": str(self.space.home / "prefect"),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_CLI_PROMPT": "false",
            "NO_COLOR": "1",
            "COLUMNS": "250",
            "CMRPIPE_WORKSPACE": str(self.space.root),
            "PYTHONPATH": str(self.space.root),
            "GIT_CEILING_DIRECTORIES": str(self.space.root.parent),
            **_QUICK,
        }
        if secret is not None:
            found["PREFECT_API_AUTH_STRING"] = secret
        return found

    def _start(self, name: str, command: list[str], extra: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
        self.started.append((command, {**self.environment(), **extra}))
        with (self.logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**self.environment(), **extra},
                cwd=cwd,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_server(self) -> None:
        """Start the server and wait for it."""
        command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        extra = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": self.database, "PREFECT_SERVER_API_AUTH_STRING": SECRET}
        self.server = self._start("server", command, extra, self.space.home)
        wait_until(self.healthy, 90, f"the server answers; see {self.logs / 'server.log'}")

    def healthy(self) -> bool:
        """Whether the server answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def start_worker(self, pool: str, root: Path | None = None) -> None:
        """Start a process worker, outside the checkout that it works in (the space's own by default)."""
        command = ["prefect", "worker", "start", "--pool", pool, "--name", f"{pool}-worker", "--type", "process"]
        extra = {} if root is None else {"CMRPIPE_WORKSPACE": str(root), "PYTHONPATH": str(root)}
        self.workers[pool] = self._start(f"worker-{pool}", command, extra, self.space.home)

    def stop_worker(self, pool: str) -> None:
        """End a worker as a terminal's Ctrl-C does."""
        _end(self.workers[pool])

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL one process, and none of its children."""
        process.kill()
        process.wait(10)

    def kill_server(self) -> None:
        """SIGKILL the server's whole group: its command starts children that serve."""
        assert self.server is not None
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait(10)

    def close(self) -> None:
        """End workers, then the server."""
        for process in (*self.workers.values(), *([self.server] if self.server else [])):
            _end(process)

    def call(self, *command: str, code: int = 0, secret: str | None = SECRET) -> str:
        """Run a Python module to its end, as a client of the server; its output."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=self.environment(secret),
            cwd=self.space.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"{command} left with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def api(self, path: str, body: Mapping[str, Any] | None = None, secret: str | None = SECRET) -> Any:
        """Ask the server: POST with a body, else GET."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 an address of our own
            f"{self.url}{path}", data, {"Content-Type": "application/json"}
        )
        if secret is not None:
            request.add_header("Authorization", f"Basic {b64encode(secret.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def run(self, deployment: str, **parameters: Any) -> str:
        """Ask the server for a run, as the button in its pages does; its id."""
        found = self.api(f"/deployments/name/{deployment}")["id"]
        return str(self.api(f"/deployments/{found}/create_flow_run", {"parameters": parameters})["id"])

    def run_by_command(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run with `prefect deployment run`; its id."""
        arguments = [f"--param={name}={json.dumps(value)}" for name, value in parameters.items()]
        printed = self.call("prefect", "deployment", "run", deployment, *arguments)
        return next(line.split(":", 1)[1].strip() for line in printed.splitlines() if "UUID:" in line)

    def state(self, run: str) -> str:
        """The state's type of a run."""
        return str(self.api(f"/flow_runs/{run}")["state_type"])

    def wait(self, run: str, seconds: float = 240) -> dict[str, Any]:
        """Wait for a run to end; the run."""
        wait_until(lambda: self.state(run) in ENDED, seconds, f"run {run} ends; it is {self.state(run)}")
        return dict(self.api(f"/flow_runs/{run}"))

    def finish(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        """Run a deployment to its end, which must be good; the run."""
        return self.good(self.run(deployment, **parameters))

    def good(self, run: str) -> dict[str, Any]:
        """Wait for a run to end, which must be good; the run."""
        found = self.wait(run)
        assert found["state_type"] == "COMPLETED", f"{found['state']}\n{self.log_of(found['id'])}"
        return found

    def log_of(self, run: str) -> str:
        """What a run has logged, with its level."""
        body = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
        return "\n".join(f"{line['level']} {line['message']}" for line in self.api("/logs/filter", body))

    def logged(self, run: str, *texts: str) -> None:
        """Wait until a run's log has texts: a run sends the last of its lines when it has ended."""
        wait_until(
            lambda: all(text in self.log_of(run) for text in texts), 20, lambda: f"{texts} in\n{self.log_of(run)}"
        )

    def artifacts(self, run: str) -> dict[str, Any]:
        """The data of a run's artifacts, by key."""
        body = {"artifacts": {"flow_run_id": {"any_": [run]}}, "limit": 200}
        return {found["key"]: found["data"] for found in self.api("/artifacts/filter", body)}

    def runs(self, **state: Any) -> list[dict[str, Any]]:
        """All flow runs, of one state type when `type` is given."""
        body: dict[str, Any] = {"limit": 200, "sort": "START_TIME_ASC"}
        if state:
            body["flow_runs"] = {"state": {"type": {"any_": [state["type"]]}}}
        return list(self.api("/flow_runs/filter", body))


def refused(call: Callable[[], Any]) -> int:
    """The HTTP status with which a server refuses a call; 0 when it does not."""
    try:
        call()
    except urllib.error.HTTPError as error:
        return error.code
    return 0
