"""The phantom's DICOM headers."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest

from cmrpipe.phantom import Truth, write_phantom

SLICES, FRAMES = 5, 6


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Two small patients, rows and columns different."""
    root = tmp_path_factory.mktemp("phantom") / "set"
    return root, write_phantom(root, 2, 4, slices=SLICES, frames=FRAMES, rows=56, columns=72)


def headers(root: Path, patient_id: str) -> dict[int, pydicom.Dataset]:
    """All images of a patient by file number."""
    return {int(p.stem): pydicom.dcmread(p) for p in (root / "dicoms" / patient_id).iterdir()}


def test_ids_and_numbers(phantom: tuple[Path, Truth]) -> None:
    """File number, InstanceNumber and PatientID agree; UIDs are unique and valid; nobody's name is in there."""
    root, truth = phantom
    seen: set[str] = set()
    for patient in truth.patients:
        for number, ds in headers(root, patient.patient_id).items():
            assert ds.InstanceNumber == number
            assert ds.PatientID == patient.patient_id
            assert (str(ds.PatientName), ds.PatientBirthDate) == ("PHANTOM", "")
            assert ds.SOPInstanceUID.is_valid
            assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID
            assert (ds.Modality, ds.CardiacNumberOfImages) == ("MR", FRAMES)
            seen.add(ds.SOPInstanceUID)
    assert len(seen) == 2 * SLICES * FRAMES


def test_pixels(phantom: tuple[Path, Truth]) -> None:
    """16 bit signed, rows by columns, no rescale tags, not negative, never constant."""
    root, truth = phantom
    for ds in headers(root, truth.patients[0].patient_id).values():
        pixels = ds.pixel_array
        assert pixels.dtype == np.int16
        assert pixels.shape == (56, 72)
        assert 0 <= pixels.min() < pixels.max() < 5000
        assert "RescaleSlope" not in ds
        assert (ds.SmallestImagePixelValue, ds.LargestImagePixelValue) == (pixels.min(), pixels.max())


def test_geometry(phantom: tuple[Path, Truth]) -> None:
    """Directions are orthonormal; slices lie along the normal, evenly, at the gap the header and the truth say."""
    root, truth = phantom
    for patient in truth.patients:
        positions = defaultdict(set)
        for number, ds in headers(root, patient.patient_id).items():
            row, column = np.reshape(np.array(ds.ImageOrientationPatient, float), (2, 3))
            assert abs(row @ column) < 1e-5
            assert np.linalg.norm([row, column], axis=1) == pytest.approx([1, 1], abs=1e-5)
            assert list(ds.PixelSpacing) == [patient.spacing_mm] * 2
            assert ds.SpacingBetweenSlices == patient.gap_mm
            positions[(number - 1) // FRAMES].add(tuple(map(float, ds.ImagePositionPatient)))
            along = np.dot(ds.ImagePositionPatient, np.cross(row, column))
            assert float(ds.SliceLocation) == pytest.approx(along, abs=1e-3)
        assert all(len(found) == 1 for found in positions.values())
        points = np.array([positions[i].pop() for i in range(SLICES)])
        steps = np.diff(points, axis=0)
        expected = patient.direction * patient.gap_mm * np.cross(row, column)
        assert steps == pytest.approx(np.tile(expected, (SLICES - 1, 1)), abs=1e-4)


def test_timing(phantom: tuple[Path, Truth]) -> None:
    """Trigger times rise with the frame, evenly over the RR interval, which fits the heart rate."""
    root, truth = phantom
    for patient in truth.patients:
        found = headers(root, patient.patient_id)
        times = np.array([float(found[n].TriggerTime) for n in sorted(found)]).reshape(SLICES, FRAMES)
        interval = found[1].NominalInterval
        assert times == pytest.approx(np.tile((np.arange(FRAMES) + 0.5) / FRAMES * interval, (SLICES, 1)), abs=1e-3)
        assert found[1].HeartRate == patient.heart_rate_bpm == round(60000 / interval)
