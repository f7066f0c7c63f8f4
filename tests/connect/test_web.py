"""A DICOMweb server that means harm, or is broken, on the loopback."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import pydicom
import pytest

from cmrpipe.connect.opening import open_source
from cmrpipe.errors import SourceError
from cmrpipe.landing import Landed, land
from cmrpipe.params import SourceParams
from cmrpipe.progress import silent

Answer: TypeAlias = Callable[[BaseHTTPRequestHandler], None]

_MULTIPART = 'multipart/related; type="application/dicom"; boundary=x'


def rows(*found: dict[str, Any]) -> Answer:
    """Answer a search; its second page is empty."""
    return lambda asked: give(asked, json.dumps([] if "offset=0" not in asked.path else found).encode())


def give(asked: BaseHTTPRequestHandler, body: bytes, kind: str = "application/dicom+json", code: int = 200) -> None:
    """Answer a request."""
    asked.send_response(code)
    asked.send_header("Content-Type", kind)
    if code == HTTPStatus.FOUND:
        asked.send_header("Location", asked.path)
    asked.end_headers()
    asked.wfile.write(body)


def tag(value: object) -> dict[str, Any]:
    """An element of an answer."""
    return {"Value": [value]}


class Harmful:
    """A server of one patient with one series, whose answers a test replaces."""

    def __init__(self) -> None:
        self.studies = rows({"0020000D": tag("1.2"), "00100020": tag("P1")})
        self.series = rows({"0020000E": tag("1.2.3"), "00080060": tag("MR")})
        self.instances = rows({"00080018": tag("1.2.3.4")})
        self.instance: Answer = lambda asked: give(asked, b"")
        server = self

        class _Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                """Answer with what stands at the end of the path."""
                name = self.path.partition("?")[0].rpartition("/")[2]
                with suppress(ConnectionError):
                    getattr(server, name, server.instance)(self)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._http.server_port}/dicom-web"

    def land(self, raw: Path, timeout_s: float = 5.0) -> Landed:
        """Land from it."""
        settings = SourceParams.model_validate({"settle_s": 0.0, "timeout_s": timeout_s})
        return land(open_source(self.address, settings, raw), raw, listen=silent)

    def stop(self) -> None:
        """End it."""
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def harmful() -> Iterator[Harmful]:
    """The server."""
    server = Harmful()
    yield server
    server.stop()


def image(path: Path, sop: str) -> Answer:
    """Answer with an image of another SOPInstanceUID."""
    dataset = pydicom.dcmread(path)
    dataset.add_new("SOPInstanceUID", "LO", sop)
    dataset.save_as(changed := path.with_name("changed.dcm"))
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + changed.read_bytes() + b"\r\n--x--"
    return lambda asked: give(asked, body, _MULTIPART)


@pytest.fixture
def one(small_phantom: Path, tmp_path: Path) -> Path:
    """An image."""
    return Path(shutil.copy(sorted(small_phantom.glob("dicoms/*/*.dcm"))[0], tmp_path / "1.dcm"))


@pytest.mark.parametrize("sop", ["../../raw/dicoms/P0/IM-0001", "/etc/x", "*", "a/b", "1.2\0", "", "1" * 300])
def test_what_is_no_uid_touches_no_file(harmful: Harmful, one: Path, tmp_path: Path, sop: str) -> None:
    """Instances are kept by their UIDs: one that is a path or a pattern would stand for files that have landed."""
    raw = tmp_path / "data" / "raw"
    landed = raw / "dicoms" / "P0" / "IM-0001-0048.dcm"
    landed.parent.mkdir(parents=True)
    landed.write_bytes(b"landed")
    harmful.instances = rows({"00080018": tag("!")}, {"00080018": tag(sop)})
    harmful.instance = image(one, "!")
    with pytest.raises(SourceError, match="which is no UID"):
        harmful.land(raw)
    assert landed.read_bytes() == b"landed"


def test_an_instance_is_not_taken_for_one_whose_uid_begins_alike(harmful: Harmful, one: Path, tmp_path: Path) -> None:
    """The other one waits from a landing that was cut short."""
    raw, asked_for = tmp_path / "data" / "raw", list[str]()
    sops = ("1.2.3.4", "1.2.3.4-5")
    harmful.instances = rows(*({"00080018": tag(sop)} for sop in sops))
    images = {sop: image(one, sop) for sop in sops}

    def answer(asked: BaseHTTPRequestHandler) -> None:
        asked_for.append(asked.path.rpartition("/")[2])
        images[asked_for[-1]](asked)

    harmful.instance = answer
    whole, images["1.2.3.4"] = images["1.2.3.4"], lambda asked: give(asked, b"", _MULTIPART)
    assert "gave 1 of 2 instances" in str(harmful.land(raw).failed)
    images["1.2.3.4"] = whole
    asked_for.clear()
    harmful.land(raw)
    assert asked_for == ["1.2.3.4"]


@pytest.mark.parametrize(
    "body",
    [
        b'"hello"',
        b'[{"0020000D": [1]}]',
        b'[{"0020000D": {"Value": 5}}]',
        b'[{"0020000D": {"Value": {"a": 1}}}]',
        b'[{"0020000D": {"Value": ["1.2"]}, "00100020": {"Value": ["a\\ud800"]}}]',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_no_dicomweb_is_told(harmful: Harmful, tmp_path: Path, body: bytes) -> None:
    """Whatever shape it has, in plain words."""
    harmful.studies = lambda asked: give(asked, body)
    with pytest.raises(SourceError, match="not DICOMweb"):
        harmful.land(tmp_path / "data" / "raw")


def test_an_id_that_is_no_text_is_none(harmful: Harmful, tmp_path: Path) -> None:
    """Its study is put aside as one without PatientID."""
    harmful.studies = rows({"0020000D": tag("1.2"), "00100020": tag({"Alphabetic": "x"})})
    landed = harmful.land(tmp_path / "data" / "raw")
    assert (landed.new, landed.aside) == ((), 1)


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_told(harmful: Harmful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """It is asked several times, and then the landing ends in plain words."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    asked_for: list[str] = []

    def busy(asked: BaseHTTPRequestHandler) -> None:
        asked_for.append(asked.path)
        give(asked, b"", code=code)

    harmful.studies = busy
    with pytest.raises(SourceError, match=rf"answered {code} .*Run again later"):
        harmful.land(tmp_path / "data" / "raw")
    assert len(asked_for) == 4


def test_a_busy_server_without_end_is_not_read(
    harmful: Harmful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again over a new connection."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    heard: list[str] = []

    def busy(asked: BaseHTTPRequestHandler) -> None:
        _without_end(asked, "text/html", 503, blocks=100_000)
        heard.append(asked.path)

    harmful.studies = busy
    with pytest.raises(SourceError, match=r"answered 503 .*Run again later"):
        harmful.land(tmp_path / "data" / "raw")
    assert heard == []


def _without_end(asked: BaseHTTPRequestHandler, kind: str, code: int = 200, blocks: int | None = None) -> None:
    """Answer, and go on for as long as somebody listens, or for so many blocks."""
    give(asked, b" ", kind, code)
    for _ in itertools.count() if blocks is None else range(blocks):
        asked.wfile.write(b" " * 1000)


@pytest.mark.parametrize("what", ["studies", "redirect", "instance"])
def test_an_answer_without_end_is_not_read_to_it(
    harmful: Harmful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A search, what leads elsewhere, and an instance: of each there is a most."""
    monkeypatch.setattr("cmrpipe.connect.web._ROWS_BYTES", 5_000_000)
    monkeypatch.setattr("cmrpipe.connect.web.FILE_BYTES", 6_000_000)
    if what == "instance":
        harmful.instance = lambda asked: _without_end(asked, _MULTIPART)
    else:
        harmful.studies = lambda asked: _without_end(asked, "text/html", 200 if what == "studies" else 302)
    try:
        told = str(harmful.land(tmp_path / "data" / "raw").failed)
    except SourceError as error:
        told = str(error)
    assert f"sends more than {6 if what == 'instance' else 5},000,000 bytes" in told


def _chunked(asked: BaseHTTPRequestHandler, part: bytes) -> None:
    asked.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))


def _trickle(asked: BaseHTTPRequestHandler, kind: str, how: str, bytes_s: float) -> None:
    """Answer at so many bytes a second, ten times a second, for as long as somebody listens."""
    asked.protocol_version = "HTTP/1.1"
    asked.send_response(200)
    asked.send_header("Content-Type", kind)
    asked.send_header("Connection", "close")
    if how == "length":
        asked.send_header("Content-Length", "100000000")
    elif how == "chunked":
        asked.send_header("Transfer-Encoding", "chunked")
    elif how == "packed":
        asked.send_header("Content-Encoding", "gzip")
    asked.end_headers()
    part = b"\x1f\x8b\x08\x08" + b" " * 1000 if how == "packed" else b" " * max(1, round(bytes_s / 10))
    with suppress(OSError):
        for _ in range(600):
            (asked.wfile.write if how != "chunked" else lambda block: _chunked(asked, block))(part)
            asked.wfile.flush()
            part = b" " * max(1, round(bytes_s / 10))
            _SLEEP(0.1)


_SLEEP = time.sleep


@pytest.mark.parametrize("how", ["length", "chunked", "to its end", "packed"])
@pytest.mark.parametrize("what", ["studies", "instance"])
def test_an_answer_that_trickles_is_ended(harmful: Harmful, tmp_path: Path, what: str, how: str) -> None:
    """Each packet comes in time, and the whole never would; a gzip stream that unpacks to nothing, too."""
    kind = _MULTIPART if what == "instance" else "application/dicom+json"
    setattr(harmful, what, lambda asked: _trickle(asked, kind, how, 100.0))
    started = time.monotonic()
    try:
        told = str(harmful.land(tmp_path / "data" / "raw", timeout_s=0.5).failed)
    except SourceError as error:
        told = str(error)
    assert "bytes in 0.5 s, too slowly to wait for the rest" in told
    assert time.monotonic() - started < 5


def test_an_answer_that_takes_for_ever_is_ended(
    harmful: Harmful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However steadily it comes."""
    monkeypatch.setattr("cmrpipe.connect.pace.LONGEST_S", 1.5)
    harmful.studies = lambda asked: _trickle(asked, "application/dicom+json", "length", 50_000.0)
    with pytest.raises(SourceError, match=r"has sent \d+,\d+ bytes in 1\.5 s, and not all"):
        harmful.land(tmp_path / "data" / "raw", timeout_s=0.5)


def test_an_answer_that_comes_slowly_enough_is_waited_for(harmful: Harmful, one: Path, tmp_path: Path) -> None:
    """An image, over more than twice the time that is watched over, at twice the slowest pace: none is missing."""
    whole = image(one, "1.2.3.4")

    def slowly(asked: BaseHTTPRequestHandler) -> None:
        heard = BytesIO()
        asked.wfile, to = heard, asked.wfile
        whole(asked)
        asked.wfile = to
        for at in range(0, len(heard.getvalue()), 500):
            to.write(heard.getvalue()[at : at + 500])
            to.flush()
            _SLEEP(0.2)

    harmful.instance = slowly
    started = time.monotonic()
    told = str(harmful.land(tmp_path / "data" / "raw", timeout_s=1.0).failed)
    assert "too slowly" not in told
    assert "instances of P1" not in told
    assert time.monotonic() - started > 2.5


def test_instances_that_fail_one_after_the_other_are_not_all_asked_for(
    harmful: Harmful, one: Path, tmp_path: Path
) -> None:
    """Each may take as long as is waited for. One that can be had begins the count anew; the next landing asks on."""
    sops = [f"1.2.3.{number}" for number in range(1, 9)]
    harmful.instances = rows(*({"00080018": tag(sop)} for sop in sops))
    asked_for: list[str] = []
    good = image(one, sops[1])

    def answer(asked: BaseHTTPRequestHandler) -> None:
        asked_for.append(asked.path.rpartition("/")[2])
        (good if asked_for[-1] == sops[1] else lambda asked: give(asked, b"", code=404))(asked)

    harmful.instance = answer
    told = str(harmful.land(tmp_path / "data" / "raw").failed)
    assert "gave 1 of 8 instances of P1: answered 404" in told
    assert asked_for == sops[:5]
    asked_for.clear()
    harmful.land(tmp_path / "data" / "raw")
    assert asked_for == [sops[0], *sops[2:5]]
