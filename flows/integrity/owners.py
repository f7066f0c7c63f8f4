"""Whose a file is, from its name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from cmrpipe.errors import CmrpipeError
from cmrpipe.model import Link
from cmrpipe.readers.archives import SUFFIX
from cmrpipe.readers.layouts import CONTOURS, DICOMS, LINK_FOLDER
from cmrpipe.readers.links import read_link_table


class Owners:
    """Patients of a workspace: ids of `dicoms/`, and original ids of `contourfiles/` through the link tables.

    Parameters
    ----------
    raw : the raw folder
    names : further files of it, relative, that may be missing now
    links : what link tables said that may be missing now; those that are there go before
    """

    def __init__(self, raw: Path, names: Iterable[str] = (), links: Iterable[Link] = ()) -> None:
        self._patients: dict[str, str] = {}
        self._ids: set[str] = set()
        paths = [PurePosixPath(name) for name in names]
        there = [PurePosixPath(top, path.name) for top in (DICOMS, CONTOURS) for path in raw.glob(f"{top}/*")]
        for path in (*paths, *there):
            if len(path.parts) > 1 and path.parts[0] == DICOMS:
                self._ids.add(path.parts[1].removesuffix(SUFFIX))
            elif len(path.parts) > 1 and path.parts[0] == CONTOURS:
                self._patients.setdefault(path.parts[1].removesuffix(SUFFIX), "")
        self._patients |= {link.original_id: link.patient_id for link in links}
        for table in sorted(raw.glob(f"{LINK_FOLDER}/*.csv")):
            try:
                links = read_link_table(table.read_bytes(), table.name).links
            except (CmrpipeError, OSError):
                continue
            self._patients |= {link.original_id: link.patient_id for link in links}
        self._patients |= {patient: patient for patient in self._ids}

    def of(self, path: str) -> str:
        """The patient of a file (relative to the workspace, `data/store/patients/SCD0000101.h5`), "" when nobody's."""
        for part in PurePosixPath(path).parts[1:]:
            name = part
            while name:
                if name in self._patients:
                    return self._patients[name] or name
                name = name.rpartition(".")[0]
        return ""

    def knows(self, patient: str) -> bool:
        """Whether there is such a patient."""
        return patient in self._ids
