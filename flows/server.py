"""Prefect's embedded server for one run: SQLite in the workspace, its output in a file, ended with the run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.workspace import HERE
from flows.child import start, stop
from flows.dvc import LOGS

HOME = HERE.state / "prefect"
LOG = LOGS / "prefect-server.log"
START_TIMEOUT_S = 120.0
_API = "PREFECT_API_URL"


class ServerError(CmrpipeError, RuntimeError):
    """The embedded server did not start."""


def quiet_environment(workspace: Path) -> dict[str, str]:
    """Settings of client and server: nothing sent home, errors told by us alone, state in the workspace."""
    return {
        "PREFECT_HOME": str((workspace / HOME).resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    }


def free_port() -> int:
    """A port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 an http address of our own
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _start(workspace: Path, port: int) -> subprocess.Popen[bytes]:
    log = workspace / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as record:
        return start(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"],
            environment={**os.environ, **quiet_environment(workspace)},
            output=record,
        )


def _wait(
    process: subprocess.Popen[bytes], url: str, workspace: Path, say: Callable[[str], None], *, first: bool
) -> None:
    """Wait until the server answers."""
    if _healthy(url):
        return
    say("waiting for Prefect's embedded server" + (" (it sets up its database the first time)" if first else ""))
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _healthy(url):
        if process.poll() is not None:
            raise ServerError("Prefect's embedded server", "ended at its start", f"See {workspace / LOG}")
        if time.monotonic() > deadline:
            raise ServerError(
                "Prefect's embedded server",
                f"did not answer within {START_TIMEOUT_S:.0f} s",
                f"See {workspace / LOG}, or run without it: cmrpipe run --no-prefect",
            )
        time.sleep(0.1)


@contextmanager
def embedded_server(workspace: Path, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Start a server in the background and point this process's Prefect client at it.

    Yields a function that waits until the server answers, so that other work can be done meanwhile. When
    `PREFECT_API_URL` is set, that server is used and none is started. Set before prefect is imported.

    Raises
    ------
    ServerError : it ended, or did not answer in time
    """
    if os.environ.get(_API):
        say(f"using the Prefect server at {os.environ[_API]}")
        yield lambda: None
        return
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    first = not (workspace / HOME).exists()
    with _start(workspace, port) as process:
        os.environ.update({**quiet_environment(workspace), _API: url})
        try:
            yield lambda: _wait(process, url, workspace, say, first=first)
        finally:
            stop(process, first=signal.SIGINT)
            os.environ.pop(_API, None)
