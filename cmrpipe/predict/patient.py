"""One patient: from files to borders, end-diastole and end-systole, volumes, and where the model is unsure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from cmrpipe.clinical import ClinicalValues, clinical_values, slices_text
from cmrpipe.errors import CmrpipeError, DicomError
from cmrpipe.files import as_text, sha256_bytes
from cmrpipe.geometry import label_image
from cmrpipe.heart import heart_centre
from cmrpipe.learn.borders import NOTHING, Drawing
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.voting import Opinion, opinions
from cmrpipe.model import Contour, ContourKind, ImageRecord, Phase, Sample
from cmrpipe.nouns import counted
from cmrpipe.predict.contouring import APART_WHY, BESIDE_WHY, Place, Removed, cavity_curve, contour
from cmrpipe.predict.judge import Judged, Refused, judge
from cmrpipe.predict.source import UNREAD, PatientFolder
from cmrpipe.readers.layouts import read_below
from cmrpipe.readers.pixels import decode_pixels
from cmrpipe.slices import slice_gap_mm

SURE_FROM = 0.94
"""Agreement of the looks (see `cmrpipe.learn.voting`) below which an image is unsure."""

ENOUGH_FRAMES = 0.8
"""Share of the frames that must have an image of every slice of the ventricle, so that ED and ES are among them."""

CUT = 0.35
"""Cavity area of the stack's first or last slice over the largest, at ED, from which the ventricle may go on there."""

DECIMALS = 2
"""Of a pixel, in contour files."""

Images = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One image of the stack with what was found in it.

    Attributes
    ----------
    number : in contour file names
    agreement : of the model's looks, 0 to 1
    unsure : why a person should look; "" when nothing speaks for it
    """

    record: ImageRecord
    number: int
    place: Place
    phase: Phase
    drawing: Drawing
    agreement: float
    unsure: str


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """One patient's result.

    Attributes
    ----------
    judged : what was taken and what was refused
    seen : the stack's images, in its order; empty when nothing could be judged
    images : (n, rows, cols) in the same order; None when nothing could be judged
    removed : slices that were taken for something else than the ventricle
    ed_frame, es_frame : None when they cannot be told
    values : volumes, ejection fraction, mass; what is missing has its reason there
    study : which examination of whom this is (see `study_of`); "" where no image says
    """

    patient_id: str
    judged: Judged
    values: ClinicalValues
    seen: tuple[Seen, ...] = ()
    images: Images | None = None
    removed: tuple[Removed, ...] = ()
    ed_frame: int | None = None
    es_frame: int | None = None
    notes: tuple[str, ...] = field(default=())
    study: str = ""

    @property
    def unsure(self) -> tuple[Seen, ...]:
        """Images that a person should look at: of end-diastole and end-systole, on which the values rest.

        Where these cannot be told, of all images.
        """
        every = self.ed_frame is None
        return tuple(item for item in self.seen if item.unsure and (every or item.phase is not Phase.OTHER))

    @property
    def unsure_among(self) -> str:
        """Which images are counted as unsure."""
        return "all images" if self.ed_frame is None else "images of ED and ES"

    def labels(self) -> npt.NDArray[np.uint8]:
        """Label images (n, rows, cols), in the order of `seen`."""
        if self.images is None:
            return np.zeros((0, 0, 0), np.uint8)
        shape = (self.images.shape[1], self.images.shape[2])
        return np.stack([label_image(item.drawing.endo, item.drawing.epi, shape) for item in self.seen])


def choose_phases(curve: dict[int, float]) -> tuple[int | None, int | None]:
    """Frames of the largest and the smallest cavity; None where there is no choice, or nothing beats."""
    if len(curve) < 2 or max(curve.values()) <= min(curve.values()):
        return None, None
    return max(curve, key=lambda frame: (curve[frame], -frame)), min(curve, key=lambda frame: (curve[frame], frame))


def hundredths(agreement: float) -> str:
    """An agreement in words, rounded down, so that none below the limit reads as the limit."""
    return f"{math.floor(agreement * 100) / 100:.2f}"


def _doubt(drawing: Drawing, agreement: float, inside: bool) -> str:
    """Why an image is unsure; `inside`: its slice lies between the ventricle's ends."""
    if not inside:
        return ""
    if drawing.endo is None:
        return "no cavity found between slices or frames that have one"
    if drawing.epi is None:
        return "no epicardium found"
    return f"the model's looks agree to {hundredths(agreement)} only" if agreement < SURE_FROM else ""


def _phase(frame: int, ed: int | None, es: int | None) -> Phase:
    return Phase.ED if frame == ed else Phase.ES if frame == es else Phase.OTHER


def _as_written(drawing: Drawing) -> Drawing:
    """The drawing as contour files have it, so that these, labels, Segmentations and values tell the same."""
    endo, epi = (None if points is None else points.round(DECIMALS) for points in (drawing.endo, drawing.epi))
    return Drawing(endo, epi)


def sample_of(item: Seen) -> Sample:
    """An image with its contours, as the rest of cmrpipe takes it."""
    borders = ((ContourKind.ENDO, item.drawing.endo), (ContourKind.EPI, item.drawing.epi))
    endo, epi = (None if points is None else Contour(kind, points) for kind, points in borders)
    return Sample(item.record, None, endo, epi, item.phase)


def predict_patient(folder: PatientFolder, predictor: Predictor, frames_per_slice: int) -> Prediction:
    """Predict one patient; what cannot be judged is refused with its reason, never guessed.

    Raises
    ------
    ArchiveError : the patient's archive cannot be read
    LayoutError : the images are of several patients
    """
    records = folder.records()
    judged, pixels = _judged(folder, records, frames_per_slice)
    study = study_of(judged.stack or records)
    if not judged.stack:
        return replace(_nothing(folder, judged), study=study)
    images = np.stack([pixels.pop(record.path) for record in judged.stack])
    told = opinions(predictor, images, judged.stack[0].pixel_spacing_mm, _heart(judged, images))
    return replace(interpret(folder.patient_id, judged, images, told), study=study)


def study_of(records: Sequence[ImageRecord]) -> str:
    """SHA-256 of StudyInstanceUID and PatientID of the first image that has one of them; "" where none has.

    It tells whether two results are of one examination, and not whose.
    """
    named = ((record.study_uid, record.header_patient_id) for record in records if record.rows)
    return next((sha256_bytes("\n".join(names).encode()) for names in named if any(names)), "")


def not_judged(folder: PatientFolder, reason: str) -> Prediction:
    """The prediction of a patient that cannot be judged at all: every file is refused for the same reason."""
    told = " ".join(as_text(reason).split())
    refused = tuple(Refused(name, told) for name in folder.files)
    return _nothing(folder, Judged((), (), refused, (), told))


def _nothing(folder: PatientFolder, judged: Judged) -> Prediction:
    return Prediction(folder.patient_id, judged, ClinicalValues(folder.patient_id, reason=judged.reason))


def _judged(
    folder: PatientFolder, records: Sequence[ImageRecord], frames_per_slice: int
) -> tuple[Judged, dict[str, npt.NDArray[np.generic]]]:
    """The stack, and its pixels by path; an image whose header promised pixels that cannot be had is refused."""
    pixels: dict[str, npt.NDArray[np.generic]] = {}
    while True:
        judged = judge(records, frames_per_slice)
        spoilt: dict[str, str] = {}
        for record in judged.stack:
            if record.path not in pixels:
                try:
                    pixels[record.path] = _pixels(folder, record)
                except CmrpipeError as error:
                    spoilt[record.path] = error.cause
                except OSError as error:
                    spoilt[record.path] = f"{UNREAD} ({error.strerror or error})"
        if not spoilt:
            return judged, pixels
        records = [replace(record, error=spoilt.get(record.path, record.error)) for record in records]


def _pixels(folder: PatientFolder, record: ImageRecord) -> npt.NDArray[np.generic]:
    path = folder.root / record.path
    found = decode_pixels(read_below(folder.root, record.path), path)
    if found.shape != (record.rows, record.columns):
        cause = f"its pixels are {found.shape}, its header says {(record.rows, record.columns)}"
        raise DicomError(path, cause, "Fetch the file anew from its source")
    return found


def _heart(judged: Judged, images: Images) -> tuple[float, float] | None:
    """Where the cine says that the heart is (see `cmrpipe.heart`)."""
    slices: dict[int, list[int]] = {}
    for i, record in enumerate(judged.stack):
        slices.setdefault(record.slice_index or 0, []).append(i)
    return heart_centre(images[rows] for _, rows in sorted(slices.items()))


def _offsets(stack: Sequence[ImageRecord]) -> dict[int, tuple[float, float]]:
    """Where each slice's first pixel lies, (x, y) in pixels along rows and columns from the first slice's."""
    found: dict[int, tuple[float, float]] = {}
    first = stack[0]
    if first.position_mm is None or first.orientation is None or first.pixel_spacing_mm is None:
        return found
    along = np.array([first.orientation[:3], first.orientation[3:]])
    size = np.array([first.pixel_spacing_mm[1], first.pixel_spacing_mm[0]])
    for record in stack:
        if record.position_mm is not None and record.slice_index is not None:
            x, y = along @ (np.array(record.position_mm) - np.array(first.position_mm)) / size
            found.setdefault(record.slice_index, (float(x), float(y)))
    return found


def _ends(drawings: Mapping[Place, Drawing], places: Sequence[Place], ed: int | None) -> list[str]:
    """What is said where the ventricle reaches an end of the stack, so that a part of it may lie beyond."""
    areas = {place.slice_index: drawing.area for place, drawing in drawings.items() if place.frame == ed}
    first, last = (choose(place.slice_index for place in places) for choose in (min, max))
    largest = max(areas.values(), default=0.0)
    ends = [
        name
        for name, index in (("first", first), ("last", last))
        if largest > 0 and areas.get(index, 0.0) >= CUT * largest
    ]
    if not ends:
        return []
    plural = "s" if len(ends) > 1 else ""
    return [
        f"the ventricle reaches the stack's {' and '.join(ends)} slice{plural}: what lies beyond is not in the values"
    ]


def interpret(patient_id: str, judged: Judged, images: Images, told: Iterator[Opinion]) -> Prediction:
    """From the network's opinions on the stack's images, in its order, to the patient's result."""
    places = [Place(record.slice_index or 0, record.frame or 1) for record in judged.stack]
    opinion = dict(zip(places, told, strict=True))
    exact, removed = contour(opinion, _offsets(judged.stack))
    drawings = {place: _as_written(drawing) for place, drawing in exact.items()}
    inside = {place.slice_index for place, drawing in drawings.items() if drawing.endo is not None}
    span = range(min(inside), max(inside) + 1) if inside else range(0)
    curve = cavity_curve(drawings, inside)
    ed, es = choose_phases(curve)
    seen = tuple(
        Seen(
            record,
            number,
            place,
            _phase(place.frame, ed, es),
            drawings.get(place, NOTHING),
            opinion[place].agreement,
            _doubt(drawings.get(place, NOTHING), opinion[place].agreement, place.slice_index in span),
        )
        for record, number, place in zip(judged.stack, judged.numbers, places, strict=True)
    )
    frames = {place.frame for place in places}
    notes = (*judged.notes, *_frames_said(frames, curve, ed, found=bool(inside)), *_left_out(removed))
    values = _values(patient_id, judged, seen, found=bool(inside), whole=len(curve) / len(frames))
    ends = _ends(drawings, places, ed)
    return Prediction(patient_id, judged, values, seen, images, tuple(removed), ed, es, (*notes, *ends))


def _frames_said(frames: Collection[int], curve: Mapping[int, float], ed: int | None, *, found: bool) -> Iterator[str]:
    """What is said of frames that cannot be end-diastole or end-systole; `curve` has those that can."""
    if not found:
        yield "no ventricle found in any image"
        return
    if partial := sorted(frames - curve.keys()):
        yield f"no image of every slice in frame {', '.join(map(str, partial))}: not considered for ED and ES"
    if ed is None and len(curve) > 1:
        yield "the cavity is equally large in all frames: end-diastole and end-systole cannot be told"
    elif ed is None:
        few = counted(len(curve), "frame") if curve else "no frames"
        yield f"{few} only: end-diastole and end-systole cannot be told, so no ejection fraction"


def _left_out(removed: Sequence[Removed]) -> Iterator[str]:
    """What is said of slices with cavities that may be the ventricle's and were left out."""
    apart, beside = ([item.slice_index for item in removed if item.why == why] for why in (APART_WHY, BESIDE_WHY))
    if apart:
        yield f"cavities of {slices_text(apart)}, apart from the rest, are left out as beyond the ventricle"
    if beside:
        yield (
            f"large cavities of {slices_text(beside)}, out of reach of the next slice's, are left out: "
            "an atrium, or the ventricle if the heart moved"
        )


def _values(patient_id: str, judged: Judged, seen: Sequence[Seen], *, found: bool, whole: float) -> ClinicalValues:
    """Clinical values, or why they are withheld; `whole` is the share of frames with an image of every slice."""
    samples = [sample_of(item) for item in seen if item.phase is not Phase.OTHER and item.drawing.endo is not None]
    lacking = judged.incomplete
    if not lacking and not samples:
        lacking = "end-diastole and end-systole cannot be told" if found else "no ventricle found"
    if not lacking and whole < ENOUGH_FRAMES:
        lacking = f"only {whole:.0%} of the frames have an image of every slice of the ventricle"
    if lacking:
        return ClinicalValues(patient_id, reason=lacking)
    return clinical_values(patient_id, samples, slice_gap_mm(judged.stack))
