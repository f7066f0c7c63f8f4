"""store: the contoured images and their labels, one file a patient, in HDF5 or Zarr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmrpipe import __version__
from cmrpipe.catalog import Catalog
from cmrpipe.errors import ManifestError, NewerError
from cmrpipe.incremental.codeversion import code_version
from cmrpipe.incremental.executors import Workers
from cmrpipe.incremental.manifest import read_root
from cmrpipe.incremental.refresh import Unit, Written, fingerprint, read_manifest, refresh
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.logger import Logger
from cmrpipe.params import StoreParams
from cmrpipe.progress import Listener
from cmrpipe.quarantine import left_out, read_quarantine
from cmrpipe.readers.layouts import is_synthetic, keep_out
from cmrpipe.stages.summary import Summary
from cmrpipe.store import StoreFormat, write_index, write_patient
from cmrpipe.store.assemble import assemble, select, sources
from cmrpipe.store.leftout import told
from cmrpipe.store.schema import INDEXES, SCHEMA_VERSION, head, index_file, patient_file

log = Logger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    raw: Path
    catalog: Path
    patient_id: str
    originals: tuple[str, ...]
    excluded: tuple[str, ...]
    people: tuple[str, ...]
    lineage: dict[str, Any]
    store_format: StoreFormat


@dataclass(frozen=True, slots=True)
class _Index:
    patients: tuple[str, ...]
    store_format: StoreFormat


def _store_patient(task: _Task | _Index, out: Path) -> Written:
    if isinstance(task, _Index):
        return Written([write_index(out, task.patients, task.store_format)], {"patients": len(task.patients)})
    labels = link_patient(Catalog(task.catalog), task.patient_id, task.originals)
    selection = select(labels, frozenset(task.excluded), frozenset(task.people))
    samples = selection.samples
    info = {
        "samples": len(samples),
        "endo": len(samples),
        "epi": sum(sample.epi is not None for sample in samples),
        **told(selection.left_out),
    }
    if not samples:
        return Written([], info)
    lineage = {**task.lineage, "sources": sources(selection)}
    hashes = write_patient(out, assemble(selection, task.raw), lineage, task.store_format)
    return Written([patient_file(task.patient_id, task.store_format)], {**info, "sha256": hashes})


def _check_not_newer(out: Path) -> None:
    """Refuse to write over a store of a newer schema; a damaged manifest is no reason, it is made again."""
    try:
        version = read_root(out).get("schema_version", 0)
    except ManifestError:
        return
    if version > SCHEMA_VERSION:
        mend = "Update cmrpipe; or move the store away, and it is made anew"
        raise NewerError(out, f"has schema {version}, this cmrpipe writes {SCHEMA_VERSION}", mend)


def store(
    raw: Path,
    catalog: Path,
    quarantine: Path,
    out: Path,
    params: StoreParams,
    *,
    listen: Listener,
    workers: Workers = 1,
) -> Summary:
    """Bring the store up to date with the catalog and the quarantine.

    Parameters
    ----------
    raw : the raw folder; only read
    catalog : the ingest stage's output
    quarantine : quarantine.csv; what it lists, and only that, is left out (an image whose endocardium is left out has
        no cavity to learn from and is left out with it)
    out : the store
    workers : processes

    Raises
    ------
    NewerError : a newer cmrpipe wrote the store; it stays as it is
    StoreError : a patient's images cannot be stacked
    InputError : the quarantine is not there, or cannot be read; or `out` lies in `raw`
    DicomError, StaleError : an image or a contour file that the catalog knows is gone or altered
    """
    keep_out(raw, out)
    _check_not_newer(out)
    book = Catalog(catalog)
    links = catalog_links(book)
    shards = read_manifest(catalog)
    excluded = left_out(read_quarantine(quarantine))
    rows = excluded.by_folder()
    version = code_version(__name__)
    store_format = StoreFormat(params.format)
    settings = params.model_dump(mode="json")
    lineage = {"params": settings, "code": version, "cmrpipe": __version__, "schema": SCHEMA_VERSION}
    units: list[Unit[Any]] = []
    for patient in book.patients():
        originals = links.originals.get(patient, ())
        folders = links.folders(patient)
        names = tuple(sorted(name for folder in (patient, *folders) for name in rows.get(folder, ())))
        files = [shards[folder]["files"] for folder in folders]
        people = tuple(name for name in names if name in excluded.people)
        task = _Task(raw, catalog, patient, originals, names, people, lineage, store_format)
        units.append(Unit(patient, fingerprint(lineage, files, originals, names, people), task))
    extra = {**head(store_format, synthetic=is_synthetic(raw)), "params": settings}

    def index(info: Mapping[str, Mapping[str, Any]]) -> Unit[Any]:
        stored = tuple(patient for patient, entry in info.items() if entry["samples"])
        return Unit(index_file(store_format), fingerprint(lineage, stored), _Index(stored, store_format))

    result = refresh("store", out, units, _store_patient, listen=listen, workers=workers, extra=extra, last=index)
    info = [result.info[unit.key] for unit in units]
    return Summary(
        "store",
        done=sum(key not in INDEXES for key in result.done),
        unchanged=sum(key not in INDEXES for key in result.unchanged),
        gone=sum(key not in INDEXES for key in result.gone),
        counts={name: sum(entry[name] for entry in info) for name in ("samples", "endo", "epi", "left_out")},
    )
