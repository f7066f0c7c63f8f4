"""What rows of quarantine.csv are about: names of patients, images and contour files, and the bytes behind each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from cmrpipe.catalog import Catalog
from cmrpipe.files import canonical_json, sha256_bytes
from cmrpipe.linking import LinkMap, image_number, link_patient
from cmrpipe.readers.layouts import CONTOURS, DICOMS

_DIGITS = 16
_HELD = 4
"""Folders that are kept in memory; names are best asked for in their order."""


class Subjects:
    """Names that a row can have; folders are read when they are asked for.

    Parameters
    ----------
    catalog : ingest's output
    links : its links
    """

    def __init__(self, catalog: Catalog, links: LinkMap) -> None:
        self._catalog = catalog
        self._links = links
        self._patients = frozenset(catalog.patients())
        self._folders = frozenset(catalog.original_ids())
        self._owners: dict[str, list[str]] = defaultdict(list)
        for patient, folders in links.originals.items():
            for folder in folders:
                self._owners[folder].append(patient)
        self._files = lru_cache(_HELD)(self._read)

    def __contains__(self, name: object) -> bool:
        """Whether there is a patient, an image or a contour file of this name."""
        return isinstance(name, str) and bool(self.fingerprint(name))

    def fingerprint(self, name: str) -> str:
        """The bytes that a decision about this name looks at, as x and 16 digits; empty where nothing has that name.

        Of an image or a contour file all files of that patient with the same number: what is drawn, what it is drawn
        in, and what is drawn beside it. Of a patient all images and contours.
        """
        if name in self._patients:
            return _digest(file for files in self._files(DICOMS, name).values() for file in files.items())
        parent, _, rest = name.partition("/")
        folder = rest.partition("/")[0]
        if folder in {DICOMS: self._patients, CONTOURS: self._folders}.get(parent, ()):
            for files in self._files(parent, folder).values():
                if name in files:
                    return _digest(files.items())
        return ""

    def _read(self, parent: str, folder: str) -> dict[int | str, dict[str, str]]:
        """SHA-256 by path of a folder's files and of those that are linked to it, by number, else each by its path."""
        patients = [folder] if parent == DICOMS else self._owners[folder]
        found: list[tuple[int | None, str, str]] = []
        for patient in patients:
            labels = link_patient(self._catalog, patient, self._links.originals.get(patient, ()))
            found += [(image_number(image), image.path, image.sha256) for image in labels.images]
            found += [(contour.number, contour.path, contour.sha256) for contour in labels.contours]
        if not patients:
            contours = self._catalog.contours(folder)
            found += [(contour.number, contour.path, contour.sha256) for contour in contours]
        groups: dict[int | str, dict[str, str]] = defaultdict(dict)
        for number, path, hashed in found:
            groups[path if number is None else number][path] = hashed
        return groups


def _digest(files: Iterable[tuple[str, str]]) -> str:
    """Of which file has which bytes; its first letter keeps programs for tables from reading a number."""
    return f"x{sha256_bytes(canonical_json(sorted(files)))[:_DIGITS]}"
