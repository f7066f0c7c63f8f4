"""Where patients lie in a folder that is given for prediction, and the headers of their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.archives import SUFFIX, members
from cmrpipe.dicom import read_header, unreadable_image
from cmrpipe.errors import ArchiveError, LayoutError
from cmrpipe.layouts import DICOMS, is_stray, read_below
from cmrpipe.model import ImageRecord


@dataclass(frozen=True, slots=True)
class PatientFolder:
    """A patient's files below one folder, or in one archive.

    Attributes
    ----------
    root : the folder or the archive; `path` of a record is relative to it
    files : paths of the files, relative to it
    damage : what is wrong with the archive, where it cannot be read
    """

    patient_id: str
    root: Path
    files: tuple[str, ...]
    damage: ArchiveError | None = None

    def records(self) -> list[ImageRecord]:
        """The headers of all files, in the order of their paths.

        Raises
        ------
        ArchiveError : the archive cannot be read
        """
        if self.damage is not None:
            raise self.damage
        return [self._record(name) for name in self.files]

    def _record(self, name: str) -> ImageRecord:
        try:
            return read_header(read_below(self.root, name), name, self.patient_id)
        except ArchiveError as error:
            return unreadable_image(name, self.patient_id, 0, error.cause)


def _files(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(is_stray(part) for part in path.relative_to(folder).parts)
    )


def _in_folder(folder: Path, patient_id: str) -> PatientFolder:
    return PatientFolder(patient_id, folder, tuple(path.relative_to(folder).as_posix() for path in _files(folder)))


def _in_archive(archive: Path) -> PatientFolder:
    patient_id = archive.name.removesuffix(SUFFIX)
    try:
        names = tuple(name for name in members(archive) if not any(is_stray(part) for part in name.split("/")))
    except ArchiveError as error:
        return PatientFolder(patient_id, archive, (), error)
    return PatientFolder(patient_id, archive, names)


def _header_id(folder: Path) -> str:
    """PatientID of the first readable image below a folder."""
    for path in _files(folder):
        record = read_header(path.read_bytes(), path.name, folder.name)
        if not record.error:
            return record.header_patient_id
    return ""


def find_patients(folder: Path) -> list[PatientFolder]:
    """The patients of a folder: one folder a patient below `dicoms/`, or below the folder itself, or the folder.

    A zip archive in place of a patient's folder, or of the folder, is one patient.

    Folders whose images name the same patient in their headers are one patient's series, not several patients.

    Raises
    ------
    LayoutError : no folder, or nothing in it
    """
    if folder.is_file() and folder.name.endswith(SUFFIX):
        return [_in_archive(folder)]
    if not folder.is_dir():
        raise LayoutError(folder, "is not a folder", "Give a patient's folder of DICOM files, or a folder of such")
    base = folder / DICOMS if (folder / DICOMS).is_dir() else folder
    below = [path for path in sorted(base.iterdir()) if path.is_dir() and not is_stray(path.name)]
    loose = [path for path in sorted(base.iterdir()) if path.is_file() and not is_stray(path.name)]
    archives = [path for path in loose if path.name.endswith(SUFFIX)]
    twice = {path.name.removesuffix(SUFFIX) for path in archives} & {path.name for path in below}
    if twice:
        raise LayoutError(base / min(twice), "is there twice, as a folder and as an archive", "Remove one of the two")
    direct = len(loose) > len(archives)
    groups = [path for path in below if any(_files(path))]
    if base == folder and groups:
        ids = {_header_id(path) for path in groups}
        if direct or (len(groups) > 1 and len(ids) == 1 and ids != {""}):
            groups = []
    if not groups and (direct or not archives):
        found = _in_folder(base, base.resolve().name)
        if not found.files:
            raise LayoutError(folder, "holds no files", "Give a folder of DICOM files")
        return [found]
    patients = [*(_in_folder(path, path.name) for path in groups), *map(_in_archive, archives)]
    return sorted(patients, key=lambda patient: patient.patient_id)
