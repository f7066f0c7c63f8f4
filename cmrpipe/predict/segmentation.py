"""A phase's labels as a DICOM Segmentation that refers to its source images (DICOM PS3.3 A.51), by highdicom."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid
from pydicom.valuerep import DA, TM, DSfloat

from cmrpipe import __version__
from cmrpipe.files import sha256_bytes
from cmrpipe.model import Label, Phase
from cmrpipe.predict.patient import Prediction, Seen
from cmrpipe.readers.layouts import read_below
from cmrpipe.slices import slice_gap_mm

SERIES_NUMBER = 9000
_UNICODE = "ISO_IR 192"
ROUNDING = 1e-4
"""Direction cosines, and millimetres of pixel spacing, that differ by less are equal."""
_NEEDED = (
    "FrameOfReferenceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
)
_SEGMENTS = (
    (Label.CAVITY, "LV cavity", codes.SCT.LeftVentricle),
    (Label.MYOCARDIUM, "LV myocardium", codes.SCT.LeftVentricleMyocardium),
)


_PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName")


def _source(data: bytes, gap_mm: float | None) -> Dataset:
    """A source image's header, with an empty value where what the object must repeat is absent or no date or time.

    Parameters
    ----------
    gap_mm : distance of slices, for the thickness where none is told: the object must have one, and volumes are sums
        over discs of this height
    """
    dataset = pydicom.dcmread(BytesIO(data), stop_before_pixels=True)
    if isinstance(dataset.get("SpecificCharacterSet"), MultiValue):  # sets that change within a text: highdicom has one
        dataset.decode()
        dataset.SpecificCharacterSet = _UNICODE
    if gap_mm is not None and not dataset.get("SliceThickness"):
        dataset.SliceThickness = DSfloat(gap_mm, auto_format=True)
    for keyword in (*_PATIENT, *_STUDY):
        kind = {"Date": DA, "Time": TM}.get(keyword[-4:], str)
        try:
            kind(str(dataset[keyword].value))
        except (KeyError, ValueError):
            setattr(dataset, keyword, "")
    return dataset


def _one_frame_of_reference(sources: Sequence[Dataset]) -> None:
    """Give all images of a series the first one's frame of reference.

    The standard lets a series have one only; anonymised images may carry one each, though their positions agree.
    """
    first: dict[str, str] = {}
    for source in sources:
        series = str(source.SeriesInstanceUID)
        source.FrameOfReferenceUID = first.setdefault(series, source.FrameOfReferenceUID)


def _has(source: Dataset, keyword: str) -> bool:
    """Whether a header has a value that is of use."""
    value = source.get(keyword)
    return bool(value) and (keyword != "PixelSpacing" or min(map(float, value)) > 0)


def _one_geometry(sources: Sequence[Dataset]) -> str:
    """Give all images the first one's orientation and spacing, from which they may differ by rounding.

    Returns "", or by what they differ else: a Segmentation has one orientation and one spacing for all its frames.
    """
    for keyword in ("ImageOrientationPatient", "PixelSpacing"):
        first = list(map(float, sources[0][keyword].value))
        for source in sources[1:]:
            own = list(map(float, source[keyword].value))
            if len(own) != len(first) or not np.allclose(own, first, rtol=0, atol=ROUNDING):
                return f"the images differ in {keyword} ({own} and {first}), of which a Segmentation has one"
            setattr(source, keyword, sources[0][keyword].value)
    return ""


def _description(number: int, segment: tuple[Label, str, Code], model: str) -> SegmentDescription:
    _, label, kind = segment
    return SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=kind,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="cmrpipe", version=__version__, family=codes.DCM.ArtificialIntelligence, parameters={"model": model}
        ),
        tracking_id=f"{label} by cmrpipe",
        tracking_uid=generate_uid(entropy_srcs=["cmrpipe", label, model]),
    )


def write_segmentation(
    path: Path, found: Prediction, labels: npt.NDArray[np.uint8], phase: Phase, root: Path, model: str
) -> str:
    """Write the Segmentation object of one phase; returns "", or why there is none.

    Parameters
    ----------
    labels : (n, rows, cols), in the order of `found.seen`
    root : folder or archive that the records' paths are relative to
    model : SHA-256 of the model's description, which covers weights, architecture and preprocessing; UIDs are made from
        it, the version of cmrpipe, the source's UIDs and the labels, and times are the source's, so that the same
        prediction is the same file, and another has other UIDs
    """
    chosen: Sequence[tuple[Seen, npt.NDArray[np.uint8]]] = [
        (item, label) for item, label in zip(found.seen, labels, strict=True) if item.phase is phase
    ]
    if not any(label.any() for _, label in chosen):
        return f"nothing found at {phase.value}"
    pixels = np.stack([label for _, label in chosen])
    gap_mm = slice_gap_mm(found.judged.stack)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of UIDs and dates in the source that break a rule: validation tells them
        try:
            sources = [_source(read_below(root, item.record.path), gap_mm) for item, _ in chosen]
            absent = sorted({keyword for source in sources for keyword in _NEEDED if not _has(source, keyword)})
            if absent:
                return f"the images lack {', '.join(absent)}"
            _one_frame_of_reference(sources)
            if differing := _one_geometry(sources):
                return differing
            made = _build(sources, pixels, phase, model)
        except (ValueError, TypeError, AttributeError) as error:
            return f"the images' headers break the standard in a way that no Segmentation can repeat ({error})"
        made.save_as(path)
    return ""


def _geometry(sources: Sequence[Dataset]) -> dict[str, Any]:
    """Where the planes lie: as their images do, or told one by one where every slice is a series of its own."""
    first = sources[0]
    if len({source.SeriesInstanceUID for source in sources}) == 1:
        return {"source_images": sources}
    patient = hd.CoordinateSystemNames.PATIENT
    return {
        "source_images": [first],
        "further_source_images": sources[1:],
        "plane_positions": [hd.PlanePositionSequence(patient, source.ImagePositionPatient) for source in sources],
        "plane_orientation": hd.PlaneOrientationSequence(patient, first.ImageOrientationPatient),
        "pixel_measures": hd.PixelMeasuresSequence(first.PixelSpacing, first.SliceThickness),
    }


def _refer(made: Segmentation, sources: Sequence[Dataset]) -> None:
    """Say of every frame which image it was made from, where highdicom does not: it does so within a series only."""
    places = np.array([list(map(float, source.ImagePositionPatient)) for source in sources])
    for frame in made.PerFrameFunctionalGroupsSequence:
        if not frame.DerivationImageSequence:
            place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
            source = sources[int(np.linalg.norm(places - place, axis=1).argmin())]
            image, derivation = Dataset(), Dataset()
            image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
            image.PurposeOfReferenceCodeSequence = [_coded(codes.cid7202.SourceImageForImageProcessingOperation)]
            image.SpatialLocationsPreserved = "YES"
            derivation.DerivationCodeSequence = [_coded(codes.cid7203.SegmentationImageDerivation)]
            derivation.SourceImageSequence = [image]
            frame.DerivationImageSequence = [derivation]


def _coded(code: Code) -> hd.sr.CodedConcept:
    return hd.sr.CodedConcept.from_code(code)


def _build(sources: Sequence[Dataset], pixels: npt.NDArray[np.uint8], phase: Phase, model: str) -> Segmentation:
    """The object; empty planes are left out of it."""
    there = [segment for segment in _SEGMENTS if (pixels == segment[0]).any()]
    origin = [str(source.SOPInstanceUID) for source in sources]
    seed = [model, __version__, sha256_bytes(pixels.tobytes()), phase.value, *origin]
    made = Segmentation(
        **_geometry(sources),
        pixel_array=np.stack([pixels == label for label, *_ in there], axis=-1).astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(number, segment, model) for number, segment in enumerate(there, 1)],
        series_instance_uid=generate_uid(entropy_srcs=["series", *seed]),
        series_number=SERIES_NUMBER + (phase is Phase.ES),
        sop_instance_uid=generate_uid(entropy_srcs=["instance", *seed]),
        instance_number=1,
        manufacturer="cmrpipe",
        manufacturer_model_name="cmrpipe predict",
        software_versions=__version__,
        device_serial_number=model[:16],
        content_label=f"LV_{phase.value}",
        content_description=f"Left ventricle at {phase.value}, predicted",
        series_description=f"cmrpipe LV segmentation {phase.value}",
    )
    _refer(made, sources)
    _repeatable(made, sources, generate_uid(entropy_srcs=["dimensions", *seed]))
    return made


def _repeatable(made: Segmentation, sources: Sequence[Dataset], dimensions: str) -> None:
    """Put what the source gives, or nothing, in the place of what highdicom draws or takes from the clock."""
    for element in made.iterall():
        if element.keyword == "DimensionOrganizationUID":
            element.value = dimensions
    date, time = _when(sources)
    made.ContentDate, made.ContentTime = DA(date), TM(time)
    del made.InstanceCreationDate, made.InstanceCreationTime
    made.ContributingEquipmentSequence[-1].pop("ContributionDateTime", None)  # its own item; others are the source's


def _when(sources: Sequence[Dataset]) -> tuple[str, str]:
    """Date and time of the last source image, which the object must have; those of 1900 where none says."""
    found = [("19000101", "000000")]
    for source in sources:
        for kind in ("Content", "Acquisition", "Series", "Study"):
            date, time = (str(source.get(f"{kind}{part}") or "") for part in ("Date", "Time"))
            try:
                whole = bool(DA(date) and TM(time)) and len(date) == 8
            except ValueError:
                whole = False
            if whole:
                found.append((date, time))
                break
    return max(found)
