"""Folders of one name from two sources: the same patient, or another one who has the same id elsewhere.

Ids are unique within a site at best. A folder that another source brought is replaced only by what plainly is the same
patient's: images of the same study, or a file that both have. A source that moved, or was exported again with more
images, passes; two sites that both have a patient 001 do not replace each other's in turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from cmrpipe.errors import CmrpipeError, LandingError
from cmrpipe.files import sha256_bytes
from cmrpipe.landing.ledger import Entry
from cmrpipe.landing.tables import rows_of
from cmrpipe.readers.layouts import CONTOURS, DICOMS, list_files, read_file
from cmrpipe.readers.links import normalise_id

_UNKNOWN = "a source that data/landings.csv does not name"


def _contents(root: Path, folder: str) -> Iterator[bytes]:
    """The bytes of all files of a folder that can be read, strays and empty ones apart."""
    try:
        entries = list_files(root, folder).entries
    except (CmrpipeError, OSError):
        return
    for entry in entries:
        try:
            data = read_file(root, entry.path)
        except (CmrpipeError, OSError):
            continue
        if data:
            yield data


def _marks(root: Path, folder: str) -> tuple[frozenset[str], frozenset[str]]:
    """What tells whose a folder is: the StudyInstanceUIDs of its images; hashes of its files, of contours' points."""
    # pydicom is imported only where there is something to hold against each other
    from cmrpipe.readers.contours import read_contour  # noqa: PLC0415
    from cmrpipe.readers.dicom import study_uid  # noqa: PLC0415

    studies, files = set(), set()
    for data in _contents(root, folder):
        if folder.startswith(f"{DICOMS}/"):
            studies.add(study_uid(data))
            files.add(sha256_bytes(data))
        else:  # the same points count as the same file, whatever the line ends
            files.add(read_contour(data, "", 0.0).content_sha256 or sha256_bytes(data))
    return frozenset(studies - {""}), frozenset(files)


def check_namesake(folder: str, address: str, last: Entry | None, raw: Path, new: Path) -> None:
    """Refuse to replace a folder that this source did not bring by one that only has the same name.

    Parameters
    ----------
    folder : `dicoms/<patient_id>` or `contourfiles/<original_id>`; it stands below `raw`
    address : of the source that brings it now
    last : the ledger's newest line of it
    new : where the copy that would replace it stands, below the same name

    Raises
    ------
    LandingError : nothing says that they are the same patient's
    """
    (our_studies, our_files), (studies, files) = _marks(raw, folder), _marks(new, folder)
    if our_studies & studies or (not (our_studies and studies) and our_files & files):
        return
    if last is None and not our_files:  # nobody's, and nothing of it can be read
        return
    differ = "no StudyInstanceUID" if our_studies and studies else "no file"
    if folder.startswith(f"{CONTOURS}/"):
        differ = "no contour"
    raise LandingError(
        address,
        f"its {folder} is not the one that landed from {last.source if last and last.new else _UNKNOWN}: "
        f"they have {differ} in common, so one id seems to mean two patients; what landed stays, and rows of this "
        "source's link table that name it are left out",
        "Rename the folder in one of the two sources and in its link table; or, if this one is to take its place, "
        "`cmrpipe forget` the patient and remove those rows from forgotten.csv, then land again",
    )


def check_table(name: str, address: str, last: Entry, known: bytes, new: bytes) -> None:
    """Refuse to replace another source's link table by one that has no row in common with it.

    Parameters
    ----------
    name : of the table, which both sources give
    last : the ledger's newest line of it
    known, new : the table that landed, and the one that would replace it

    Raises
    ------
    LandingError : patients of the source that landed it would lose their contours
    """
    ours, theirs = rows_of(known), rows_of(new)
    if not ours or ours & theirs:
        return
    raise LandingError(
        address,
        f"its link table would take the place of that from {last.source}, which is called {name} too, and they have no "
        "row in common; what landed stays",
        "Land it with another --name, or rename the source's folder",
    )


def partners(tables: Iterable[bytes], offered: Collection[str]) -> Mapping[str, Collection[str]]:
    """Of the folders that a source has those that link tables, which have landed, link with each other.

    As links are resolved after normalisation; a pair too many costs a look.
    """
    by_normal: dict[tuple[str, str], list[str]] = defaultdict(list)
    for folder in offered:
        by_normal[_normal(folder)].append(folder)
    found: dict[str, set[str]] = defaultdict(set)
    for patient, original in {row for table in tables for row in rows_of(table)}:
        for images in by_normal.get(_normal(f"{DICOMS}/{patient}"), ()):
            for contours in by_normal.get(_normal(f"{CONTOURS}/{original}"), ()):
                found[images].add(contours)
                found[contours].add(images)
    return found


def stranded(folder: str, partner: str, address: str) -> LandingError:
    """Say that a folder would be linked to another source's patient: a row that stands gives it to `partner`."""
    return LandingError(
        address,
        f"its {folder} is given to {partner} by a link table that has landed, and the {partner} that stands "
        "is not this source's, whose own did not land: one person's contours would go to another's images",
        f"Mend what is told of {partner}; where it is another patient, rename {folder}, too, and its row of link.csv",
    )


def naming(folders: Collection[str], offered: Collection[str]) -> Callable[[str], bool]:
    """Tells whether a folder that a link table names stands for one of `folders`.

    As links are resolved: letter by letter, else after normalisation, unless the source has one that is called so.
    """
    exact, others = frozenset(folders), frozenset(offered) - frozenset(folders)
    normal = {_normal(folder) for folder in exact}
    return lambda folder: folder in exact or (folder not in others and _normal(folder) in normal)


def _normal(folder: str) -> tuple[str, str]:
    kind, _, name = folder.partition("/")
    return kind, normalise_id(name) or name
