"""Faults of single images."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import FileDataset

from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import ContourKind, Phase
from cmrpipe.phantom.dicom_writer import encode, uid
from cmrpipe.phantom.faults.kit import MISSHAPEN, UNUSABLE, Fault, Note, Scope, Site, Spot
from cmrpipe.readers.layouts import DICOMS

_GONE = frozenset({Code.IMAGE_MISSING})
_CROP = 8


def _at(site: Site, spot: Spot) -> tuple[str, int]:
    """Path and number of the spot's image."""
    number = site.grid.number(spot.position, spot.frame)
    return site.image(spot.patient, number), number


def _clean(site: Site, spot: Spot) -> str:
    """An image of the patient that no fault touches."""
    return site.image(spot.patient, site.grid.number(0, 1))


def _lost(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    frame = site.grid.ed_frame if rng.random() < 0.5 else site.grid.es_frame
    number = site.grid.number(spot.position, frame)
    path = site.image(spot.patient, number)
    site.remove(path)
    phase = Phase.ED if frame == site.grid.ed_frame else Phase.ES
    contour, _number = site.contour(spot.patient, spot.position, phase, ContourKind.ENDO)
    return Note(contour, f"its image {path} was removed", number)


def _missing(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    site.remove(path)
    return Note(f"{DICOMS}/{spot.patient.patient_id}", f"{path} was removed", number)


def _text(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    site.write(path, b"This is a note and no image.\n" * 40)
    return Note(path, "a text was put in its place", number)


def _truncated(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    data = site.read(path)
    pixels = 2 * site.grid.rows * site.grid.columns
    keep = len(data) - int(pixels * rng.uniform(0.2, 0.8))
    site.write(path, data[:keep])
    return Note(path, f"cut to {keep} of {len(data)} bytes", number)


def _blank_end(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    rows, columns = site.grid.rows, site.grid.columns
    last = int(rows * rng.uniform(0.2, 0.7))

    def change(ds: FileDataset) -> None:
        ds.PixelData = ds.PixelData[: 2 * (rows - last) * columns] + bytes(2 * last * columns)

    site.change_image(path, change)
    return Note(path, f"its last {last} rows were made blank", number)


def _blank_rows(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    _contour, number = site.contour(spot.patient, spot.position, Phase.ES, ContourKind.ENDO)
    path = site.image(spot.patient, number)
    first, lost = int(0.9 * site.grid.rows), max(2, site.grid.rows // 20)

    def change(ds: FileDataset) -> None:
        pixels = ds.pixel_array.copy()
        pixels[first : first + lost] = 0
        ds.PixelData = pixels.astype("<i2").tobytes()

    site.change_image(path, change)
    return Note(path, f"{lost} of its rows, from row {first} on, were made blank", number)


def _bits(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    _contour, number = site.contour(spot.patient, spot.position, Phase.ES, ContourKind.ENDO)
    path = site.image(spot.patient, number)

    def change(ds: FileDataset) -> None:
        ds.BitsStored = ds.BitsAllocated + 16

    site.change_image(path, change)
    return Note(path, "more bits were stored than allocated, by its header", number)


def _other_modality(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = _at(site, spot)

    def change(ds: FileDataset) -> None:
        ds.Modality = "CT"

    site.change_image(path, change)
    return Note(path, "its Modality was made CT", number)


def _renumbered(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    wrong = number + site.grid.slices * site.grid.frames

    def change(ds: FileDataset) -> None:
        ds.InstanceNumber = wrong

    site.change_image(path, change)
    return Note(path, f"its InstanceNumber was made {wrong}", number)


def _twin_instance(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    source = _clean(site, spot)
    twin = site.dataset(source).SOPInstanceUID

    def change(ds: FileDataset) -> None:
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = twin

    site.change_image(path, change)
    return Note(path, f"it was given the SOPInstanceUID of {source}", number)


def _twin_number(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    contour, number = site.contour(spot.patient, spot.position, Phase.ES, ContourKind.ENDO)
    ds = site.dataset(site.image(spot.patient, number))
    pixels = np.frombuffer(ds.PixelData, dtype="<i2").reshape(ds.Rows, ds.Columns)
    ds.PixelData = np.ascontiguousarray(pixels[::-1]).tobytes()
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid(ds.SOPInstanceUID, "twin")
    del ds.InstanceNumber, ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.SliceLocation, ds.TriggerTime
    twin = f"{DICOMS}/{spot.patient.patient_id}/{number:05d}.dcm"
    site.write(twin, encode(ds))
    return Note(contour, f"another image of its number was put in, {twin}", number)


def _twin_pixels(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    source = _clean(site, spot)
    pixels = site.dataset(source).PixelData

    def change(ds: FileDataset) -> None:
        ds.PixelData = pixels

    site.change_image(path, change)
    return Note(path, f"it was given the pixels of {source}", number)


def _repeated(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, _number = _at(site, spot)
    beside = spot.frame - 1 if spot.frame > 1 else spot.frame + 1
    source = site.image(spot.patient, site.grid.number(spot.position, beside))
    pixels = site.dataset(source).PixelData

    def change(ds: FileDataset) -> None:
        ds.PixelData = pixels

    site.change_image(path, change)
    return Note(f"{DICOMS}/{spot.patient.patient_id}", f"{path} was given the pixels of the frame beside it, {source}")


def _other_patient(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    ids = [p.patient_id for p in site.truth.patients if p is not spot.patient] or ["PHA9999901"]
    other = ids[int(rng.integers(len(ids)))]

    def change(ds: FileDataset) -> None:
        ds.PatientID = other

    site.change_image(path, change)
    return Note(path, f"its PatientID was made {other}", number)


def _constant(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _at(site, spot)
    value = int(rng.integers(0, 500))

    def change(ds: FileDataset) -> None:
        ds.PixelData = np.full(site.grid.rows * site.grid.columns, value, dtype="<i2").tobytes()

    site.change_image(path, change)
    return Note(path, f"all its pixels were made {value}", number)


def _drawn_in(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    contour, number = site.contour(spot.patient, spot.position, Phase.ED, ContourKind.ENDO)
    path, points = site.image(spot.patient, number), site.points(contour)

    def change(ds: FileDataset) -> None:
        pixels = np.frombuffer(ds.PixelData, dtype="<i2").reshape(ds.Rows, ds.Columns)
        canvas = Image.fromarray(pixels.astype(np.int32))
        ImageDraw.Draw(canvas).line([(x, y) for x, y in [*points, points[0]]], fill=int(pixels.max()))
        ds.PixelData = np.asarray(canvas).astype("<i2").tobytes()

    site.change_image(path, change)
    return Note(path, "its endocardial contour was drawn into its pixels", number)


def _cropped(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = _at(site, spot)

    def change(ds: FileDataset) -> None:
        rows, columns = site.grid.rows, site.grid.columns
        pixels = np.frombuffer(ds.PixelData, dtype="<i2").reshape(rows, columns)
        ds.PixelData = pixels[:-_CROP, :-_CROP].tobytes()
        ds.Rows, ds.Columns = rows - _CROP, columns - _CROP

    site.change_image(path, change)
    return Note(path, f"{_CROP} rows and columns were cut off", number)


FAULTS = (
    Fault(
        "image-number-twin",
        "two images have one number",
        Code.IMAGE_DUPLICATE_NUMBER,
        Scope.SLICE,
        _twin_number,
        UNUSABLE | {Code.IMAGES_AT_ONE_PLACE},
    ),
    Fault(
        "contoured-image-missing",
        "an image that has contours is gone",
        Code.CONTOUR_WITHOUT_IMAGE,
        Scope.SLICE,
        _lost,
        _GONE | {Code.CONTOUR_MISSING},
    ),
    Fault("image-missing", "an image without contours is gone", Code.IMAGE_MISSING, Scope.IMAGE, _missing),
    Fault("image-text", "a text file named .dcm", Code.IMAGE_UNREADABLE, Scope.IMAGE, _text, _GONE),
    Fault(
        "image-bits",
        "a contoured image's header has BitsStored above BitsAllocated",
        Code.IMAGE_UNDECODABLE,
        Scope.SLICE,
        _bits,
    ),
    Fault("image-truncated", "an image cut off in its pixels", Code.IMAGE_TRUNCATED, Scope.IMAGE, _truncated, _GONE),
    Fault("image-not-mr", "an image of another modality", Code.IMAGE_NOT_MR, Scope.IMAGE, _other_modality, _GONE),
    Fault(
        "image-renumbered",
        "InstanceNumber is not the file name's",
        Code.IMAGE_NUMBER_MISMATCH,
        Scope.IMAGE,
        _renumbered,
    ),
    Fault("image-twin-instance", "two images with one UID", Code.IMAGE_DUPLICATE_INSTANCE, Scope.IMAGE, _twin_instance),
    Fault(
        "image-twin-pixels", "two images with the same pixels", Code.IMAGE_DUPLICATE_PIXELS, Scope.IMAGE, _twin_pixels
    ),
    Fault("image-repeated", "an image has the pixels of the frame before", Code.IMAGE_REPEATED, Scope.IMAGE, _repeated),
    Fault(
        "image-of-other-patient",
        "PatientID is another patient's",
        Code.IMAGE_PATIENT_MISMATCH,
        Scope.IMAGE,
        _other_patient,
    ),
    Fault("image-constant", "all pixels are equal", Code.IMAGE_CONSTANT, Scope.IMAGE, _constant),
    Fault("image-blank-end", "the last rows are zeros", Code.IMAGE_BLANK_END, Scope.IMAGE, _blank_end),
    Fault(
        "contour-in-image",
        "a contour is drawn into its image's pixels",
        Code.CONTOUR_IN_IMAGE,
        Scope.SLICE,
        _drawn_in,
        MISSHAPEN,
    ),
    Fault(
        "image-blank-rows",
        "a block of rows of a contoured image is zeros",
        Code.IMAGE_BLANK_ROWS,
        Scope.SLICE,
        _blank_rows,
    ),
    Fault("image-cropped", "one image is smaller", Code.SIZE_CHANGES, Scope.IMAGE, _cropped),
)
