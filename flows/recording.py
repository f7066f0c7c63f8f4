"""Recording the raw folder with DVC, and nothing that happened to it unseen.

A folder of it may differ from its record where its content is what landed last, by the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cmrpipe.files import sha256_file
from cmrpipe.landing import Forgotten
from cmrpipe.readers.layouts import CONTOURS, DICOMS, PHANTOM, contour_folders, patient_folders
from cmrpipe.workspace import HERE, Workspace
from flows.folders import UnrecordedError, record_folder
from flows.integrity.trees import Entries
from flows.landedsince import unexplained
from flows.rawrecord import bring_to_record, remember, tried


def record_raw(workspace: Path, *, meant: Callable[[str], bool], timeout_s: float | None = None) -> None:
    """Let DVC record the raw folder as it stands. The caller holds the write lock.

    Parameters
    ----------
    meant : whether a change of this file (relative to the raw folder) was meant, beside what the ledger says
    timeout_s : DVC is ended after this time

    Raises
    ------
    UnrecordedError : recorded files are missing or altered, the raw folder does not stand at a record that came from
        elsewhere, or it holds somebody who was forgotten; the record stays as it was
    DvcError : DVC failed
    GitError : git could not merge the record
    """
    bring_to_record(workspace, timeout_s=timeout_s)
    forgotten = _check_forgotten(workspace, meant)

    def unmeant(known: Entries, now: Entries) -> list[str]:
        if PHANTOM in known and PHANTOM not in now:  # phantom patients make way as a whole
            return []
        changed = [path for path, md5 in sorted(known.items()) if now.get(path) != md5 and not meant(path)]
        return unexplained(Workspace(workspace).raw, changed)

    record_folder(workspace, HERE.raw, unmeant=unmeant, timeout_s=timeout_s)
    remember(workspace, forgotten)


def _check_forgotten(workspace: Path, meant: Callable[[str], bool]) -> str:
    """Refuse a raw folder that holds somebody who was forgotten; SHA-256 of the list of these, "" for none.

    They come back where a colleague's clone has them still and a conflict in the record is settled in favour of that.
    To try a folder takes 20 to 50 ms: those of a record that was tried with the same list are not tried again.

    Raises
    ------
    UnrecordedError : a folder of theirs stands there, and nobody is about to remove it
    """
    home = Workspace(workspace)
    if not home.forgotten.is_file():
        return ""
    listed, holds = sha256_file(home.forgotten), Forgotten(home.forgotten).holds
    standing = [f"{DICOMS}/{name}" for name in patient_folders(home.raw)]
    standing += [f"{CONTOURS}/{name}" for name in contour_folders(home.raw)]
    known = tried(workspace, listed)
    found = [folder for folder in standing if folder not in known and not meant(folder) and holds(folder)]
    if found:
        raise UnrecordedError(
            home.raw,
            f"holds {', '.join(found)}, and forgotten.csv says that this patient was forgotten. Nothing was recorded",
            "`cmrpipe forget ID --yes` removes the patient here, too; if they are to come back, take their rows out of "
            "forgotten.csv (docs/forget.md)",
        )
    return listed
