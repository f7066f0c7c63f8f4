"""store: the contoured images and their labels, one file a patient, in HDF5 or Zarr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from cmrpipe import __version__
from cmrpipe.catalog import Catalog
from cmrpipe.codeversion import code_version
from cmrpipe.errors import StoreError
from cmrpipe.executors import Workers
from cmrpipe.files import sha256_bytes
from cmrpipe.geometry import label_image
from cmrpipe.incremental import Unit, Written, fingerprint, read_manifest, refresh
from cmrpipe.layouts import CONTOURS, DICOMS
from cmrpipe.linking import PatientLabels, catalog_links, image_number, link_patient
from cmrpipe.model import ContourKind, Sample
from cmrpipe.params import StoreParams
from cmrpipe.progress import Listener
from cmrpipe.quarantine import left_out, read_quarantine
from cmrpipe.samples import load_pixels, patient_samples
from cmrpipe.slices import slice_gap_mm
from cmrpipe.stages.summary import Summary
from cmrpipe.store import PatientData, StoreFormat, write_index, write_patient
from cmrpipe.store.schema import INDEXES, SCHEMA_VERSION, UNKNOWN, head, index_file, patient_file

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    raw: Path
    catalog: Path
    patient_id: str
    originals: tuple[str, ...]
    excluded: tuple[str, ...]
    lineage: dict[str, Any]
    store_format: StoreFormat


@dataclass(frozen=True, slots=True)
class _Index:
    patients: tuple[str, ...]
    store_format: StoreFormat


def _placed(samples: list[Sample], name: str, width: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A header value of all samples, (n, width); NaN where the header does not say."""
    unknown = (np.nan,) * width
    return np.array([getattr(sample.record, name) or unknown for sample in samples], dtype="<f8").reshape(-1, width)


def _data(labels: PatientLabels, samples: list[Sample]) -> PatientData:
    shapes = {sample.image.shape for sample in samples if sample.image is not None}
    if len(shapes) != 1:
        raise StoreError(
            f"patient {labels.patient_id}",
            f"has contoured images of different sizes {sorted(shapes)}",
            "Put those that do not belong into quarantine.csv (size-changes does so by itself)",
        )
    shape = (int(next(iter(shapes))[0]), int(next(iter(shapes))[1]))
    spacings = {sample.record.pixel_spacing_mm for sample in samples}
    gap = slice_gap_mm([image for image in labels.images if not image.error])

    def column(values: list[int | None]) -> np.ndarray[Any, np.dtype[np.int32]]:
        return np.array([UNKNOWN if value is None else value for value in values], dtype="<i4")

    points = [(s.endo.points if s.endo else None, s.epi.points if s.epi else None) for s in samples]
    return PatientData(
        labels.patient_id,
        image=np.stack([np.asarray(sample.image) for sample in samples]),
        label=np.stack([label_image(endo, epi, shape) for endo, epi in points]),
        contours=np.array([[endo is not None, epi is not None] for endo, epi in points]),
        instance_number=column([image_number(sample.record) for sample in samples]),
        slice_index=column([sample.record.slice_index for sample in samples]),
        frame=column([sample.record.frame for sample in samples]),
        phase=tuple(sample.phase for sample in samples),
        position_mm=_placed(samples, "position_mm", 3),
        orientation=_placed(samples, "orientation", 6),
        pixel_spacing_mm=spacings.pop() if len(spacings) == 1 else None,
        slice_gap_mm=gap,
    )


def _sources(labels: PatientLabels, samples: list[Sample]) -> list[dict[str, str]]:
    by_number = labels.contours_by_number()
    found = []
    for sample in samples:
        kinds = by_number[image_number(sample.record) or 0]
        drawn = {ContourKind.ENDO: sample.endo, ContourKind.EPI: sample.epi}
        source = {"image": sample.record.path, "image_sha256": sample.record.sha256}
        if sample.record.sop_uid:  # its hash tells the image again without giving the identifier away
            source["sop_uid_sha256"] = sha256_bytes(sample.record.sop_uid.encode())
        for kind, contour in drawn.items():
            if contour is not None:
                record = next(
                    r for r in kinds[kind] if r.points is not None and np.array_equal(r.points, contour.points)
                )
                source |= {kind.value: record.path, f"{kind.value}_sha256": record.sha256}
        found.append(source)
    return found


def _store_patient(task: _Task | _Index, out: Path) -> Written:
    if isinstance(task, _Index):
        return Written([write_index(out, task.patients, task.store_format)], {"patients": len(task.patients)})
    labels = link_patient(Catalog(task.catalog), task.patient_id, task.originals)
    everything = patient_samples(labels)
    kept = patient_samples(labels, frozenset(task.excluded))
    samples = [sample for sample in kept if sample.endo is not None]  # a cavity is what every label must have
    info = {
        "samples": len(samples),
        "endo": len(samples),
        "epi": sum(sample.epi is not None for sample in samples),
        "left_out": len(everything) - len(samples),
    }
    if not samples:
        return Written([], info)
    data = _data(labels, [load_pixels(sample, task.raw) for sample in samples])
    hashes = write_patient(out, data, {**task.lineage, "sources": _sources(labels, samples)}, task.store_format)
    return Written([patient_file(task.patient_id, task.store_format)], {**info, "sha256": hashes})


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
    StoreError : a patient's images cannot be stacked
    DicomError : an image that the catalog knows is gone or altered
    """
    book = Catalog(catalog)
    links = catalog_links(book)
    shards = read_manifest(catalog)
    excluded = left_out(read_quarantine(quarantine))
    version = code_version(__name__)
    store_format = StoreFormat(params.format)
    settings = params.model_dump(mode="json")
    lineage = {"params": settings, "code": version, "cmrpipe": __version__, "schema": SCHEMA_VERSION}
    units: list[Unit[Any]] = []
    for patient in book.patients():
        originals = links.originals.get(patient, ())
        folders = (f"{DICOMS}/{patient}", *(f"{CONTOURS}/{original}" for original in originals))
        names = tuple(
            sorted(n for n in excluded.rows if n == patient or n.startswith(tuple(f"{folder}/" for folder in folders)))
        )
        sources = [shards[folder]["files"] for folder in folders]
        task = _Task(raw, catalog, patient, originals, names, lineage, store_format)
        units.append(Unit(patient, fingerprint(lineage, sources, originals, names), task))
    extra = {**head(store_format), "params": settings}

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
