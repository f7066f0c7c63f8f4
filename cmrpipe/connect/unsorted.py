"""A folder of DICOM files under whatever names as a source; patients, series and numbers come from the headers."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cmrpipe.asides import Aside
from cmrpipe.connect.beside import Beside
from cmrpipe.connect.copying import check_regular, copy_file, unchanged
from cmrpipe.connect.sorting import Found, Sorted, folder_problem, sort_patient
from cmrpipe.connect.source import Fetched, Look, Offer
from cmrpipe.dicom import read_header
from cmrpipe.errors import LayoutError, SourceError
from cmrpipe.files import canonical_json, sha256_bytes
from cmrpipe.layouts import CONTOURS, DICOMS, LINK_TABLE, is_stray

_MARK_AT, _MARK = 128, b"DICM"


def _is_dicom(path: Path) -> bool:
    try:
        check_regular(path)
        with path.open("rb") as stream:
            return stream.read(_MARK_AT + len(_MARK))[_MARK_AT:] == _MARK
    except (OSError, SourceError):
        return False


def _files(root: Path) -> Iterator[Path]:
    """All files below a folder but contours, link table and stray ones, sorted."""
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_stray(name) and Path(parent, name) != root / CONTOURS)
        for name in sorted(names):
            if not is_stray(name) and Path(parent, name) != root / LINK_TABLE:
                yield Path(parent, name)


def holds_dicom(root: Path) -> bool:
    """Whether a folder has a DICOM file somewhere."""
    return root.is_dir() and any(_is_dicom(path) for path in _files(root))


class UnsortedFolder:
    """A folder of unsorted DICOM files.

    Parameters
    ----------
    root : the folder; only read
    beside : contours and link table
    name : names the link table
    settle_s : time without change after which a patient counts as complete, seconds
    pattern : see `sort_patient`
    """

    phantom: bytes | None = None

    def __init__(self, root: Path, beside: Beside, *, name: str = "", settle_s: float = 0.0, pattern: str = "") -> None:
        self.root = root
        self.name = name or beside.name or root.resolve().name
        self.address = str(root)
        self._beside = beside
        self._settle_s = settle_s
        self._pattern = pattern
        self._known: dict[tuple[str, int, int, int], Found] = {}
        self._sorted: dict[str, Sorted] = {}

    def _read(self) -> tuple[list[tuple[Found, float]], list[Aside]]:
        """All images with the time of their last change; files that are none. Known ones are not read again."""
        found: list[tuple[Found, float]] = []
        asides: list[Aside] = []
        for path in _files(self.root):
            what = path.relative_to(self.root).as_posix()
            try:
                check_regular(path)
                state = path.stat()
                key = (what, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
                if key not in self._known:
                    self._known[key] = Found(what, path, read_header(path.read_bytes(), what, ""))
            except OSError as error:
                asides.append(Aside("", what, "", str(error)))
                continue
            image = self._known[key]
            problem = folder_problem(image.record.header_patient_id)
            if problem:
                asides.append(image.aside(image.record.error or problem))
            else:
                found.append((image, max(state.st_mtime, state.st_ctime)))
        return found, asides

    def look(self) -> Look:
        """Every patient's images, sorted.

        Raises
        ------
        LayoutError : it is no folder, or has no image of any patient
        """
        if not self.root.is_dir():
            raise LayoutError(self.root, "is not a folder", "Give the folder that holds the DICOM files")
        found, asides = self._read()
        if not found:
            raise LayoutError(self.root, "has no DICOM image with a PatientID", "Give the folder that holds them")
        by_patient: dict[str, list[Found]] = defaultdict(list)
        newest: dict[str, float] = defaultdict(float)
        for image, changed in found:
            patient = image.record.header_patient_id
            by_patient[patient].append(image)
            newest[patient] = max(newest[patient], changed)
        self._sorted = {patient: sort_patient(images, self._pattern) for patient, images in by_patient.items()}
        now = time.time()
        contours, bad = self._beside.look()
        offers = [
            Offer(f"{DICOMS}/{patient}", _token(self._sorted[patient]), quiet=now - newest[patient] >= self._settle_s)
            for patient in sorted(by_patient)
        ]
        return Look(
            (*contours, *offers), self.links(), self._beside.links_quiet(), (*asides, *self._beside.asides()), bad
        )

    def links(self) -> bytes | None:
        """The link table as it is now."""
        return self._beside.links()

    def same(self, offer: Offer, place: Path) -> bool:
        """Contours only: whether landed images are these, the ledger knows."""
        return self._beside.has(offer) and self._beside.same(offer, place)

    def fetch(self, offer: Offer, target: Path) -> Fetched:
        """Copy the patient's images under their numbers."""
        if self._beside.has(offer):
            return self._beside.fetch(offer, target)
        sort = self._sorted[offer.folder.partition("/")[2]]
        target.mkdir(parents=True)
        files = {name: copy_file(image.path, target / name) for name, image in sort.placed.items()}
        return Fetched(files, sort.asides)

    def steady(self, offer: Offer, fetched: Fetched) -> bool:
        """The same files of this patient, wherever they lie, with the same bytes when read again."""
        if self._beside.has(offer):
            return self._beside.steady(offer, fetched)
        patient = offer.folder.partition("/")[2]
        images = [image for image, _ in self._read()[0] if image.record.header_patient_id == patient]
        sort = sort_patient(images, self._pattern)
        return _token(sort) == offer.token and unchanged(
            (image.path, fetched.files.get(name, "")) for name, image in sort.placed.items()
        )


def _token(sort: Sorted) -> str:
    """Content: names and hashes of what is placed, and what is put aside and why."""
    placed = {name: image.record.sha256 for name, image in sort.placed.items()}
    return sha256_bytes(canonical_json([placed, [[a.what, a.reason] for a in sort.asides]]))
