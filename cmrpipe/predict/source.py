"""Where patients lie in a folder that is given for prediction, and the headers of their files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cmrpipe.archives import SUFFIX, members
from cmrpipe.dicom import read_header, study_uid, unreadable_image
from cmrpipe.errors import ArchiveError, InputError, LayoutError, SizeError
from cmrpipe.files import read_whole
from cmrpipe.items import leads_nowhere, real
from cmrpipe.layouts import DICOMS, read_below
from cmrpipe.model import ImageRecord
from cmrpipe.predict.places import OWN, PATIENTS, is_output
from cmrpipe.strays import is_stray, stray_in

UNREAD = "the file cannot be read"
"""How the reason begins where the system, not the file, is to blame."""

_PLURAL = {"patient": "patients", "study": "studies"}


@dataclass(frozen=True, slots=True)
class PatientFolder:
    """A patient's files below one folder, or in one archive.

    Attributes
    ----------
    root : the folder or the archive; `path` of a record is relative to it
    files : paths of the files, relative to it
    damage : what is wrong with the archive, where it cannot be read
    shut : why the system does not let us look into it, which says nothing of the patient
    """

    patient_id: str
    root: Path
    files: tuple[str, ...]
    damage: ArchiveError | None = None
    shut: InputError | None = None

    def records(self) -> list[ImageRecord]:
        """The headers of all files, in the order of their paths.

        Raises
        ------
        ArchiveError : the archive cannot be read
        LayoutError : the images name several patients, or several studies
        InputError : the system does not let us look into the folder
        """
        if self.shut is not None:
            raise self.shut
        if self.damage is not None:
            raise self.damage
        headers = [self._header(name) for name in self.files]
        for what, name in (("patient", "PatientID"), ("study", "StudyInstanceUID")):
            first: dict[str, str] = {}
            for header in headers:
                if value := getattr(header, what):
                    first.setdefault(value, header.record.path)
            if len(first) > 1:
                one, other = list(first.values())[:2]
                raise LayoutError(
                    self.root,
                    f"its images are of {len(first)} {_PLURAL[what]}: {one} and {other} differ in {name}",
                    f"Give each {what} a folder of its own",
                )
        return [header.record for header in headers]

    def _header(self, name: str) -> _Header:
        try:
            return _header(read_below(self.root, name), name, self.patient_id)
        except (ArchiveError, SizeError) as error:
            return _Header(unreadable_image(name, self.patient_id, 0, error.cause), "", "")
        except OSError as error:
            why = f"{UNREAD} ({error.strerror or error})"
            return _Header(unreadable_image(name, self.patient_id, 0, why), "", "")


class _Header(NamedTuple):
    """An image, and the patient and the study that its header names; "" where it names none, or is no image's."""

    record: ImageRecord
    patient: str
    study: str


def _header(data: bytes, name: str, patient_id: str) -> _Header:
    record = read_header(data, name, patient_id)
    return _Header(record, record.header_patient_id, study_uid(data) if record.rows else "")


def _shut(place: Path, error: OSError) -> InputError:
    """What the system has against looking into a patient's folder or archive."""
    where = place if error.filename is None else os.fsdecode(error.filename)
    return InputError(where, f"cannot be read ({error.strerror or error})", "Check the disk and its permissions")


class _Reader:
    """Looks for files, past strays and past what predict wrote itself.

    Parameters
    ----------
    out : where predict will write
    """

    def __init__(self, out: Path | None) -> None:
        self.out = None if out is None else real(out)

    def entries(self, folder: Path) -> list[Path]:
        """What lies directly in a folder, sorted."""
        paths = sorted(folder.iterdir())  # first, so that a folder that cannot be looked into is told by its own name
        ours = real(folder) == self.out or (folder / PATIENTS in paths and is_output(folder))
        own = OWN if ours else frozenset()
        return [
            path
            for path in paths
            if not is_stray(path.name) and path.name not in own and not (path.is_dir() and real(path) == self.out)
        ]

    def files(self, folder: Path) -> Iterator[Path]:
        """All files below a folder; linked folders are not entered, links that lead nowhere cannot be read."""
        for path in self.entries(folder):
            if path.is_file() or leads_nowhere(path):
                yield path
            elif path.is_dir() and not path.is_symlink():
                yield from self.files(path)

    def folders(self, folder: Path) -> list[Path]:
        """Folders in a folder, those left out that hold nothing but what predict wrote."""
        below = [path for path in self.entries(folder) if path.is_dir()]
        return [path for path in below if not self._holds_output_alone(path)]

    def _holds_output_alone(self, folder: Path) -> bool:
        """Whether all that is in a folder is what predict wrote; one that cannot be looked into is a patient's."""
        try:
            return is_output(folder) and not any(self.files(folder))
        except OSError:
            return False

    def patient(self, folder: Path, patient_id: str) -> PatientFolder:
        """All files below a folder as one patient's."""
        try:
            names = tuple(path.relative_to(folder).as_posix() for path in sorted(self.files(folder)))
        except OSError as error:
            return PatientFolder(patient_id, folder, (), shut=_shut(folder, error))
        return PatientFolder(patient_id, folder, names)


def _is_archive(path: Path) -> bool:
    """Whether a file is called like an archive, as Windows and old systems write it, too."""
    return path.name.lower().endswith(SUFFIX)


def _archived(archive: Path) -> str:
    """Whose archive it is."""
    return archive.name[: -len(SUFFIX)]


def _in_archive(archive: Path) -> PatientFolder:
    patient_id = _archived(archive)
    try:
        names = tuple(name for name in members(archive) if not stray_in(name))
    except ArchiveError as error:
        return PatientFolder(patient_id, archive, (), error)
    except OSError as error:
        return PatientFolder(patient_id, archive, (), shut=_shut(archive, error))
    return PatientFolder(patient_id, archive, names)


def _content(path: Path) -> bytes:
    """A file's bytes; none where it cannot be read, which is told when the patient is read."""
    try:
        return read_whole(path)
    except OSError:
        return b""


def _first_image(paths: Iterable[Path]) -> _Header | None:
    """The first of some files that is an image; none where a folder on the way to it cannot be looked into."""
    headers = (_header(_content(path), path.name, "") for path in paths)
    try:
        return next((header for header in headers if header.record.rows), None)
    except OSError:
        return None


def _one_patient(folders: Sequence[Iterable[Path]]) -> bool:
    """Whether several folders are series of one study of one patient, by the first image of each that has one."""
    images = [image for files in folders if (image := _first_image(files)) is not None]
    named = {(image.patient, image.study) for image in images}
    return len(images) > 1 and len(named) == 1 and all(all(name) for name in named)


def find_patients(folder: Path, out: Path | None = None) -> list[PatientFolder]:
    """The patients of a folder: one folder a patient below `dicoms/`, or below the folder itself, or the folder.

    A zip archive in place of a patient's folder, or of the folder, is one patient.

    Folders whose images name the same patient and the same study in their headers are one patient's series, not
    several patients; so are folders with images beside them. Images beside patients' folders below `dicoms/` are taken
    for one more patient, of that folder's name. Other files beside them mean nothing. A folder or
    archive in it that cannot be looked into is a patient without files, and says why.

    Parameters
    ----------
    folder : to look in
    out : where predict will write; neither that nor what predict wrote elsewhere is read

    Raises
    ------
    LayoutError : no folder, or nothing in it
    OSError : the system does not let us look into the folder itself
    """
    if folder.is_file() and _is_archive(folder):
        return [_in_archive(folder)]
    if not folder.is_dir():
        raise LayoutError(folder, "is not a folder", "Give a patient's folder of DICOM files, or a folder of such")
    base = folder / DICOMS if (folder / DICOMS).is_dir() else folder
    reader = _Reader(out)
    groups = reader.folders(base)
    loose = [path for path in reader.entries(base) if path.is_file()]
    archives = [path for path in loose if _is_archive(path)]
    for name, times in Counter([*map(_archived, archives), *(path.name for path in groups)]).items():
        if times > 1:
            raise LayoutError(base / name, "is there twice, among folders and archives", "Remove one of the two")
    others = [path for path in loose if path not in archives]
    if not groups and not loose:
        raise LayoutError(folder, "holds no files", "Give a folder of DICOM files")
    whole = not groups and not archives
    if base == folder and not whole:
        whole = _first_image(others) is not None or (
            not archives and _one_patient([reader.files(path) for path in groups])
        )
    if whole:
        return [reader.patient(base, real(base).name)]
    patients = [*(reader.patient(path, path.name) for path in groups), *map(_in_archive, archives)]
    if _first_image(others) is not None:
        patients.append(PatientFolder(base.name, base, tuple(path.name for path in others)))
    return sorted(patients, key=lambda patient: patient.patient_id)
