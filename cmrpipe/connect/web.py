"""Talking to a DICOMweb server: searches page by page, instances byte for byte, every failure in plain words."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

import requests
from dicomweb_client.web import DICOMwebClient
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.util import Retry

from cmrpipe.connect.address import check_named
from cmrpipe.connect.credentials import MEND, Credentials
from cmrpipe.connect.pace import Pace, block_bytes
from cmrpipe.errors import SourceError
from cmrpipe.files import FILE_BYTES, canonical_json

STUDY_UID, SERIES_UID, SOP_UID = "0020000D", "0020000E", "00080018"
PATIENT_ID, MODALITY = "00100020", "00080060"
_Search: TypeAlias = Callable[[int, int], Iterable[Any]]
_UID = re.compile(r"[0-9A-Za-z._-]{1,64}")
"""As servers in the field write them; by the standard they have digits and dots alone."""
_TRIES = 4
_REFUSED = (401, 403)
_BUSY = (408, 429, 503, 504)
"""Answers that may be others a moment later."""
_ROWS_BYTES = FILE_BYTES // 4
"""The longest answer to a search."""
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class _Client(DICOMwebClient):
    """The client, and one request more: an instance's own bytes, which the client would parse and lose."""

    def instance_bytes(self, url: str) -> bytes:
        """The first part of a multipart answer, as the server has it (in its own transfer syntax)."""
        response = self._http_get(url, headers={"Accept": _ACCEPT}, stream=False)
        return next(iter(self._decode_multipart_message(response, stream=False)))


class _Retry(Retry):
    """Asks again without reading what a busy server has sent, which urllib3 would to its end, if it has one."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        *args: Any,
        **others: Any,
    ) -> Self:
        if response is not None:
            response.close()
        return super().increment(method, url, response, *args, **others)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(address: str, credentials: Credentials, *, plain_http: bool) -> str:
    """The address as it may be shown.

    Raises
    ------
    SourceError : see `check_named`, or credentials would travel unencrypted
    """
    check_named(address)
    parts = urlsplit(address)
    if credentials and parts.scheme == "http" and not _loopback(parts.hostname or "") and not plain_http:
        raise SourceError(
            address, "would get the password unencrypted", "Use https, or set source.plain_http where that is meant"
        )
    return address.rstrip("/")


def value(row: Mapping[str, Any], tag: str) -> str:
    """A value of an answer, "" where there is none that is plain."""
    first = (row.get(tag, {}).get("Value") or [""])[0]
    return str(first) if isinstance(first, str | int | float) else ""


def _is_row(row: object) -> bool:
    """Whether a part of an answer is a data set: of each tag a list of values, or nothing."""
    entries = row.values() if isinstance(row, dict) else [None]
    return all(isinstance(entry, dict) and isinstance(entry.get("Value") or [], list) for entry in entries)


class Server:
    """A DICOMweb server.

    Parameters
    ----------
    address : URL of the service (for Orthanc `http://host:8042/dicom-web`)
    credentials : shown with every request
    timeout_s : for a connection, between two packets, and for what comes too slowly (see `cmrpipe.connect.pace`)
    page : rows asked for at a time
    """

    def __init__(
        self, address: str, credentials: Credentials, *, timeout_s: float, page: int, plain_http: bool = False
    ) -> None:
        self.address = check_address(address, credentials, plain_http=plain_http)
        self._page = page
        self._timeout_s = timeout_s
        session = requests.Session()
        session.trust_env = False if _loopback(urlsplit(address).hostname or "") else session.trust_env
        retry = _Retry(
            total=_TRIES - 1,
            connect=2,
            read=2,
            backoff_factor=0.3,
            status_forcelist=_BUSY,
            raise_on_status=False,
            respect_retry_after_header=False,  # a server could bid us wait for years
        )
        session.hooks["response"] = [self._read]
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        if credentials.token:
            session.headers["Authorization"] = f"Bearer {credentials.token}"
        elif credentials.user:
            session.auth = (credentials.user, credentials.password)
        self._client = _Client(self.address, session=session, permissive_uid=True, timeout=timeout_s)
        self._client.set_http_retry_params(retry=False)  # the session does

    def _read(self, response: requests.Response, **_: object) -> None:
        """Read an answer, one that leads elsewhere too.

        A server could send, or have unpacked, without end, or a byte a minute.

        Raises
        ------
        SourceError : it is longer than any that is read, or comes too slowly
        """
        most = FILE_BYTES if response.request.headers.get("Accept") == _ACCEPT else _ROWS_BYTES
        body = bytearray()
        with Pace(response.raw.shutdown, self._timeout_s) as pace:
            try:
                for block in response.iter_content(block_bytes(self._timeout_s)):
                    body += block
                    pace.got(len(block))
                    if len(body) > most:
                        response.close()
                        raise SourceError(
                            self.address,
                            f"sends more than {most:,} bytes at once",
                            "See what it is, or lower source.page",
                        )
            except requests.RequestException:
                if not pace.late:
                    raise
        if pace.late:
            response.close()
            raise SourceError(self.address, pace.late, "Run again; see source.timeout_s")
        response._content = bytes(body)  # noqa: SLF001 as reading it all would

    @contextmanager
    def _plain_words(self, what: str) -> Iterator[None]:
        """Turn what the libraries raise into one kind of error; none of it shows headers."""
        try:
            yield
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            if code in _REFUSED:
                raise SourceError(self.address, f"refuses us ({code})", MEND) from None
            mends = {404: "Check the address (for Orthanc it ends in /dicom-web)"} | dict.fromkeys(
                _BUSY, "Run again later"
            )
            mend = mends.get(code, "Ask its operator")
            raise SourceError(self.address, f"answered {code} when asked for {what}", mend) from None
        except requests.Timeout:
            raise SourceError(
                self.address, f"did not answer in time when asked for {what}", "Run again; see source.timeout_s"
            ) from None
        except requests.exceptions.SSLError:
            raise SourceError(
                self.address, "has a certificate that is not trusted", "Set REQUESTS_CA_BUNDLE to your authority's file"
            ) from None
        except requests.RequestException as error:
            cause = f"cannot be reached ({type(error).__name__}) when asked for {what}"
            raise SourceError(self.address, cause, "Check that it runs, its address, and the network") from None
        except (ValueError, StopIteration, KeyError, TypeError, AttributeError, RecursionError) as error:
            cause = f"gave an answer that is not DICOMweb when asked for {what} ({type(error).__name__})"
            raise SourceError(self.address, cause, "Check the address (for Orthanc it ends in /dicom-web)") from None

    def _ask(self, ask: _Search, what: str, limit: int, offset: int) -> list[dict[str, Any]]:
        with self._plain_words(what):
            page = list(ask(limit, offset))
            if not all(map(_is_row, page)):
                raise ValueError
            canonical_json(page)  # half of a surrogate pair is no text, and could be written nowhere
            return page

    def _pages(self, ask: _Search, what: str, uid: str) -> list[dict[str, Any]]:
        """All rows, page by page, until a page brings none: servers may give fewer than asked for.

        Orthanc 1.10 gives nothing behind the first page when a study filter is not in its index (ModalitiesInStudy).
        So what came in more than one page is asked for once more from its start, with room for one page more.
        """
        rows: dict[str, dict[str, Any]] = {}
        offset = 0
        while page := self._ask(ask, what, self._page, offset):
            fresh = {value(row, uid): row for row in page if value(row, uid) not in rows}
            if not fresh:
                raise SourceError(self.address, "gives the same page again and again", "Its QIDO-RS ignores `offset`")
            rows |= fresh
            offset += len(page)
        while len(rows) >= self._page:
            whole = self._ask(ask, what, len(rows) + self._page, 0)
            fresh = {value(row, uid): row for row in whole if value(row, uid) not in rows}
            if not fresh:
                break
            rows |= fresh
        return list(rows.values())

    def studies(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Studies that fit a query (DICOM keywords and values)."""
        search, filters = self._client.search_for_studies, dict(query)
        return self._pages(
            lambda limit, offset: search(limit=limit, offset=offset, search_filters=filters), "its studies", STUDY_UID
        )

    def series(self, study: str) -> list[dict[str, Any]]:
        """Series of a study."""
        search = self._client.search_for_series
        return self._pages(
            lambda limit, offset: search(study, limit=limit, offset=offset), "the series of a study", SERIES_UID
        )

    def instances(self, study: str, series: str) -> list[str]:
        """UIDs of a series' instances, sorted.

        Raises
        ------
        SourceError : one is none, and would be a path or a pattern where files are named by it
        """
        search = self._client.search_for_instances
        rows = self._pages(
            lambda limit, offset: search(study, series, limit=limit, offset=offset),
            "the instances of a series",
            SOP_UID,
        )
        uids = sorted(value(row, SOP_UID) for row in rows)
        for uid in uids:
            if not _UID.fullmatch(uid):
                raise SourceError(self.address, f"names an instance {uid[:80]!r}, which is no UID", "Ask its operator")
        return uids

    def instance(self, study: str, series: str, sop: str) -> bytes:
        """An instance's bytes."""
        with self._plain_words("an instance"):
            return self._client.instance_bytes(f"{self.address}/studies/{study}/series/{series}/instances/{sop}")
