"""Faults that two patients have in common: images of one that are the other's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import Points
from cmrpipe.phantom.dicom_writer import encode, uid
from cmrpipe.phantom.faults.allot import image_slots
from cmrpipe.phantom.faults.kit import Fault, Note, Scope, Site, Spot
from cmrpipe.readers.layouts import CONTOURS, DICOMS

CUT_PX = 4
"""Rows and columns that are cut off at each side: enough to make another picture of it."""


def _note(spot: Spot, detail: str) -> Note:
    """The account at the patient whose id comes first: that is where the finding for both stands."""
    one, other = sorted(patient.patient_id for patient in spot.patients)
    return Note(f"{DICOMS}/{one}", detail, patient_id=one, others=(other,))


def _once_more(
    site: Site, spot: Spot, image: Callable[[FileDataset], None], redraw: Callable[[Points], Points]
) -> None:
    """Put a patient in another's place, images and contours changed on the way; all that has a UID gets another one."""
    to, source = spot.patients
    site.remove_folder(f"{DICOMS}/{to.patient_id}")
    site.remove_folder(f"{CONTOURS}/{to.original_id}")
    for path in site.images(source):
        ds = site.dataset(path)
        ds.PatientID = to.patient_id
        for name in ("StudyInstanceUID", "FrameOfReferenceUID", "SeriesInstanceUID"):
            setattr(ds, name, uid(getattr(ds, name), "again"))
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid(ds.SOPInstanceUID, "again")
        image(ds)
        site.write(path.replace(source.patient_id, to.patient_id), encode(ds))
    for path in site.contours(source):
        site.write_points(path.replace(source.original_id, to.original_id), redraw(site.points(path)))


def _twice(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    def turned(points: Points) -> Points:
        return np.roll(points[::-1], int(rng.integers(1, len(points))), axis=0)

    _once_more(site, spot, lambda _: None, turned)
    to, source = (patient.patient_id for patient in spot.patients)
    return _note(spot, f"{to} was made {source} once more: other UIDs, contours with another start, reversed")


def _exported(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    to, source = spot.patients
    high = max(int(site.dataset(path).pixel_array.max()) for path in site.images(source))
    gamma = float(rng.uniform(0.8, 1.2))

    def grey(ds: FileDataset) -> None:
        bright = np.clip(ds.pixel_array / high, 0, 1) ** gamma + rng.normal(0, 0.01, ds.pixel_array.shape)
        ds.PixelData = (255 * np.clip(bright, 0, 1)).round().astype(ds.pixel_array.dtype).tobytes()

    def redrawn(points: Points) -> Points:
        middle = points.mean(axis=0)
        return np.asarray(middle + (points - middle) * float(rng.uniform(1.01, 1.03)))

    _once_more(site, spot, grey, redrawn)
    what = "256 grey values, brightness, noise, other UIDs, drawn anew"
    return _note(spot, f"{to.patient_id} was made {source.patient_id} once more: {what}")


def _split(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    to, source = spot.patients
    first = site.dataset(site.images(source)[0])

    def change(ds: FileDataset) -> None:
        ds.StudyInstanceUID, ds.FrameOfReferenceUID = first.StudyInstanceUID, first.FrameOfReferenceUID

    for path in site.images(to):
        site.change_image(path, change)
    return _note(spot, f"images of {to.patient_id} were made of the examination that is {source.patient_id}'s")


def _identifier(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    to, source = spot.patients
    study = site.dataset(site.images(source)[0]).StudyInstanceUID

    def change(ds: FileDataset) -> None:
        ds.StudyInstanceUID = study

    for path in site.images(to):
        site.change_image(path, change)
    return _note(spot, f"images of {to.patient_id} were given the StudyInstanceUID of {source.patient_id}")


def _visits(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    name = f"ANON-{int(rng.integers(1000, 9999))}"

    def change(ds: FileDataset) -> None:
        ds.PatientID = name

    for patient in spot.patients:
        for path in site.images(patient):
            site.change_image(path, change)
    _, later = sorted(patient.patient_id for patient in spot.patients)
    return Note(f"{DICOMS}/{later}", f"PatientID was made {name} in all images of both", patient_id=later)


def _cut(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    def smaller(ds: FileDataset) -> None:
        pixels = ds.pixel_array[CUT_PX:-CUT_PX, CUT_PX:-CUT_PX]
        ds.Rows, ds.Columns = pixels.shape
        ds.PixelData = np.ascontiguousarray(pixels).tobytes()

    _once_more(site, spot, smaller, lambda points: points - CUT_PX)
    to, source = spot.patients
    detail = f"{to.patient_id} was made {source.patient_id} once more: other UIDs, images without their outer pixels"
    return Note(f"{CONTOURS}/{to.original_id}", detail, others=(source.patient_id,))


def _frames(site: Site) -> list[int]:
    """Numbers of images without contours."""
    return [site.grid.number(*slot) for slot in image_slots(site.grid)]


def _pixels(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    to, source = spot.patients
    for number in _frames(site):
        pixels = site.dataset(site.image(source, number)).PixelData

        def change(ds: FileDataset, pixels: bytes = pixels) -> None:
            ds.PixelData = pixels

        site.change_image(site.image(to, number), change)
    return _note(spot, f"images of {to.patient_id} without contours were given pixels of {source.patient_id}'s")


def _instances(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    to, source = spot.patients
    for number in _frames(site):
        twin = UID(site.dataset(site.image(source, number)).SOPInstanceUID)

        def change(ds: FileDataset, twin: UID = twin) -> None:
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = twin

        site.change_image(site.image(to, number), change)
    return _note(spot, f"images of {to.patient_id} were given SOPInstanceUIDs of {source.patient_id}'s")


FAULTS = (
    Fault("patient-twice", "one patient under two ids", Code.IMAGE_IN_TWO_PATIENTS, Scope.PATIENT, _twice, patients=2),
    Fault(
        "patient-exported-again",
        "one patient under two ids, exported with other pixels",
        Code.PATIENTS_ALIKE,
        Scope.PATIENT,
        _exported,
        patients=2,
    ),
    Fault(
        "patient-split",
        "images of one examination under two ids",
        Code.STUDY_IN_TWO_PATIENTS,
        Scope.PATIENT,
        _split,
        patients=2,
    ),
    Fault(
        "study-uid-dummy",
        "two patients have one StudyInstanceUID",
        Code.STUDY_UID_SHARED,
        Scope.PATIENT,
        _identifier,
        patients=2,
    ),
    Fault(
        "patient-visits",
        "two patients' images carry one PatientID, which is neither folder's",
        Code.PERSON_IN_TWO_PATIENTS,
        Scope.PATIENT,
        _visits,
        patients=2,
    ),
    Fault(
        "patient-cut",
        "one patient under two ids, with images that were cut",
        Code.CONTOUR_COPIED,
        Scope.PATIENT,
        _cut,
        patients=2,
    ),
    Fault(
        "images-of-other-patient",
        "some images have another patient's pixels",
        Code.IMAGE_IN_TWO_PATIENTS,
        Scope.PATIENT,
        _pixels,
        patients=2,
    ),
    Fault(
        "instances-of-other-patient",
        "some images have another patient's UIDs",
        Code.INSTANCE_IN_TWO_PATIENTS,
        Scope.PATIENT,
        _instances,
        patients=2,
    ),
)
