"""A PACS over DICOMweb as a source.

A patient's version is the set of its instances. It counts as complete when two searches, the settling time apart, give
the same set: servers' own notions of a stable study differ, this one is the same everywhere. Fetched instances wait
beside the raw folder, named by their hash, so that a fetch that was cut short goes on where it stopped.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from pathlib import Path

from cmrpipe.connect.copying import copy_file
from cmrpipe.connect.sorting import Found, folder_problem, sort_patient
from cmrpipe.connect.source import Fetched, Look, Offer
from cmrpipe.connect.web import MODALITY, PATIENT_ID, SERIES_UID, STUDY_UID, Server, value
from cmrpipe.errors import SourceError
from cmrpipe.files import canonical_json, sha256_bytes, sha256_file, sync_folder
from cmrpipe.readers.asides import Aside
from cmrpipe.readers.dicom import read_header
from cmrpipe.readers.layouts import DICOMS

_MR = "MR"
_ENOUGH = 3
"""So many instances in a row that cannot be had: a patient's others are not asked for in this landing, since each may
take as long as is waited for."""


class Pacs:
    """Patients of a DICOMweb server.

    Parameters
    ----------
    server : the server
    work : where fetched instances wait; on the raw folder's file system
    query : restricts the studies (DICOM keywords and values)
    pattern : see `sort_patient`
    """

    name = "pacs"
    phantom: bytes | None = None

    def __init__(self, server: Server, work: Path, query: dict[str, str], *, pattern: str = "") -> None:
        self.address = server.address
        self._server = server
        self._work = work
        self._query = query
        self._pattern = pattern
        self._studies: dict[str, list[str]] = {}
        self._instances: dict[str, list[tuple[str, str, str]]] = {}
        self._other: dict[str, list[Aside]] = {}

    def look(self) -> Look:
        """Search studies, their series and instances.

        Raises
        ------
        SourceError : the server cannot be reached, refuses us, or answers nonsense
        """
        studies: dict[str, list[str]] = defaultdict(list)
        asides: list[Aside] = []
        for row in self._server.studies(self._query):
            patient, study = value(row, PATIENT_ID), value(row, STUDY_UID)
            problem = folder_problem(patient)
            if problem:
                asides.append(Aside("", f"study {study}", "", problem))
            else:
                studies[patient].append(study)
        self._studies = {patient: sorted(uids) for patient, uids in sorted(studies.items())}
        offers = []
        bad: dict[str, str] = {}
        for patient in self._studies:
            try:
                offers.append(Offer(f"{DICOMS}/{patient}", self._search(patient)))
            except SourceError as error:
                bad[f"{DICOMS}/{patient}"] = str(error)
        if bad and not offers and self._studies:
            raise SourceError(self.address, f"told of no patient ({next(iter(bad.values()))})", "Mend that first")
        return Look(tuple(offers), links_quiet=True, asides=tuple(asides), bad=bad)

    def _search(self, patient: str) -> str:
        """Ask for a patient's instances; their set as a token."""
        instances: list[tuple[str, str, str]] = []
        other: list[Aside] = []
        for study in self._studies[patient]:
            for row in self._server.series(study):
                series, modality = value(row, SERIES_UID), value(row, MODALITY)
                if modality == _MR:
                    instances += [(study, series, sop) for sop in self._server.instances(study, series)]
                else:
                    other.append(Aside(patient, f"series {series}", series, f"modality {modality}, not MR"))
        self._instances[patient] = instances
        self._other[patient] = other
        return sha256_bytes(canonical_json([instances, [aside.what for aside in other]]))

    def links(self) -> None:
        """There is none."""

    def same(self, offer: Offer, place: Path) -> bool:  # noqa: ARG002
        """Whether landed images are these, the ledger knows."""
        return False

    def fetch(self, offer: Offer, target: Path) -> Fetched:
        """Fetch what is not here yet, then sort it."""
        patient = offer.folder.partition("/")[2]
        images: list[Found] = []
        cause, in_a_row = "", 0
        for study, series, sop in self._instances[patient]:
            try:
                path = self._instance(patient, study, series, sop)
            except SourceError as error:
                cause, in_a_row = cause or error.cause, in_a_row + 1
                if in_a_row == _ENOUGH:
                    break
                continue
            in_a_row = 0
            images.append(Found(sop, path, read_header(path.read_bytes(), sop, patient)))
        if cause:
            raise SourceError(
                self.address,
                f"gave {len(images)} of {len(self._instances[patient])} instances of {patient}: {cause}",
                "What was fetched is kept; the next landing asks for the rest",
            )
        sort = sort_patient(images, self._pattern)
        target.mkdir(parents=True)
        files = {name: _link(image.path, target / name) for name, image in sort.placed.items()}
        sync_folder(target)
        return Fetched(files, (*sort.asides, *self._other[patient]))

    def _folder(self, patient: str) -> Path:
        return self._work / sha256_bytes(f"{self.address} {patient}".encode())[:16]

    def _instance(self, patient: str, study: str, series: str, sop: str) -> Path:
        """The file of an instance; fetched unless it is here with the right hash."""
        folder = self._folder(patient)
        for path in folder.glob(f"{sop}-*.dcm"):
            uid, _, digest = path.stem.rpartition("-")
            if uid != sop:  # another's, which begins alike
                continue
            if sha256_file(path) == digest:
                return path
            path.unlink()
        data = self._server.instance(study, series, sop)
        record = read_header(data, sop, patient)
        if record.sop_uid != sop:
            raise SourceError(
                self.address, f"sent {record.sop_uid or record.error!r} when asked for {sop}", "Run again"
            )
        folder.mkdir(parents=True, exist_ok=True)
        path, pending = folder / f"{sop}-{record.sha256}.dcm", folder / f".tmp-{sop}"
        with pending.open("wb") as stream:
            stream.write(data)
            os.fsync(stream.fileno())
        return pending.replace(path)  # without a sync of the folder: an instance lost there is fetched again

    def steady(self, offer: Offer, fetched: Fetched) -> bool:  # noqa: ARG002
        """The same set of instances when searched again; what was fetched is then not needed any more."""
        patient = offer.folder.partition("/")[2]
        steady = self._search(patient) == offer.token
        if steady:
            shutil.rmtree(self._folder(patient), ignore_errors=True)
        return steady


def _link(path: Path, target: Path) -> str:
    """Give a fetched file its name in the layout without another copy; its hash."""
    try:
        os.link(path, target)
    except OSError:  # no hard links here
        return copy_file(path, target)
    return path.stem.rpartition("-")[2]
