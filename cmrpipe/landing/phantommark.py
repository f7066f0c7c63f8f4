"""`phantom.json` as landing reads it: which phantom it is, and which folders are its patients'."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.errors import LandingError
from cmrpipe.readers.layouts import CONTOURS, DICOMS, PHANTOM, folder_of


@dataclass(frozen=True, slots=True)
class Mark:
    """What a `phantom.json` says.

    Attributes
    ----------
    seed : of the generator; the same phantom with more or fewer patients has the same
    folders : `dicoms/<patient_id>` and `contourfiles/<original_id>` of its patients, and what planted faults put
        beside these
    """

    seed: int
    folders: frozenset[str]

    def names(self, patient: str, original: str) -> bool:
        """Whether a link row is about one of its patients."""
        return f"{DICOMS}/{patient}" in self.folders or f"{CONTOURS}/{original}" in self.folders


def read_mark(data: bytes, root: Path | str) -> Mark:
    """Read the `phantom.json` of the folder `root`.

    Raises
    ------
    LandingError : it is none
    """
    try:
        value = json.loads(data)
        patients = value["patients"]
        folders = {f"{DICOMS}/{patient['patient_id']}" for patient in patients}
        folders |= {f"{CONTOURS}/{patient['original_id']}" for patient in patients}
        touched = (folder_of(path) for fault in value["faults"] for path in fault["touched"])
        folders |= {folder for folder in touched if folder.startswith((f"{DICOMS}/", f"{CONTOURS}/"))}
        return Mark(value["arguments"]["seed"], frozenset(folders))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LandingError(
            f"{root}/{PHANTOM}",
            "does not say which patients are phantoms, so nobody can tell them from real ones",
            "Write the phantom anew with `cmrpipe phantom`; remove the file where no patient beside it is a phantom",
        ) from error
