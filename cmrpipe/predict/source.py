"""Where patients lie in a folder that is given for prediction, and the headers of their files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cmrpipe.errors import ArchiveError, InputError, LayoutError, SizeError
from cmrpipe.files import as_text, read_whole
from cmrpipe.identifiers import without_scattered
from cmrpipe.model import ImageRecord
from cmrpipe.predict.judge import of_other_studies
from cmrpipe.predict.places import OWN, PATIENTS, is_output
from cmrpipe.readers.archives import SUFFIX, members
from cmrpipe.readers.dicom import read_header, unreadable_image
from cmrpipe.readers.items import Walk, leads_nowhere, real
from cmrpipe.readers.layouts import DICOMS, read_below
from cmrpipe.readers.mends import NO_IMAGE
from cmrpipe.readers.strays import is_stray, stray_in

UNREAD = "the file cannot be read"
"""How the reason begins where the system, not the file, is to blame."""

_ENDING = ".dcm"
"""Of a file that somebody took for an image."""

_PLURAL = {"patient": "patients", "study": "studies"}


@dataclass(frozen=True, slots=True)
class PatientFolder:
    """A patient's files below one folder, or in one archive.

    Attributes
    ----------
    patient_id : name of the folder or archive, bytes that are no UTF-8 as escapes
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
        """The headers of all files, in the order of their paths; see `cmrpipe.identifiers` for what is left out.

        Raises
        ------
        ArchiveError : the archive cannot be read
        LayoutError : the images name several patients, or several studies of which not just one has a short-axis cine
        InputError : the system does not let us look into the folder
        """
        if self.shut is not None:
            raise self.shut
        if self.damage is not None:
            raise self.damage
        records = without_scattered([self._record(name) for name in self.files])
        self._check_one("patient", "PatientID", {r.header_patient_id: r.path for r in records[::-1] if r.rows})
        if of_other_studies(records) is None:
            self._check_one("study", "StudyInstanceUID", {r.study_uid: r.path for r in records[::-1] if r.rows})
        return records

    def _check_one(self, what: str, keyword: str, first: Mapping[str, str]) -> None:
        """Refuse images that name several; `first` has the first image of each, by what it names, "" among them."""
        paths = sorted(path for named, path in first.items() if named)
        if len(paths) > 1:
            cause = f"its images are of {len(paths)} {_PLURAL[what]}: {paths[0]} and {paths[1]} differ in {keyword}"
            raise LayoutError(self.root, cause, f"Give each {what} a folder of its own")

    def _record(self, name: str) -> ImageRecord:
        try:
            return read_header(read_below(self.root, name), name, self.patient_id)
        except (ArchiveError, SizeError) as error:
            return unreadable_image(name, self.patient_id, 0, error.cause)
        except OSError as error:
            return unreadable_image(name, self.patient_id, 0, f"{UNREAD} ({error.strerror or error})")


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
        """All files below a folder, each folder once; links that lead nowhere are files that cannot be read."""
        walk = Walk(os.fspath(folder))
        for place, been in walk:
            for path in () if been else self.entries(Path(place)):
                if path.is_file() or leads_nowhere(path):
                    yield path
                elif path.is_dir():
                    walk.add(path)

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
    patient_id = as_text(_archived(archive))
    try:
        names = tuple(name for name in members(archive) if not stray_in(name))
    except ArchiveError as error:
        return PatientFolder(patient_id, archive, (), error)
    except OSError as error:
        return PatientFolder(patient_id, archive, (), shut=_shut(archive, error))
    return PatientFolder(patient_id, archive, names)


class _Look(NamedTuple):
    """What some files are: the first image among them, or whether there may be one that cannot be had."""

    image: ImageRecord | None
    doubt: bool

    @property
    def counts(self) -> bool:
        """Whether they are somebody's images; those of a folder that holds notes, or nothing, are not."""
        return self.image is not None or self.doubt


def _look(paths: Iterable[Path]) -> _Look:
    """What some files are; none is an image where a folder on the way to it cannot be looked into."""
    doubt = False
    try:
        for path in paths:
            try:
                record = read_header(read_whole(path), path.name, "")
            except OSError:
                doubt = True
                continue
            if record.rows:
                return _Look(record, doubt=False)
            doubt |= path.suffix.lower() == _ENDING and not record.error.startswith(NO_IMAGE)
    except OSError:
        return _Look(None, doubt=True)
    return _Look(None, doubt)


def _one_patient(folders: Mapping[Path, _Look]) -> bool:
    """Whether folders are one patient's series: there is but one, or they are of one study of one patient.

    A folder alone that is called as its images' PatientID is a patient's folder, in a folder of patients.
    """
    counting = {path: look for path, look in folders.items() if look.counts} or folders
    if len(counting) == 1:
        ((path, look),) = counting.items()
        return look.image is None or look.image.header_patient_id != path.name
    images = [look.image for look in counting.values() if look.image is not None]
    named = {(image.header_patient_id, image.study_uid) for image in images}
    return len(images) > 1 and len(named) == 1 and all(all(name) for name in named)


def find_patients(folder: Path, out: Path | None = None) -> list[PatientFolder]:
    """The patients of a folder: one folder a patient below `dicoms/`, or below the folder itself, or the folder.

    A zip archive in place of a patient's folder, or of the folder, is one patient.

    Folders whose images name the same patient and the same study in their headers are one patient's series, not
    several patients; so are folders with images beside them, and a folder alone, unless it is called as its images'
    PatientID. Folders without images are none of them. The patient is then called as the folder that was given. Images
    beside patients' folders below `dicoms/` are taken for one more patient, of that folder's name. Other files beside
    them mean nothing. A folder or archive in it that cannot be looked into is a patient without files, and says why.

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
        whole = _look(others).image is not None or (
            not archives and _one_patient({path: _look(reader.files(path)) for path in groups})
        )
    if whole:
        return [reader.patient(base, as_text(real(base).name))]
    patients = [*(reader.patient(path, as_text(path.name)) for path in groups), *map(_in_archive, archives)]
    if _look(others).image is not None:
        patients.append(PatientFolder(as_text(base.name), base, tuple(path.name for path in others)))
    return sorted(patients, key=lambda patient: patient.patient_id)
