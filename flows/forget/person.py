"""Who is to be forgotten: the ids and folders of one patient, and whether a name or a text speaks of them."""

from __future__ import annotations

import codecs
import json
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.readers.layouts import CONTOURS, DICOMS, contour_folders, link_tables, patient_folders
from cmrpipe.readers.links import normalise_id, read_link_table
from cmrpipe.workspace import Workspace
from flows.forget.borders import has_word
from flows.forget.journal import read_journal


def spellings(name: str) -> set[str]:
    """An id with each ü as one character and as two (macOS)."""
    return {name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))}


def _written(name: str) -> Iterator[bytes]:
    """The bytes that an id may be in files: as UTF-8, as spreadsheets save it, and escaped, as in DVC's lists."""
    for text in spellings(name):
        yield text.encode(errors="surrogateescape")
        yield json.dumps(text)[1:-1].encode()
        with suppress(UnicodeEncodeError):
            yield text.encode("cp1252")


@dataclass(frozen=True)
class Person:
    """A patient and the contour folders that are theirs alone."""

    patient_id: str
    originals: tuple[str, ...]
    _forms: frozenset[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        forms = frozenset(form for name in (self.patient_id, *self.originals) for form in _written(name))
        object.__setattr__(self, "_forms", forms)

    @property
    def folders(self) -> tuple[str, ...]:
        """Their folders, relative to the raw folder."""
        return (f"{DICOMS}/{self.patient_id}", *(f"{CONTOURS}/{original}" for original in self.originals))

    def named_in(self, text: str | bytes) -> bool:
        """Whether a path or a file's content has one of their ids, as a word of its own, however that is written."""
        data = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # a link table may be
            data += data.decode("utf-16", errors="replace").encode()
        return any(has_word(data, form) for form in self._forms)


def _links(raw: Path) -> Iterable[tuple[str, str]]:
    for path in link_tables(raw):
        try:
            table = read_link_table((raw / path).read_bytes(), path)
        except CmrpipeError:
            continue
        yield from ((link.patient_id, link.original_id) for link in table.links)


def find_person(root: Path, name: str, before: Iterable[str] = ()) -> Person:
    """The patient that is called so, with the contour folders that no other patient is linked to.

    Parameters
    ----------
    before : contour folders that were theirs alone in earlier versions; those count that nobody has now
    """
    raw = Workspace(root).raw
    known = {normalise_id(folder): folder for folder in patient_folders(raw)}
    patient = known.get(normalise_id(name), name)
    links = list(_links(raw))
    wanted = normalise_id(patient)
    theirs = {original for person, original in links if normalise_id(person) == wanted}
    others = {normalise_id(original) for person, original in links if normalise_id(person) != wanted}
    originals = {original for original in theirs if normalise_id(original) not in others}
    taken = others | set(map(normalise_id, contour_folders(raw)))
    originals |= {original for original in before if normalise_id(original) not in taken}
    begun = read_journal(root)
    if begun is None:
        return Person(patient, tuple(sorted(originals)))
    if normalise_id(begun.patient_id) != wanted:
        raise CmrpipeError(
            begun.patient_id, "is not forgotten to the end: that was cut short", "`cmrpipe forget` it first"
        )
    return Person(begun.patient_id, tuple(sorted({*originals, *begun.originals})))
