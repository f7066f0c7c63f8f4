"""overlay: a picture and a neighbour strip of every contoured image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmrpipe.catalog import Catalog, contours_file, images_file
from cmrpipe.codes import Severity
from cmrpipe.errors import DicomError
from cmrpipe.findings import is_validated, read_findings
from cmrpipe.incremental.codeversion import code_version
from cmrpipe.incremental.executors import Workers
from cmrpipe.incremental.refresh import Unit, Written, fingerprint, read_manifest, refresh
from cmrpipe.linking import PatientLabels, catalog_links, image_number, link_patient
from cmrpipe.logger import Logger
from cmrpipe.model import Contour, ContourKind, ImageRecord, Sample
from cmrpipe.params import OverlayParams
from cmrpipe.pictures.cine import cine_crop, sheet
from cmrpipe.pictures.drawing import Crop, robust_window
from cmrpipe.pictures.overlay import Outline, View, heart_side, picture, strip
from cmrpipe.progress import Listener
from cmrpipe.quarantine import left_out, read_quarantine
from cmrpipe.raster import area_mask
from cmrpipe.readers.layouts import keep_out
from cmrpipe.samples import check_contours, patient_samples, read_image
from cmrpipe.stages.summary import Summary

log = Logger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    """What a worker needs for one patient.

    Attributes
    ----------
    quarantined : why, by name (path relative to the raw folder, or the patient's id)
    noted : codes of findings by image number, worth a word in the caption
    """

    raw: Path
    catalog: Path
    patient_id: str
    originals: tuple[str, ...]
    quarantined: Mapping[str, str]
    noted: Mapping[int, tuple[str, ...]]
    params: OverlayParams


def picture_file(patient_id: str, number: int) -> str:
    """Name of an image's picture, relative to the pictures' folder."""
    return f"{patient_id}/{number:04d}.png"


def strip_file(patient_id: str, number: int) -> str:
    """Name of an image's neighbour strip, relative to the pictures' folder."""
    return f"{patient_id}/{number:04d}_strip.png"


def cine_file(patient_id: str, slice_index: int) -> str:
    """Name of the sheet of a slice's frames, relative to the pictures' folder."""
    return f"{patient_id}/cine_{slice_index:02d}.jpg"


class _Patient:
    """A patient's images, ready to be seen."""

    def __init__(self, task: _Task) -> None:
        self.task = task
        labels = link_patient(Catalog(task.catalog), task.patient_id, task.originals)
        check_contours(labels, task.raw)
        self.labels = labels
        self.samples = {sample.record.path: sample for sample in patient_samples(labels)}
        self.grid = labels.grid()
        self.outlines = _outlines(labels, self.samples, task.quarantined)
        self.pixels = cache(self._pixels)
        self.view = cache(self._view)

    def _pixels(self, image: ImageRecord) -> npt.NDArray[np.generic] | None:
        """Pixels of an image; None when they cannot be read."""
        try:
            return read_image(image, self.task.raw)
        except DicomError as error:
            log.warning("image left out of the pictures", patient=self.task.patient_id, reason=str(error))
            return None

    def _view(self, image: ImageRecord) -> View | None:
        """The image with what is drawn on it; None when its pixels cannot be read."""
        pixels = self.pixels(image)
        if pixels is None:
            return None
        sample = self.samples.get(image.path)
        number = image_number(image)
        notes = [f"image in quarantine: {why}"] if (why := self.task.quarantined.get(image.path)) else []
        notes += [f"finding: {code}" for code in (() if number is None else self.task.noted.get(number, ()))]
        phase = sample.phase if sample else None
        window = robust_window(pixels, self.task.params.window_percentiles)
        return View(image, pixels, window, self.outlines.get(image.path, ()), number, phase, tuple(notes))

    def blood_intensity(self) -> float | None:
        """Median over the contoured images of the mean grey value inside the endocardium, to compare patients by."""
        means = []
        for path, sample in self.samples.items():
            view = self.view(sample.record)
            if view is None or sample.endo is None or any(o.quarantined for o in self.outlines[path]):
                continue
            mask = area_mask(sample.endo.points, (view.image.shape[0], view.image.shape[1]))
            if mask.any():
                means.append(float(np.mean(np.asarray(view.image, dtype=np.float64)[mask])))
        return round(float(np.median(means)), 3) if means else None

    def neighbour(self, image: ImageRecord, step: int) -> View | str:
        """The image at the same frame one slice on, or why there is none."""
        if image.slice_index is None or image.frame is None:
            return "slice unknown"
        index = image.slice_index + step
        slices = [key[0] for key in self.grid]
        if not min(slices) <= index <= max(slices):
            return "no slice before" if step < 0 else "no slice after"
        beside = self.grid.get((index, image.frame))
        view = self.view(beside) if beside else None
        return view or f"slice {index}, frame {image.frame}: no image"


def _outlines(
    labels: PatientLabels, samples: Mapping[str, Sample], quarantined: Mapping[str, str]
) -> dict[str, tuple[Outline, ...]]:
    """What is drawn on each contoured image, by the image's path."""
    drawn = labels.contours_by_number()
    patient = quarantined.get(labels.patient_id, "")
    found = {}
    for path, sample in samples.items():
        records = drawn[image_number(sample.record) or 0]
        outlines = []
        for kind, contour in ((ContourKind.ENDO, sample.endo), (ContourKind.EPI, sample.epi)):
            if contour is not None:
                why = quarantined.get(records[kind][0].path, "") or quarantined.get(path, "") or patient
                outlines.append(Outline(contour, why))
        found[path] = tuple(outlines)
    return found


def _place(path: Path, data: bytes) -> None:
    """Write a picture without waiting for the disk, which would take longer than drawing it.

    A picture lost with the machine's power differs from its recorded hash, and the next run draws it again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    temporary.write_bytes(data)
    temporary.replace(path)


def _draw(task: _Task, out: Path) -> Written:
    patient = _Patient(task)
    contours = [outline.contour for outlines in patient.outlines.values() for outline in outlines]
    side = heart_side(contours)
    files: list[str] = []
    originals = patient.labels.original_ids
    for sample in patient.samples.values():
        number = image_number(sample.record)
        view = patient.view(sample.record)
        if view is None or number is None:
            continue
        before, after = (patient.neighbour(sample.record, step) for step in (-1, 1))
        names = picture_file(task.patient_id, number), strip_file(task.patient_id, number)
        _place(out / names[0], picture(view, originals, task.params))
        _place(out / names[1], strip(view, before, after, side, originals, task.params))
        files += names
    count = len(files) // 2
    cine = _cine(patient, contours, side, out) if task.params.cine else {}
    files += [cine_file(task.patient_id, int(index)) for index in cine.get("slices", {})]
    info = {"pictures": count, "contours": len(contours), "blood_intensity": patient.blood_intensity(), "cine": cine}
    return Written(files, info)


def _cine(patient: _Patient, contours: Sequence[Contour], side: float, out: Path) -> dict[str, Any]:
    """Draw the sheets of all slices; returns which part of the image they show, and which frames each holds."""
    by_slice: dict[int, list[ImageRecord]] = defaultdict(list)
    for (index, _), image in sorted(patient.grid.items()):
        if patient.pixels(image) is not None:
            by_slice[index].append(image)
    crop: Crop | None = None
    slices = {}
    for index, images in by_slice.items():
        frames = [np.asarray(patient.pixels(image)) for image in images]
        crop = crop or cine_crop(contours, side, (frames[0].shape[0], frames[0].shape[1]))
        data = sheet(frames, crop, patient.task.params.window_percentiles)
        _place(out / cine_file(patient.task.patient_id, index), data)
        slices[str(index)] = [image.frame for image in images]
    return {"crop": [crop.left, crop.top, crop.width], "slices": slices} if crop else {}


def _notes(findings: Path) -> dict[str, dict[int, tuple[str, ...]]]:
    """Codes of errors and warnings about single images, by patient and image number."""
    if not is_validated(findings):
        return {}
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for item in read_findings(findings):
        if item.instance_number is not None and item.severity is not Severity.INFO:
            found[item.patient_id][item.instance_number].add(item.code.value)
    return {patient: {n: tuple(sorted(codes)) for n, codes in notes.items()} for patient, notes in found.items()}


def overlay(
    raw: Path,
    catalog: Path,
    findings: Path,
    quarantine: Path,
    out: Path,
    params: OverlayParams,
    *,
    listen: Listener,
    workers: Workers = 1,
) -> Summary:
    """Bring the pictures up to date.

    Parameters
    ----------
    raw : the raw folder; pixels are read from it
    catalog : output of ingest
    findings : output of validate; its errors and warnings about an image are named in the caption
    quarantine : the quarantine file; what it lists is drawn dashed, and said so
    out : <patient_id>/<image number>.png and <patient_id>/<image number>_strip.png
    workers : processes

    Raises
    ------
    InputError : the quarantine file is not there; or that, the catalog or the findings cannot be read;
        or `out` lies in `raw`
    StaleError : an image is not the one that the catalog describes
    """
    keep_out(raw, out)
    source = Catalog(catalog)
    links = catalog_links(source)
    shards = {name: sha for entry in read_manifest(catalog).values() for name, sha in entry["files"].items()}
    excluded, notes = left_out(read_quarantine(quarantine)).by_folder(), _notes(findings)
    context = fingerprint(params.model_dump(mode="json"), code_version(__name__))
    units = []
    for patient_id in source.patients():
        originals = links.originals.get(patient_id, ())
        folders = (patient_id, *links.folders(patient_id))
        quarantined = {name: row.why for folder in folders for name, row in excluded.get(folder, {}).items()}
        noted = notes.get(patient_id, {})
        tables = [images_file(patient_id), *(contours_file(name) for name in originals)]
        mark = fingerprint(context, [[t, shards[t]] for t in tables], quarantined, sorted(noted.items()), originals)
        units.append(Unit(patient_id, mark, _Task(raw, catalog, patient_id, originals, quarantined, noted, params)))
    result = refresh("overlay", out, units, _draw, listen=listen, workers=workers)
    return Summary(
        "overlay",
        done=len(result.done),
        unchanged=len(result.unchanged),
        gone=len(result.gone),
        counts={
            "pictures": sum(info["pictures"] for info in result.info.values()),
            "contours": sum(info["contours"] for info in result.info.values()),
        },
    )
