"""Phantom images as DICOM files: MR images, explicit VR little endian, the tags the Sunnybrook files carry."""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from cmrpipe.files import sha256_bytes
from cmrpipe.phantom.scene import Anatomy, Grid


def uid(*parts: object) -> UID:
    """A UID below 2.25 (the root for UUIDs, which nobody owns), the same for the same parts."""
    digest = sha256_bytes("/".join(["cmrpipe-phantom", *map(str, parts)]).encode())
    return UID(f"2.25.{int(digest[:32], 16)}")


IMPLEMENTATION = uid("implementation", 1)
"""ImplementationClassUID; fixed, so that pydicom's own version does not change the bytes."""


def _ds(*values: float) -> list[str]:
    """Decimal strings of at most 16 characters."""
    return [f"{value:.6f}".rstrip("0").rstrip(".") for value in values]


def encode(dataset: FileDataset) -> bytes:
    """The bytes of a DICOM file."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # planted faults hold values pydicom frowns at
        dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _identify(ds: FileDataset, key: tuple[int, str], anatomy: Anatomy) -> None:
    """Set the tags of patient, study and equipment; `key` is seed and patient id."""
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"]
    ds.SOPClassUID = MRImageStorage
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20000101"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "000000"
    ds.AccessionNumber = ""
    ds.Modality = "MR"
    ds.Manufacturer = "CMRPIPE PHANTOM"
    ds.ReferringPhysicianName = ""
    ds.SeriesDescription = "PHANTOM CINE SAX"
    ds.PatientName = "PHANTOM"
    ds.PatientID = key[1]
    ds.PatientBirthDate = ""
    ds.PatientSex = ""
    ds.PatientSize = _ds(anatomy.height_m)[0]
    ds.PatientWeight = _ds(anatomy.weight_kg)[0]
    ds.PatientComments = "SYNTHETIC: NO PERSON WAS SCANNED"
    ds.StudyInstanceUID = uid(*key, "study")
    ds.SeriesInstanceUID = uid(*key, "series")
    ds.FrameOfReferenceUID = uid(*key, "frame of reference")
    ds.StudyID = ""


def _describe(ds: FileDataset, anatomy: Anatomy, grid: Grid) -> None:
    """Set the tags of the scan that all images of the series share."""
    ds.ScanningSequence = "GR"
    ds.SequenceVariant = "SS"
    ds.ScanOptions = "CG"
    ds.MRAcquisitionType = "2D"
    ds.SliceThickness = _ds(anatomy.thickness_mm)[0]
    ds.RepetitionTime = "3.3"
    ds.EchoTime = "1.5"
    ds.MagneticFieldStrength = "1.5"
    ds.SpacingBetweenSlices = _ds(anatomy.gap_mm)[0]
    ds.FlipAngle = "45"
    ds.PatientPosition = "HFS"
    ds.NominalInterval = anatomy.interval_ms
    ds.HeartRate = anatomy.heart_rate_bpm
    ds.CardiacNumberOfImages = grid.frames
    ds.SeriesNumber = 1
    ds.AcquisitionNumber = 1
    ds.PositionReferenceIndicator = ""
    ds.ImageOrientationPatient = _ds(*anatomy.row_direction, *anatomy.column_direction)
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = grid.rows
    ds.Columns = grid.columns
    ds.PixelSpacing = _ds(anatomy.spacing_mm, anatomy.spacing_mm)
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 1


class SeriesWriter:
    """Writes the images of one patient, which differ in a few tags only.

    Parameters
    ----------
    seed : the phantom's
    patient_id : becomes PatientID
    """

    def __init__(self, seed: int, patient_id: str, anatomy: Anatomy, grid: Grid) -> None:
        self._key = (seed, patient_id)
        self._anatomy = anatomy
        self._grid = grid
        meta = FileMetaDataset()
        meta.FileMetaInformationVersion = b"\x00\x01"
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = IMPLEMENTATION
        meta.ImplementationVersionName = "CMRPIPE_PHANTOM"
        ds = FileDataset("", {}, file_meta=meta, preamble=b"\x00" * 128)
        _identify(ds, (seed, patient_id), anatomy)
        _describe(ds, anatomy, grid)
        ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = uid("to be replaced")
        # read back, the shared tags stay encoded: writing them again takes half the time
        self._dataset = pydicom.dcmread(io.BytesIO(encode(ds)))

    def trigger_time_ms(self, frame: int) -> float:
        """Middle of the frame's share of the RR interval."""
        return self._anatomy.interval_ms * (frame - 0.5) / self._grid.frames

    def image(self, position: int, frame: int, pixels: npt.NDArray[np.int16]) -> bytes:
        """The bytes of one file.

        Parameters
        ----------
        position, frame : slice in acquisition order from 0, frame from 1
        pixels : (rows, columns)
        """
        ds, number = self._dataset, self._grid.number(position, frame)
        instance = uid(*self._key, "image", number)
        ds.file_meta.MediaStorageSOPInstanceUID = instance
        ds.SOPInstanceUID = instance
        ds.InstanceNumber = number
        ds.TriggerTime = _ds(self.trigger_time_ms(frame))[0]
        origin = self._anatomy.position_mm(position)
        ds.ImagePositionPatient = _ds(*origin)
        along = sum(o * n for o, n in zip(origin, self._anatomy.normal, strict=True))
        ds.SliceLocation = _ds(along)[0]
        ds.add_new("SmallestImagePixelValue", "SS", int(pixels.min()))
        ds.add_new("LargestImagePixelValue", "SS", int(pixels.max()))
        ds.WindowWidth = str(max(1, int(pixels.max())))
        ds.WindowCenter = str(max(1, int(pixels.max()) // 2))
        ds.add_new("PixelData", "OW", pixels.astype("<i2", copy=False).tobytes())
        return encode(ds)
