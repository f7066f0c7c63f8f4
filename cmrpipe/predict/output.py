"""A patient's prediction on disk: contours in the layout that cmrpipe reads, and everything else in one folder.

contourfiles/<patient>/i-contours/IM-0001-<nnnn>-icontour-auto.txt   endocardium
contourfiles/<patient>/o-contours/IM-0001-<nnnn>-ocontour-auto.txt   epicardium
link.csv                                                             patient_id,original_id
patients/<patient>/result.json, images.csv, refused.csv, labels.npy, seg_ED.dcm, seg_ES.dcm, overview.png, overlays/
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmrpipe.contours import FOLDERS
from cmrpipe.errors import InputError
from cmrpipe.files import sync_folder, write_json
from cmrpipe.geometry import polygon_area
from cmrpipe.layouts import CONTOURS
from cmrpipe.learn.tables import write_rows
from cmrpipe.model import ContourKind, Phase, Points
from cmrpipe.params import OverlayParams
from cmrpipe.predict.patient import Prediction, Seen
from cmrpipe.predict.pictures import overview, pictures
from cmrpipe.predict.places import PATIENTS, RESULT

IMAGES, REFUSED, LABELS = "images.csv", "refused.csv", "labels.npy"
_SUFFIX = "contour-auto.txt"
_LETTER = {ContourKind.ENDO: "i", ContourKind.EPI: "o"}
_COLUMNS = ("number", "path", "slice_index", "frame", "phase", "cavity_px2", "cavity_mm2", "agreement", "unsure")


@dataclass(frozen=True, slots=True)
class Options:
    """What is written besides contours, labels and tables.

    Attributes
    ----------
    contour_origin : coordinate that contour files give to the first pixel's centre
    overlays, segmentation : whether pictures, and DICOM Segmentations, are wanted
    """

    contour_origin: float
    overlays: bool = True
    segmentation: bool = True


def check_replaceable(out: Path, patient_id: str) -> None:
    """Refuse to put a patient in the place of what predict did not write: the expert's contours of a data set, say.

    Raises
    ------
    InputError : something else is there
    """
    place = out / PATIENTS / patient_id
    others = [] if (place / RESULT).is_file() or not place.exists() else [place]
    drawn = (path for path in (out / CONTOURS / patient_id).rglob("*") if path.is_file())
    others += [path for path in drawn if not path.name.endswith(_SUFFIX)]
    if others:
        raise InputError(min(others), "would be replaced, and predict did not write it", "Give another --output")


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes `folder`'s place when the block ends well; else the old one stays as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new, old = (folder.with_name(f".tmp-{os.getpid()}-{word}-{folder.name}") for word in ("new", "old"))
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    sync_folder(folder.parent)


def contour_text(points: Points, origin: float) -> str:
    """A contour file's text: one `x y` pair a line, in hundredths of a pixel, counted from `origin`."""
    return "".join(f"{x:.2f} {y:.2f}\n" for x, y in (points + origin).tolist())


def write_contours(folder: Path, found: Prediction, origin: float) -> None:
    """Write all contours of a patient below its contour folder."""
    with replacing(folder) as new:
        for name, kind in FOLDERS.items():
            (new / name).mkdir()
            for item in found.seen:
                points = item.drawing.endo if kind is ContourKind.ENDO else item.drawing.epi
                if points is not None and item.drawing.endo is not None:
                    file = new / name / f"IM-0001-{item.number:04d}-{_LETTER[kind]}{_SUFFIX}"
                    file.write_text(contour_text(points, origin), encoding="ascii")


def _row(item: Seen) -> list[object]:
    endo, spacing = item.drawing.endo, item.record.pixel_spacing_mm
    area = None if endo is None or spacing is None else polygon_area(endo, spacing)
    place = [item.number, item.record.path, item.place.slice_index, item.place.frame, item.phase.value]
    return [*place, item.drawing.area, area, item.agreement, item.unsure]


def result(found: Prediction, model: str, segmentations: dict[str, str]) -> dict[str, Any]:
    """What result.json says: values with the reasons of missing ones, phases, doubts, and what was left out."""
    return {
        "patient_id": found.patient_id,
        "model_sha256": model,
        "reason": found.judged.reason,
        "notes": list(found.notes),
        "images": len(found.seen),
        "refused": len(found.judged.refused),
        "slices": len({item.place.slice_index for item in found.seen}),
        "frames": len({item.place.frame for item in found.seen}),
        "ed_frame": found.ed_frame,
        "es_frame": found.es_frame,
        "values": asdict(found.values),
        "removed_slices": [asdict(item) for item in found.removed],
        "unsure": [
            {"number": item.number, "slice_index": item.place.slice_index, "frame": item.place.frame}
            | {"phase": item.phase.value, "why": item.unsure}
            for item in found.unsure
        ],
        "segmentations": segmentations,
    }


def write_patient(out: Path, found: Prediction, root: Path, model: str, options: Options) -> list[str]:
    """Write everything of one patient; what was there of it is replaced whole.

    Returns why Segmentations that were wanted could not be had.

    Parameters
    ----------
    root : folder or archive that the records' paths are relative to
    model : SHA-256 of the weights
    """
    labels = found.labels()
    told: dict[str, str] = {}
    lacking: dict[str, list[str]] = {}
    with replacing(out / PATIENTS / found.patient_id) as new:
        if found.seen:
            np.save(new / LABELS, labels, allow_pickle=False)
        if options.segmentation and found.ed_frame is not None:
            # Imported here: it takes a second, and an extra of its own.
            from cmrpipe.predict.segmentation import write_segmentation  # noqa: PLC0415

            for phase in (Phase.ED, Phase.ES):
                name = f"seg_{phase.value}.dcm"
                why = write_segmentation(new / name, found, labels, phase, root, model)
                told[phase.value] = why or name
                if why:
                    lacking.setdefault(why, []).append(phase.value)
        if options.overlays:
            params = OverlayParams()
            (new / "overlays").mkdir()
            for number, png in pictures(found, params):
                (new / "overlays" / f"{number:04d}.png").write_bytes(png)
            if (sheet := overview(found, params)) is not None:
                (new / "overview.png").write_bytes(sheet)
        write_rows(new / IMAGES, _COLUMNS, map(_row, found.seen))
        write_rows(
            new / REFUSED,
            ("path", "reason"),
            ((item.path, " ".join(item.reason.split())) for item in found.judged.refused),
        )
        write_json(new / RESULT, result(found, model, told))
    contours = out / CONTOURS / found.patient_id
    if found.seen:
        write_contours(contours, found, options.contour_origin)
    else:  # those of an earlier run would stand beside a refusal
        shutil.rmtree(contours, ignore_errors=True)
    return [f"no Segmentation of {' and '.join(phases)}: {why}" for why, phases in lacking.items()]
