"""Where patients lie in a folder that is given for prediction, and the headers of their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.dicom import read_header
from cmrpipe.errors import LayoutError
from cmrpipe.layouts import DICOMS, is_stray
from cmrpipe.model import ImageRecord


@dataclass(frozen=True, slots=True)
class PatientFolder:
    """A patient's files below one folder; `path` of a record is relative to `root`."""

    patient_id: str
    root: Path
    files: tuple[Path, ...]

    def records(self) -> list[ImageRecord]:
        """The headers of all files, in the order of their paths."""
        return [
            read_header(path.read_bytes(), path.relative_to(self.root).as_posix(), self.patient_id)
            for path in self.files
        ]


def _files(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(is_stray(part) for part in path.relative_to(folder).parts)
    )


def _header_id(folder: Path) -> str:
    """PatientID of the first readable image below a folder."""
    for path in _files(folder):
        record = read_header(path.read_bytes(), path.name, folder.name)
        if not record.error:
            return record.header_patient_id
    return ""


def find_patients(folder: Path) -> list[PatientFolder]:
    """The patients of a folder: one folder a patient below `dicoms/`, or below the folder itself, or the folder.

    Folders whose images name the same patient in their headers are one patient's series, not several patients.

    Raises
    ------
    LayoutError : no folder, or nothing in it
    """
    if not folder.is_dir():
        raise LayoutError(folder, "is not a folder", "Give a patient's folder of DICOM files, or a folder of such")
    base = folder / DICOMS if (folder / DICOMS).is_dir() else folder
    below = [path for path in sorted(base.iterdir()) if path.is_dir() and not is_stray(path.name)]
    direct = any(path.is_file() and not is_stray(path.name) for path in base.iterdir())
    groups = [path for path in below if any(_files(path))]
    if base == folder and groups:
        ids = {_header_id(path) for path in groups}
        if direct or (len(groups) > 1 and len(ids) == 1 and ids != {""}):
            groups = []
    if not groups:
        files = tuple(_files(base))
        if not files:
            raise LayoutError(folder, "holds no files", "Give a folder of DICOM files")
        return [PatientFolder(base.resolve().name, base, files)]
    return [PatientFolder(path.name, path, tuple(_files(path))) for path in groups]
