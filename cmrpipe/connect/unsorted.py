"""A folder of DICOM files under whatever names as a source; patients, series and numbers come from the headers."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.connect.copying import check_regular, copy_file, unchanged
from cmrpipe.connect.sorting import Found, Sorted, error_told, folder_problem, sort_patient
from cmrpipe.connect.source import Fetched, Look, Offer
from cmrpipe.errors import CmrpipeError, LayoutError, SourceError
from cmrpipe.files import as_text, canonical_json, read_whole, sha256_bytes
from cmrpipe.readers.asides import Aside
from cmrpipe.readers.dicom import read_header
from cmrpipe.readers.items import Walk, is_folder, real
from cmrpipe.readers.layouts import CONTOURS, DICOMS, LINK_TABLE
from cmrpipe.readers.mends import NO_MARK
from cmrpipe.readers.strays import is_stray

_MARK_AT, _MARK = 128, b"DICM"


def _is_dicom(path: Path) -> bool:
    try:
        check_regular(path)
        with path.open("rb") as stream:
            return stream.read(_MARK_AT + len(_MARK))[_MARK_AT:] == _MARK
    except (OSError, SourceError):
        return False


def _files(root: Path, closed: Callable[[Path, OSError], None]) -> Iterator[Path]:
    """All files below a folder but contours, link table and stray ones, sorted; links to folders are followed.

    Parameters
    ----------
    closed : told of a folder that cannot be searched, and of one that was searched already
    """
    walk = Walk(os.fspath(root))
    for place, again in walk:
        if again:
            cause = "leads to a folder that it lies in, or that was searched already"
            closed(Path(place), SourceError(place, cause, "Remove it"))
            continue
        try:
            with os.scandir(place) as scan:
                items = sorted(scan, key=lambda item: item.name)
        except OSError as error:
            closed(Path(place), error)
            continue
        for item in items:
            path = Path(item.path)
            if is_stray(item.name):
                continue
            if _is_folder(item):
                if path != root / CONTOURS:
                    walk.add(item)
            elif path != root / LINK_TABLE:
                yield path


def _is_folder(item: os.DirEntry[str]) -> bool:
    """Whether it is a folder; no where looking is not allowed, so that it is told when it is read."""
    try:
        return is_folder(item)
    except OSError:
        return False


def _hides(error: OSError) -> bool:
    """Whether there may be an image behind it; what is no plain file, or leads back, hides none."""
    return not isinstance(error, SourceError)


def holds_dicom(root: Path) -> bool:
    """Whether a folder has a DICOM file somewhere.

    Raises
    ------
    OSError : none was found, and a folder in it cannot be searched
    """
    closed: list[OSError] = []
    if not root.is_dir():
        return False
    if any(_is_dicom(path) for path in _files(root, lambda _, error: closed.append(error))):
        return True
    for error in filter(_hides, closed):
        raise error
    return False


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a folder.

    Attributes
    ----------
    found : images with the time of their last change
    asides : files that are none, and what cannot be read
    unread : of these what may hold an image, with the cause
    """

    found: list[tuple[Found, float]]
    asides: list[Aside]
    unread: dict[str, str]


class UnsortedFolder:
    """A folder of unsorted DICOM files.

    Parameters
    ----------
    root : the folder; only read
    settle_s : time without change after which a patient counts as complete, seconds
    pattern : see `sort_patient`
    """

    phantom: bytes | None = None

    def __init__(self, root: Path, *, settle_s: float = 0.0, pattern: str = "") -> None:
        self.root = root
        self.name = real(root).name
        self.address = str(root)
        self._settle_s = settle_s
        self._pattern = pattern
        self._known: dict[tuple[str, int, int, int], Found] = {}
        self._sorted: dict[str, Sorted] = {}
        self._looked = self._walked = 0.0
        self._fetched: dict[str, float] = {}
        self._again: dict[str, list[Found]] = {}

    def _what(self, path: Path) -> str:
        """What a file or folder is called to people."""
        return as_text(path.relative_to(self.root).as_posix())

    def _read(self) -> _Read:
        """Read what is there now; known images are not read again."""
        found: list[tuple[Found, float]] = []
        asides: list[Aside] = []
        unread: dict[str, str] = {}

        def tell(path: Path, error: OSError) -> None:
            what = self._what(path)
            cause = error.cause if isinstance(error, CmrpipeError) else f"cannot be read ({error.strerror})"
            asides.append(Aside("", what, "", cause))
            if _hides(error):
                unread[what] = cause

        for path in _files(self.root, tell):
            what = self._what(path)
            try:
                check_regular(path)
                state = path.stat()
                key = (what, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
                if key not in self._known:
                    self._known[key] = Found(what, path, read_header(read_whole(path), what, ""))
            except OSError as error:
                tell(path, error)
                continue
            image = self._known[key]
            problem = folder_problem(image.record.header_patient_id)
            if problem:
                asides.append(image.aside(error_told(image.record) or problem))
            else:
                found.append((image, max(state.st_mtime, state.st_ctime)))
        return _Read(found, asides, unread)

    def look(self) -> Look:
        """Every patient's images, sorted.

        Raises
        ------
        LayoutError : it is no folder, or has no image of any patient
        """
        if not self.root.is_dir():
            raise LayoutError(self.root, "is not a folder", "Give the folder that holds the DICOM files")
        self._looked = time.monotonic()
        read = self._read()
        if not read.found:
            cause = f"has no DICOM image with a PatientID{_first_reason(read)}"
            mend = "" if read.unread else f"; images without PatientID land from {DICOMS}/<patient_id>/"
            raise LayoutError(self.root, cause, f"Give the folder that holds them{mend}")
        by_patient = _by_patient(read)
        newest: dict[str, float] = defaultdict(float)
        for image, changed in read.found:
            patient = image.record.header_patient_id
            newest[patient] = max(newest[patient], changed)
        self._sorted = {patient: sort_patient(images, self._pattern) for patient, images in by_patient.items()}
        now = time.time()
        offers = [
            Offer(f"{DICOMS}/{patient}", _token(self._sorted[patient]), quiet=now - newest[patient] >= self._settle_s)
            for patient in sorted(by_patient)
        ]
        return Look(tuple(offers), links_quiet=True, asides=tuple(read.asides), unread=read.unread)

    def links(self) -> None:
        """There is none."""

    def same(self, offer: Offer, place: Path) -> bool:  # noqa: ARG002
        """Whether landed images are these, the ledger knows."""
        return False

    def fetch(self, offer: Offer, target: Path) -> Fetched:
        """Copy the patient's images under their numbers."""
        sort = self._sorted[offer.folder.partition("/")[2]]
        target.mkdir(parents=True)
        files = {name: copy_file(image.path, target / name) for name, image in sort.placed.items()}
        self._fetched[offer.folder] = time.monotonic()
        return Fetched(files, sort.asides)

    def steady(self, offer: Offer, fetched: Fetched) -> bool:
        """The same files of this patient, wherever they lie, with the same bytes when read again.

        A patient's files may lie anywhere, so that all of the folder is walked again: once for all patients who were
        fetched, and have had the time to settle, before that walk began.
        """
        if self._walked <= max(self._fetched[offer.folder], 0.0 if offer.quiet else self._looked + self._settle_s):
            began = time.monotonic()
            self._again, self._walked = _by_patient(self._read()), began
        sort = sort_patient(self._again.get(offer.folder.partition("/")[2], []), self._pattern)
        return _token(sort) == offer.token and unchanged(
            (image.path, fetched.files.get(name, "")) for name, image in sort.placed.items()
        )


def _first_reason(read: _Read) -> str:
    """Why one of the files is no image of a patient, in words: of what cannot be read, else of the first in DICOM."""
    if read.unread:
        return "".join(f"; {what} {cause}" for what, cause in [*read.unread.items()][:1])
    told = [(aside.what, aside.reason) for aside in read.asides]
    first = next((item for item in told if not item[1].startswith(NO_MARK)), None)
    return f" ({first[0]}: {first[1]})" if first else ""


def _by_patient(read: _Read) -> dict[str, list[Found]]:
    found: dict[str, list[Found]] = defaultdict(list)
    for image, _ in read.found:
        found[image.record.header_patient_id].append(image)
    return found


def _token(sort: Sorted) -> str:
    """Content: names and hashes of what is placed, and what is put aside and why."""
    placed = {name: image.record.sha256 for name, image in sort.placed.items()}
    return sha256_bytes(canonical_json([placed, [[a.what, a.reason] for a in sort.asides]]))
