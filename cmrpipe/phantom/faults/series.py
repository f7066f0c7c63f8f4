"""Faults of a patient's whole series: geometry, spacing, order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Phase
from cmrpipe.phantom.dicom_writer import encode, uid
from cmrpipe.phantom.faults.kit import Fault, Note, Scope, Site, Spot
from cmrpipe.readers.layouts import CONTOURS, DICOMS

SECOND_SERIES = 3
"""Images of the series that does not belong."""
TILT_DEG = 1.6
"""Of a slice that was planned anew."""


def _folder(spot: Spot) -> str:
    return f"{DICOMS}/{spot.patient.patient_id}"


def _change_all(site: Site, spot: Spot, change: Callable[[FileDataset], None]) -> None:
    for path in site.images(spot.patient):
        site.change_image(path, change)


def _vectors(ds: FileDataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row direction, column direction and normal, (3,) each."""
    row, column = np.array(ds.ImageOrientationPatient[:3], float), np.array(ds.ImageOrientationPatient[3:], float)
    return row, column, np.cross(row, column)


def _strings(values: np.ndarray) -> list[str]:
    return [f"{value:.6f}" for value in values.tolist()]


def _slice_gone(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    lv = spot.patient.lv_positions
    position = int(rng.integers(lv[0] + 1, lv[-1]))
    for frame in range(1, site.grid.frames + 1):
        site.remove(site.image(spot.patient, site.grid.number(position, frame)))
    for contour in spot.patient.contours:
        if contour.position == position:
            site.remove(contour.path)
    return Note(_folder(spot), f"the slice at position {position} was removed with its contours")


def _second_series(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    last = site.grid.slices * site.grid.frames
    series = uid(site.truth.arguments.seed, spot.patient.patient_id, "localizer")
    for i in range(1, SECOND_SERIES + 1):
        ds = site.dataset(site.image(spot.patient, site.grid.number(site.grid.slices // 2, i)))
        row, _column, normal = _vectors(ds)
        pixels = np.frombuffer(ds.PixelData, dtype="<i2").reshape(ds.Rows, ds.Columns)
        ds.PixelData = np.ascontiguousarray(pixels[::-1]).tobytes()
        ds.SeriesInstanceUID = series
        ds.SeriesNumber = 2
        ds.SeriesDescription = "PHANTOM LOCALIZER"
        ds.InstanceNumber = last + i
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid(series, i)
        ds.ImageOrientationPatient = _strings(np.concatenate([row, normal]))
        ds.CardiacNumberOfImages = 1
        site.write(site.image(spot.patient, last + i), encode(ds))
    return Note(site.image(spot.patient, last + 1), f"{SECOND_SERIES} images of a localizer were put in")


def _spacing_gone(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def change(ds: FileDataset) -> None:
        del ds.PixelSpacing

    _change_all(site, spot, change)
    return Note(_folder(spot), "PixelSpacing was removed from all images")


def _spacing_oblong(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    spacing = spot.patient.spacing_mm

    def change(ds: FileDataset) -> None:
        ds.PixelSpacing = [f"{spacing:.4f}", f"{1.12 * spacing:.4f}"]

    _change_all(site, spot, change)
    return Note(_folder(spot), "the spacing of columns was made 12 % larger in all images")


def _turned(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    position = int(rng.integers(site.grid.slices))
    number = site.grid.number(position, 1 if site.grid.es_frame != 1 else 2)
    path = site.image(spot.patient, number)
    angle = np.radians(rng.uniform(15.0, 40.0))

    def change(ds: FileDataset) -> None:
        row, column, normal = _vectors(ds)
        ds.ImageOrientationPatient = _strings(np.concatenate([row, np.cos(angle) * column + np.sin(angle) * normal]))

    site.change_image(path, change)
    return Note(path, f"its plane was turned by {np.degrees(angle):.0f} degrees", number)


def _tilted(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    position, angle = site.grid.slices // 2, np.radians(TILT_DEG)

    def change(ds: FileDataset) -> None:
        row, column, normal = _vectors(ds)
        ds.ImageOrientationPatient = _strings(np.concatenate([row, np.cos(angle) * column + np.sin(angle) * normal]))
        ds.SeriesInstanceUID = uid(ds.SeriesInstanceUID, "tilted")

    for frame in range(1, site.grid.frames + 1):
        site.change_image(site.image(spot.patient, site.grid.number(position, frame)), change)
    return Note(_folder(spot), f"the slice at position {position} was made a series turned by {TILT_DEG} degrees")


def _gap_irregular(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    first = int(rng.integers(2, site.grid.slices - 1))
    shift = spot.patient.direction * 0.5 * spot.patient.gap_mm

    def change(ds: FileDataset) -> None:
        origin = np.array(ds.ImagePositionPatient, float) + shift * _vectors(ds)[2]
        ds.ImagePositionPatient = _strings(origin)
        ds.SliceLocation = f"{float(ds.SliceLocation) + shift:.6f}"

    for position in range(first, site.grid.slices):
        for frame in range(1, site.grid.frames + 1):
            site.change_image(site.image(spot.patient, site.grid.number(position, frame)), change)
    return Note(_folder(spot), f"the slices from position {first} on were moved half a gap further")


def _gap_header(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def change(ds: FileDataset) -> None:
        ds.SpacingBetweenSlices = f"{1.25 * spot.patient.gap_mm:.4f}"

    _change_all(site, spot, change)
    return Note(_folder(spot), "SpacingBetweenSlices was made 25 % larger in all images")


def _geometry_gone(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def change(ds: FileDataset) -> None:
        del ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.SliceLocation, ds.TriggerTime

    _change_all(site, spot, change)
    return Note(_folder(spot), "position, orientation and trigger time were removed from all images")


def _renamed(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    name = f"ANON-{int(rng.integers(1000, 9999))}"

    def change(ds: FileDataset) -> None:
        ds.PatientID = name

    _change_all(site, spot, change)
    return Note(_folder(spot), f"PatientID was made {name} in all images")


def _uids_dummy(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def change(ds: FileDataset) -> None:
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"{ds.SeriesInstanceUID}.1")

    _change_all(site, spot, change)
    return Note(_folder(spot), "one SOPInstanceUID was written into all images")


def _other_start(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    start = int(rng.integers(100, 900))

    def change(ds: FileDataset) -> None:
        ds.InstanceNumber = int(ds.InstanceNumber) + start

    _change_all(site, spot, change)
    return Note(_folder(spot), f"{start} was added to the InstanceNumber of all images")


def _series_a_slice(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def change(ds: FileDataset) -> None:
        position, frame = divmod(int(ds.InstanceNumber) - 1, site.grid.frames)
        ds.SeriesInstanceUID, ds.SeriesNumber = uid(ds.SeriesInstanceUID, position), position + 1
        ds.InstanceNumber = frame + 1

    _change_all(site, spot, change)
    return Note(_folder(spot), "each slice was made a series of its own, with InstanceNumber from 1")


def _slice_twice(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    position, last = int(rng.integers(1, site.grid.slices - 1)), site.grid.slices * site.grid.frames
    for frame in range(1, site.grid.frames + 1):
        ds = site.dataset(site.image(spot.patient, site.grid.number(position, frame)))
        noise = rng.normal(0, 2, (ds.Rows, ds.Columns)).round().astype("<i2")
        ds.PixelData = (ds.pixel_array + noise).astype("<i2").tobytes()
        ds.InstanceNumber = last + frame
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid(ds.SOPInstanceUID, "repeated")
        site.write(site.image(spot.patient, last + frame), encode(ds))
    return Note(_folder(spot), f"the slice at position {position} was acquired once more, in the same series")


def _one_position(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def change(ds: FileDataset) -> None:
        ds.ImagePositionPatient = ["-100", "-80", "30"]

    _change_all(site, spot, change)
    return Note(_folder(spot), "one ImagePositionPatient was written for all slices")


def _tenths(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    spacing = f"{10 * spot.patient.spacing_mm:.4f}"

    def change(ds: FileDataset) -> None:
        ds.PixelSpacing = [spacing, spacing]

    _change_all(site, spot, change)
    return Note(f"{CONTOURS}/{spot.patient.original_id}", f"PixelSpacing was made ten times as large, {spacing} mm")


def _centimetres(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def change(ds: FileDataset) -> None:
        ds.ImagePositionPatient = _strings(np.array(ds.ImagePositionPatient, float) / 10)
        ds.SpacingBetweenSlices = f"{spot.patient.gap_mm / 10:.4f}"

    _change_all(site, spot, change)
    return Note(_folder(spot), "positions and SpacingBetweenSlices were put down in cm")


def _halved(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def change(ds: FileDataset) -> None:
        gap = float(ds.SliceThickness) / 2
        along = float(ds.SliceLocation) * (gap / spot.patient.gap_mm - 1)
        ds.ImagePositionPatient = _strings(np.array(ds.ImagePositionPatient, float) + along * _vectors(ds)[2])
        ds.SliceLocation = f"{float(ds.SliceLocation) + along:.6f}"
        ds.SpacingBetweenSlices = f"{gap:.4f}"

    _change_all(site, spot, change)
    return Note(_folder(spot), "positions and SpacingBetweenSlices were made half of the slice thickness apart")


def _systole_undrawn(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    for contour in spot.patient.contours:
        if contour.phase is Phase.ES:
            site.remove(contour.path)
    return Note(f"{CONTOURS}/{spot.patient.original_id}", "all end-systolic contours were removed")


FAULTS = (
    Fault(
        "slice-missing",
        "a whole slice is gone, with its contours",
        Code.SLICE_GAP_IRREGULAR,
        Scope.PATIENT,
        _slice_gone,
        frozenset({Code.IMAGE_MISSING, Code.AREA_JUMP, Code.CENTROID_JUMP}),
    ),
    Fault("series-second", "images of another series in the folder", Code.SERIES_MIXED, Scope.PATIENT, _second_series),
    Fault("spacing-missing", "no pixel spacing", Code.SPACING_MISSING, Scope.PATIENT, _spacing_gone),
    Fault("spacing-oblong", "pixels are not square", Code.SPACING_NOT_SQUARE, Scope.PATIENT, _spacing_oblong),
    Fault(
        "image-turned",
        "one image of another plane",
        Code.ORIENTATION_CHANGES,
        Scope.PATIENT,
        _turned,
        frozenset({Code.SLICE_GAP_IRREGULAR, Code.IMAGE_MISSING}),
    ),
    Fault("slice-tilted", "a slice planned anew, a series of its own", Code.SERIES_TILTED, Scope.PATIENT, _tilted),
    Fault("slices-uneven", "slices are not evenly spaced", Code.SLICE_GAP_IRREGULAR, Scope.PATIENT, _gap_irregular),
    Fault("gap-header", "the header's slice spacing is wrong", Code.SLICE_GAP_HEADER, Scope.PATIENT, _gap_header),
    Fault(
        "geometry-missing", "no position and no time in the headers", Code.GRID_ASSUMED, Scope.PATIENT, _geometry_gone
    ),
    Fault(
        "patient-renamed",
        "all images carry another PatientID, which nobody else has",
        Code.PATIENT_RENAMED,
        Scope.PATIENT,
        _renamed,
    ),
    Fault(
        "image-uids-dummy",
        "all images have one SOPInstanceUID",
        Code.IMAGE_IDS_SHARED,
        Scope.PATIENT,
        _uids_dummy,
    ),
    Fault(
        "numbers-from-elsewhere",
        "all InstanceNumbers count from another start than the files",
        Code.IMAGES_RENUMBERED,
        Scope.PATIENT,
        _other_start,
    ),
    Fault(
        "series-a-slice",
        "each slice is a series of its own, numbered from 1",
        Code.IMAGE_NUMBER_BY_SERIES,
        Scope.PATIENT,
        _series_a_slice,
    ),
    Fault(
        "slice-twice",
        "a slice acquired twice in one series",
        Code.IMAGES_AT_ONE_PLACE,
        Scope.PATIENT,
        _slice_twice,
    ),
    Fault(
        "positions-equal",
        "one position in the headers of all slices",
        Code.IMAGES_AT_ONE_PLACE,
        Scope.PATIENT,
        _one_position,
    ),
    Fault(
        "spacing-tenfold",
        "a pixel spacing in another unit",
        Code.VOLUME_IMPLAUSIBLE,
        Scope.PATIENT,
        _tenths,
        frozenset({Code.SCALE_IMPLAUSIBLE, Code.WALL_IMPLAUSIBLE}),
    ),
    Fault(
        "positions-in-cm",
        "positions in cm",
        Code.SCALE_IMPLAUSIBLE,
        Scope.PATIENT,
        _centimetres,
        frozenset({Code.SLICES_OVERLAP, Code.VOLUME_IMPLAUSIBLE}),
    ),
    Fault(
        "positions-halved",
        "positions half a slice's thickness apart",
        Code.SLICES_OVERLAP,
        Scope.PATIENT,
        _halved,
        frozenset({Code.SCALE_IMPLAUSIBLE, Code.VOLUME_IMPLAUSIBLE}),
    ),
    Fault("systole-undrawn", "end-systole is not drawn", Code.PHASES_UNCLEAR, Scope.PATIENT, _systole_undrawn),
)
