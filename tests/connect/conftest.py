"""A real Orthanc with its DICOMweb plug-in, on the loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from dicomweb_client.web import DICOMwebClient

from flows.server import free_port
from tests.conftest import missing

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "connect", "not-a-secret-7193"
_BOUNDARY = b"--cmrpipe-boundary"


class Orthanc:
    """A running server."""

    def __init__(self, home: Path) -> None:
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        self.address = f"{self.root}/dicom-web"
        config = {
            "StorageDirectory": str(home / "db"),
            "IndexDirectory": str(home / "db"),
            "HttpPort": port,
            "DicomServerEnabled": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (home / "orthanc.json").write_text(json.dumps(config))
        program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None or not PLUGIN.exists():
            missing("Orthanc", "apt-get install orthanc orthanc-dicomweb")
            raise AssertionError
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (USER, PASSWORD)
        self._log = (home / "orthanc.log").open("wb")
        self._process = subprocess.Popen([program, str(home / "orthanc.json")], stdout=self._log, stderr=self._log)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.session.get(f"{self.root}/system", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError("Orthanc did not start")

    def stow(self, *files: Path) -> None:
        """Send files by STOW-RS, byte for byte."""
        body = b"".join(
            b"--" + _BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n"
            for path in files
        )
        kind = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY.decode()}'
        url = f"{self.address}/studies"
        answer = self.session.post(url, body + b"--" + _BOUNDARY + b"--", headers={"Content-Type": kind}, timeout=120)
        answer.raise_for_status()

    def delete_patient(self, patient_id: str) -> None:
        """Remove a patient."""
        for key in self._find("Patient", PatientID=patient_id):
            self.session.delete(f"{self.root}/patients/{key}", timeout=60).raise_for_status()

    def delete_instance(self, sop: str) -> None:
        """Remove one instance."""
        for key in self._find("Instance", SOPInstanceUID=sop):
            self.session.delete(f"{self.root}/instances/{key}", timeout=60).raise_for_status()

    def _find(self, level: str, **query: str) -> list[Any]:
        value: dict[str, Any] = {"Level": level, "Query": query}
        return list(self.session.post(f"{self.root}/tools/find", json=value, timeout=60).json())

    def clear(self) -> None:
        """Remove everything."""
        for key in self.session.get(f"{self.root}/patients", timeout=60).json():
            self.session.delete(f"{self.root}/patients/{key}", timeout=60)

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One Orthanc for all tests."""
    orthanc = Orthanc(tmp_path_factory.mktemp("orthanc"))
    yield orthanc
    orthanc.stop()


@pytest.fixture
def orthanc(server: Orthanc, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orthanc]:
    """The server, empty, and the environment that opens it."""
    server.clear()
    monkeypatch.setenv("CMRPIPE_PACS_USER", USER)
    monkeypatch.setenv("CMRPIPE_PACS_PASSWORD", PASSWORD)
    yield server
    server.clear()


@pytest.fixture
def gets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """URLs that are fetched, as they are."""
    seen: list[str] = []
    plain = DICOMwebClient._http_get

    def noted(self: DICOMwebClient, url: str, *arguments: Any, **options: Any) -> Any:
        seen.append(url)
        return plain(self, url, *arguments, **options)

    monkeypatch.setattr(DICOMwebClient, "_http_get", noted)
    return seen
