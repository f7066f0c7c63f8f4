"""A PostgreSQL server of the tests' own, from Debian's package."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.server import free_port
from tests.conftest import missing

USER, PASSWORD = "prefect", "a secret of the tests"


def binaries() -> Path:
    """Folder of initdb and postgres; skips (fails in CI) where they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        missing("PostgreSQL", "apt-get install -y postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def _account() -> str | None:
    """Account to run it under: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


@contextmanager
def running() -> Iterator[str]:
    """Start a server with an empty database; yields its address for SQLAlchemy."""
    tools, account, port = binaries(), _account(), free_port()
    base = Path(tempfile.mkdtemp(prefix="cmrpipe-postgres-"))  # pytest's own folders are closed to other accounts
    if account:
        shutil.chown(base, account)
    (base / "password").write_text(PASSWORD)
    (base / "password").chmod(0o644)
    start = [str(tools / "initdb"), "-D", str(base / "data"), "-U", USER, "-A", "scram-sha-256"]
    start += [f"--pwfile={base / 'password'}", "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(start, check=True, capture_output=True, user=account, cwd=base)
    with (base / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(tools / "postgres"), "-D", str(base / "data"), "-p", str(port), "-k", str(base), "-F"],
            stdout=log,
            stderr=log,
            user=account,
            cwd=base,
            start_new_session=True,
        )
    try:
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        psql = [str(tools / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, "-d", "postgres"]
        deadline = time.monotonic() + 30
        make = [*psql, "-c", "create database prefect"]
        while subprocess.run(make, env=environment, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, (base / "log").read_text()
            assert process.poll() is None, (base / "log").read_text()
            time.sleep(0.1)
        yield f"postgresql+asyncpg://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/prefect"
    finally:
        process.send_signal(signal.SIGINT)  # its fast shutdown
        process.wait(20)
        shutil.rmtree(base, ignore_errors=True)
