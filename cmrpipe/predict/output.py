"""A patient's prediction on disk: contours in the layout that cmrpipe reads, and everything else in one folder.

contourfiles/<patient>/i-contours/IM-0001-<nnnn>-icontour-auto.txt   endocardium
contourfiles/<patient>/o-contours/IM-0001-<nnnn>-ocontour-auto.txt   epicardium
link.csv                                                             patient_id,original_id
patients/<patient>/result.json, images.csv, refused.csv, labels.npy, seg_ED.dcm, seg_ES.dcm, overview.png, overlays/
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmrpipe.csvfile import write_rows
from cmrpipe.errors import InputError
from cmrpipe.files import as_text, write_bytes, write_json
from cmrpipe.geometry import polygon_area
from cmrpipe.incremental.folders import replacing
from cmrpipe.model import ContourKind, Phase, Points
from cmrpipe.params import OverlayParams
from cmrpipe.predict.patient import DECIMALS, Prediction, Seen
from cmrpipe.predict.pictures import overview, pictures
from cmrpipe.predict.places import PATIENTS, RESULT
from cmrpipe.predict.tables import lock_file
from cmrpipe.readers.contours import FOLDERS
from cmrpipe.readers.layouts import CONTOURS

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


def of_another_study(out: Path, found: Prediction) -> bool:
    """Whether what stands in a patient's place tells of another examination, or of somebody else."""
    try:
        there = json.loads((out / PATIENTS / found.patient_id / RESULT).read_bytes()).get("study_sha256", "")
    except (OSError, ValueError, AttributeError):
        return False
    return bool(found.study and there) and there != found.study


def has_contours(out: Path, patient_id: str) -> bool:
    """Whether an earlier run found something in the patient, which a run that fails must not take away."""
    return (out / PATIENTS / patient_id / LABELS).is_file() or (out / CONTOURS / patient_id).is_dir()


def contour_text(points: Points, origin: float) -> str:
    """A contour file's text: one `x y` pair a line, in hundredths of a pixel, counted from `origin`."""
    return "".join(f"{x:.{DECIMALS}f} {y:.{DECIMALS}f}\n" for x, y in (points + origin).tolist())


def _write_contours(folder: Path, found: Prediction, origin: float) -> None:
    """Write all contours of a patient into an empty folder."""
    for name, kind in FOLDERS.items():
        (folder / name).mkdir()
        for item in found.seen:
            points = item.drawing.endo if kind is ContourKind.ENDO else item.drawing.epi
            if points is not None and item.drawing.endo is not None:
                file = folder / name / f"IM-0001-{item.number:04d}-{_LETTER[kind]}{_SUFFIX}"
                file.write_text(contour_text(points, origin), encoding="ascii")


def _write_labels(path: Path, labels: npt.NDArray[np.uint8]) -> None:
    """Write an array as `np.save` does, whose own writing to a file does not say what the system had against it."""
    data = BytesIO()
    np.save(data, labels, allow_pickle=False)
    write_bytes(path, data.getvalue())


def _row(item: Seen) -> list[object]:
    endo, spacing = item.drawing.endo, item.record.pixel_spacing_mm
    area = None if endo is None or spacing is None else polygon_area(endo, spacing)
    place = [item.number, as_text(item.record.path), item.place.slice_index, item.place.frame, item.phase.value]
    return [*place, item.drawing.area, area, item.agreement, item.unsure]


def result(found: Prediction, model: str, segmentations: dict[str, str]) -> dict[str, Any]:
    """What result.json says: values with the reasons of missing ones, phases, doubts, and what was left out."""
    return {
        "patient_id": found.patient_id,
        "study_sha256": found.study,
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
        "unsure_among": found.unsure_among,
        "unsure": [
            {"number": item.number, "slice_index": item.place.slice_index, "frame": item.place.frame}
            | {"phase": item.phase.value, "why": item.unsure}
            for item in found.unsure
        ],
        "segmentations": segmentations,
    }


def write_patient(out: Path, found: Prediction, root: Path, model: str, options: Options) -> list[str]:
    """Write everything of one patient; what was there of it is replaced whole, or stays whole when this fails.

    Returns why Segmentations that were wanted could not be had.

    Parameters
    ----------
    root : folder or archive that the records' paths are relative to
    model : SHA-256 of the model's description (see `cmrpipe.learn.saved`)

    Raises
    ------
    BusyError : another run changes what is in `out`, and does not end
    OSError : whatever the system has against it
    """
    labels = found.labels()
    told: dict[str, str] = {}
    lacking: dict[str, list[str]] = {}
    places = (out / PATIENTS / found.patient_id, out / CONTOURS / found.patient_id)
    with replacing(lock_file(out), *places) as (new, drawn):
        if found.seen:  # else contours of an earlier run would stand beside a refusal: none take their place
            _write_labels(new / LABELS, labels)
            _write_contours(drawn, found, options.contour_origin)
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
            ((as_text(item.path), " ".join(as_text(item.reason).split())) for item in found.judged.refused),
        )
        write_json(new / RESULT, result(found, model, told))
    return [f"no Segmentation of {' and '.join(phases)}: {why}" for why, phases in lacking.items()]
