"""Images of one patient, as an unsorted source has them, and what sorting made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cmrpipe.connect.sorting import Found, Sorted
from cmrpipe.model import ImageRecord

SLICES, FRAMES, GAP = 5, 4, 8.0
OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)  # normal (-0.6, 0.8, 0)
NOWHERE = Path("no-file")


def series(
    name: str,
    first: int,
    at_mm: Iterable[float],
    frames: int = FRAMES,
    *,
    path: Path = NOWHERE,
    running: bool = False,
    together: bool = False,
    **fields: object,
) -> list[Found]:
    """A slice at each place along the normal: a series each, or one, from a series number on."""
    found = []
    for index, at in enumerate(at_mm):
        for frame in range(1, frames + 1):
            what = f"{name}-{index}-{frame}"
            record = ImageRecord(
                path=what,
                sha256=what,
                bytes=0,
                patient_id="",
                header_patient_id="P",
                modality="MR",
                instance_number=index * frames + frame if running or together else frame,
                trigger_time_ms=10.0 + 50.8 * (frame - 1) + 0.3 * index,
                position_mm=(100 - 0.6 * at, 20 + 0.8 * at, -30.0),
                orientation=OBLIQUE,
                pixel_spacing_mm=(1.4, 1.4),
                slice_thickness_mm=8.0,
                frames_per_slice=frames,
                series_number=first if together else first + index,
                series_uid=name if together else f"{name}-{index}",
            )
            found.append(Found(what, path, replace(record, **fields)))  # type: ignore[arg-type]
    return found


def places(count: int = SLICES, start: float = 0.0, gap: float = GAP) -> list[float]:
    """Places of slices along the normal, mm."""
    return [start + gap * index for index in range(count)]


def others() -> list[Found]:
    """Long-axis cines, a series each, and localizers: in three planes, and across the heart."""
    planes = [(1.0, 0, 0, 0, 1.0, 0), (1.0, 0, 0, 0, 0, -1.0), (0, 1.0, 0, 0, 0, -1.0)]
    long_axis = [image for n, o in enumerate(planes) for image in series(f"lax{n}", 30 + n, [5.0], orientation=o)]
    scouts = [image for n, o in enumerate(planes) for image in series(f"scout{n}", 1, places(3), 1, orientation=o)]
    scouts = [replace(image, record=replace(image.record, series_uid="scout")) for image in scouts]
    return [*long_axis, *scouts, *series("across", 2, places(8), 1)]


def names(sort: Sorted) -> dict[str, str]:
    """What lies under each name."""
    return {name: image.what for name, image in sort.placed.items()}


def layout(name: str = "sax", slices: int = SLICES) -> dict[str, str]:
    """The numbers that one series, written slice by slice, would have."""
    return {f"{s * FRAMES + f}.dcm": f"{name}-{s}-{f}" for s in range(slices) for f in range(1, FRAMES + 1)}


def reasons(sort: Sorted) -> dict[str, set[str]]:
    """Why the images of each name were put aside."""
    found: dict[str, set[str]] = {}
    for aside in sort.asides:
        found.setdefault(aside.what.split("-")[0], set()).add(aside.reason)
    return found


def described(folder: Path, words: str) -> Path:
    """A DICOM file of which only the description counts."""
    file = Dataset()
    file.file_meta, file.preamble = FileMetaDataset(), b"\0" * 128
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SeriesDescription = words
    path = folder / words
    file.save_as(path)
    return path
