"""From what a user names, a folder or a URL, to a source."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.connect.address import check_named, is_url, plain_url
from cmrpipe.connect.beside import WithContours
from cmrpipe.connect.credentials import Credentials, credentials_from_environment
from cmrpipe.connect.folder import FolderSource
from cmrpipe.connect.source import Source
from cmrpipe.connect.unsorted import UnsortedFolder, holds_dicom
from cmrpipe.errors import SourceError
from cmrpipe.logger import Logger
from cmrpipe.params import SourceParams
from cmrpipe.readers.layouts import CONTOURS, DICOMS

log = Logger(__name__)


def fetching(raw: Path) -> Path:
    """Where instances of a PACS wait until their patient is whole."""
    return raw.parent / f".{raw.name}-fetched"


def open_source(
    address: str, params: SourceParams, raw: Path, *, name: str = "", credentials: Credentials | None = None
) -> Source:
    """The source that an address names.

    Parameters
    ----------
    address : a folder in the layout, a folder of unsorted DICOM, or the URL of a DICOMweb server
    params : the source section
    raw : the raw folder that patients will land in
    name : of its link table; the folder's name by default
    credentials : for a server; from the environment by default

    Raises
    ------
    LayoutError, SourceError : it cannot be one
    """
    check_named(address)
    contours = Path(params.contours) if params.contours else None
    if is_url(address):
        return _pacs(plain_url(address), params, raw, contours, name, credentials)
    root = Path(address)
    arranged = (root / DICOMS).is_dir()
    if (params.sort == "always" and root.is_dir()) or (not arranged and holds_dicom(root)):
        own = root if (root / CONTOURS).is_dir() else None
        heap = UnsortedFolder(root, settle_s=params.settle_s, pattern=params.series)
        return WithContours(heap, contours or own, name=name, settle_s=params.settle_s)
    if contours is not None and arranged and not (root / CONTOURS).is_dir():
        images = FolderSource(root, settle_s=params.settle_s)
        return WithContours(images, contours, name=name, settle_s=params.settle_s)
    if contours is not None and arranged:
        log.warning(
            "the source has contours of its own; others are not looked at", source=str(root), others=str(contours)
        )
    return FolderSource(root, name, params.settle_s)


def _pacs(
    address: str, params: SourceParams, raw: Path, contours: Path | None, name: str, credentials: Credentials | None
) -> Source:
    try:
        from cmrpipe.connect.dicomweb import Pacs  # noqa: PLC0415 its packages are an extra
        from cmrpipe.connect.web import Server  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("cmrpipe"):
            raise
        raise SourceError(error.name, "is not installed, and a PACS needs it", "Install cmrpipe[pacs]") from error
    shown = credentials_from_environment() if credentials is None else credentials
    server = Server(address, shown, timeout_s=params.timeout_s, page=params.page, plain_http=params.plain_http)
    pacs = Pacs(server, fetching(raw), dict(params.query), pattern=params.series)
    return WithContours(pacs, contours, name=name, settle_s=params.settle_s)
