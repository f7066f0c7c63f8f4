"""What learning needs of the place that samples come from, and the two such places: a store, and the raw folder."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from cmrpipe.catalog import Catalog
from cmrpipe.errors import StoreError
from cmrpipe.files import canonical_json, sha256_bytes
from cmrpipe.incremental.refresh import read_manifest
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.logger import Logger
from cmrpipe.quarantine import left_out, read_quarantine
from cmrpipe.readers.layouts import CONTOURS, DICOMS
from cmrpipe.samples import check_contours
from cmrpipe.store import PatientData
from cmrpipe.store.assemble import Selection, Spacing, assemble, find_heart, one_sample, select, spacing_of
from cmrpipe.store.schema import StoredSample

log = Logger(__name__)

MOST_HELD = 64
"""Patients of which the direct source keeps contours and the heart's place (no pixels) in memory."""


class Source(Protocol):
    """Patients with their images and labels; `cmrpipe.store.Store` is one. It may be pickled, for workers."""

    @property
    def patients(self) -> tuple[str, ...]:
        """Ids, sorted."""

    @property
    def fingerprint(self) -> str:
        """Changes with any byte of any patient."""

    def count(self, patient_id: str) -> int:
        """How many samples a patient has."""

    def sample(self, patient_id: str, i: int) -> StoredSample:
        """Sample i of a patient, read when it is asked for."""

    def load(self, patient_id: str) -> PatientData:
        """All samples of a patient."""


@dataclass(frozen=True, slots=True)
class _Held:
    selection: Selection
    spacing: Spacing | None
    heart: tuple[float, float] | None


class DirectSource:
    """Patients straight from DICOM and contour files: pixels are read and masks drawn when a sample is asked for.

    The catalog (ingest's output) says which files there are; no store is needed. Samples are the same, bit for bit, as
    those of the store that would be made of the same files and the same quarantine.

    Parameters
    ----------
    raw : the raw folder; only read
    catalog : ingest's output
    quarantine : quarantine.csv; what it lists is left out

    Raises
    ------
    InputError : the quarantine is not there, or cannot be read
    StoreError : the catalog has no patient with a contour that may be used
    """

    def __init__(self, raw: Path, catalog: Path, quarantine: Path) -> None:
        self._places = (raw, catalog, quarantine)
        self._raw = raw
        self._book = Catalog(catalog)
        self._originals = catalog_links(self._book).originals
        self._excluded = frozenset(left_out(read_quarantine(quarantine)).rows)
        self._held: OrderedDict[str, _Held] = OrderedDict()
        selections = ((patient, self._select(patient)) for patient in self._book.patients())
        self._counts = {patient: len(found.samples) for patient, found in selections if found.samples}
        if not self._counts:
            raise StoreError(catalog, "holds no contoured image that may be used", "See `cmrpipe validate` for why")
        log.debug("direct source opened", raw=str(raw), patients=len(self._counts), samples=sum(self._counts.values()))

    def __reduce__(self) -> tuple[type[Self], tuple[Path, Path, Path]]:
        """Pickle by the three places: the copy opens them for itself."""
        return type(self), self._places

    @property
    def patients(self) -> tuple[str, ...]:
        """Ids, sorted."""
        return tuple(sorted(self._counts))

    @property
    def fingerprint(self) -> str:
        """Hash over the hashes of all files of these patients, and over the quarantine."""
        shards = read_manifest(self._places[1])
        folders = [f"{DICOMS}/{patient}" for patient in self.patients]
        folders += [f"{CONTOURS}/{name}" for patient in self.patients for name in self._originals[patient]]
        return sha256_bytes(canonical_json([[shards[f]["files"] for f in folders], sorted(self._excluded)]))

    def count(self, patient_id: str) -> int:
        """How many samples a patient has."""
        return self._counts[patient_id]

    def sample(self, patient_id: str, i: int) -> StoredSample:
        """Sample i of a patient: one DICOM file is read, its contours are drawn."""
        held = self._hold(patient_id)
        sample = held.selection.samples[i]
        log.debug("sample read", patient=patient_id, position=i, image=sample.record.path)
        return one_sample(sample, self._raw, held.spacing, held.heart)

    def load(self, patient_id: str) -> PatientData:
        """All samples of a patient."""
        return assemble(self._select(patient_id), self._raw)

    def _select(self, patient_id: str) -> Selection:
        labels = link_patient(self._book, patient_id, self._originals.get(patient_id, ()))
        return select(labels, self._excluded)

    def _hold(self, patient_id: str) -> _Held:
        """What is known of a patient; looking for the heart reads all its frames, once."""
        held = self._held.get(patient_id)
        if held is None:
            selection = self._select(patient_id)
            check_contours(selection.labels, self._raw)
            held = _Held(selection, spacing_of(selection.samples), find_heart(selection, self._raw))
            while len(self._held) >= MOST_HELD:
                self._held.popitem(last=False)
            self._held[patient_id] = held
        return held
