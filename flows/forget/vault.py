"""A patient's objects in DVC's cache or a remote, in all versions: which go, and which stay for others."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cmrpipe.dvclist import list_bytes, md5_bytes
from cmrpipe.landing.tables import rows_of, without_rows
from cmrpipe.readers.archives import SUFFIX
from cmrpipe.readers.layouts import CONTOURS, DICOMS, LINK_FOLDER, LINK_TABLE
from cmrpipe.readers.links import normalise_id
from flows.forget.person import Person
from flows.integrity.records import DIR
from flows.integrity.trees import Entries, proven

MODEL, SPLITS = "model.pt", "splits.json"
PARTS = ("train", "val", "test")


class Shelf(Protocol):
    """Where objects are: a cache or a remote."""

    def all(self) -> list[str]:
        """Names of all objects."""

    def read(self, oid: str) -> bytes | None:
        """An object's bytes; None when it is not there."""


@dataclass(slots=True)
class Findings:
    """What a shelf holds of a patient.

    Attributes
    ----------
    remove : objects that are theirs alone, and lists of folders that name them
    shared : objects of theirs that stay, because lists of another workspace have them, too
    foreign : lists, and objects of no list, that name them and are not this workspace's; they stay
    redacted : versions of the raw folder without them: old list → (new list, its bytes)
    tables : link tables without their rows, by the MD5 of the bytes
    models : versions of the model that saw them: list → part of the split
    """

    remove: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    redacted: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tables: dict[str, bytes] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)


def part_of(splits: bytes | None, person: Person) -> str:
    """The part of a split that a patient is in, "" for none."""
    try:
        content = json.loads(splits or b"{}")
    except ValueError:
        return ""
    return next((part for part in PARTS if person.patient_id in content.get(part, ())), "")


def _is_raw(entries: Entries) -> bool:
    return any(path.startswith(f"{DICOMS}/") for path in entries)


def _has(entries: Entries, name: str) -> list[str]:
    """Paths of files of that name: of data/model's one model, or of each in data/models."""
    return [path for path in entries if path == name or path.endswith(f"/{name}")]


def _is_table(path: str) -> bool:
    return path == LINK_TABLE or path.startswith(f"{LINK_FOLDER}/")


def _drops(person: Person) -> Mapping[str, str]:
    return {normalise_id(name): name for name in (person.patient_id, *person.originals)}


def table_without(data: bytes, person: Person) -> bytes:
    """A link table without a patient's rows."""
    known = _drops(person)
    return without_rows(
        data, lambda patient, original: normalise_id(patient) in known or normalise_id(original) in known
    )


def _lists(shelf: Shelf, objects: Iterable[str]) -> dict[str, Entries]:
    """The lists of folders among objects, those that are whole."""
    trees = ((oid, proven(oid, shelf.read(oid))) for oid in objects if oid.endswith(DIR))
    return {oid: tree.entries for oid, tree in trees if tree is not None}


def linked_before(shelf: Shelf, patient_id: str, owned: Collection[str] | None) -> set[str]:
    """Contour folders that versions of this workspace's raw folder link to a patient, and to nobody else.

    Parameters
    ----------
    owned : as of `Search`
    """
    theirs: set[str] = set()
    others: set[str] = set()
    for oid, entries in _lists(shelf, shelf.all()).items():
        if (owned is None or oid in owned) and _is_raw(entries):
            for path in filter(_is_table, entries):
                for patient, original in rows_of(shelf.read(entries[path]) or b""):
                    (theirs if normalise_id(patient) == normalise_id(patient_id) else others).add(original)
    known = set(map(normalise_id, others))
    return {original for original in theirs if normalise_id(original) not in known}


class Search:
    """Looks through a shelf.

    Parameters
    ----------
    shelf : the cache or a remote
    person : who is to be forgotten
    current : lists of folders that are recorded now and stay as they are (raw and outputs made anew, the model)
    owned : what is this workspace's; other lists, and what they have, stay as they are. None: the shelf is its alone
    """

    def __init__(
        self, shelf: Shelf, person: Person, current: Iterable[str], owned: Collection[str] | None = None
    ) -> None:
        self._shelf, self._person, self._owned = shelf, person, owned
        self._current = frozenset(current)
        self._objects = shelf.all()
        self._trees = _lists(shelf, self._objects)
        raws = [entries for oid, entries in self._trees.items() if self._is_ours(oid) and _is_raw(entries)]
        names = {
            path.split("/")[1].removesuffix(SUFFIX)
            for e in raws
            for path in e
            if path.startswith((f"{DICOMS}/", f"{CONTOURS}/"))
        }
        self._others = [Person(name, ()) for name in sorted(names - {person.patient_id, *person.originals})]
        self._texts: dict[str, bool] = {}

    def _is_ours(self, oid: str) -> bool:
        return self._owned is None or oid in self._owned or oid in self._current

    def _text_names(self, oid: str) -> bool:
        """Whether an object's bytes name the patient."""
        if oid not in self._texts:
            self._texts[oid] = self._person.named_in(self._shelf.read(oid) or b"")
        return self._texts[oid]

    def _of_others(self, path: str) -> bool:
        return any(other.named_in(path) for other in self._others)

    def run(self) -> Findings:
        """Sort every object into what goes and what stays."""
        found = Findings()
        keep: set[str] = set()
        others: set[str] = set()
        for oid, entries in self._trees.items():
            if not self._is_ours(oid):
                others |= {oid, *entries.values()}
                if any(self._person.named_in(path) for path in entries):
                    found.foreign.add(oid)
            elif oid in self._current or _has(entries, MODEL):
                keep |= {oid, *entries.values()}
                splits = [part_of(self._shelf.read(entries[path]), self._person) for path in _has(entries, SPLITS)]
                part = next(filter(None, splits), "")
                if part:
                    found.models[oid] = part
            elif _is_raw(entries):
                keep |= self._raw(oid, entries, found)
            else:
                keep |= self._derived(oid, entries, found)
        loose = set(self._objects) - set(self._trees) - {o for e in self._trees.values() for o in e.values()} - keep
        for oid in filter(self._text_names, loose):
            (found.remove if self._is_ours(oid) else found.foreign).add(oid)
        found.remove -= keep | {new for new, _ in found.redacted.values()} | set(found.tables)
        found.shared = found.remove & others
        found.remove -= others
        return found

    def _raw(self, oid: str, entries: Entries, found: Findings) -> set[str]:
        """A version of the raw folder: written anew without the patient, so that the others' versions can be had."""
        kept: Entries = {}
        for path, md5 in entries.items():
            data = self._shelf.read(md5) if _is_table(path) else None
            table = data if data is None else table_without(data, self._person)
            if self._person.named_in(path):
                found.remove.add(md5)
            elif data is not None and table is not None and table != data:
                found.remove.add(md5)
                kept[path] = md5_bytes(table)
                found.tables[kept[path]] = table
            else:
                kept[path] = md5
        if kept == entries:
            return {oid, *entries.values()}
        found.remove.add(oid)
        data = list_bytes(kept)
        found.redacted[oid] = (md5_bytes(data) + DIR, data)
        return set(kept.values())

    def _derived(self, oid: str, entries: Entries, found: Findings) -> set[str]:
        """An older version of an output: what is not another patient's file goes when the patient was in it."""
        theirs = {path for path in entries if self._person.named_in(path)}
        others = {path for path in entries if path not in theirs and self._of_others(path)}
        shared = entries.keys() - theirs - others
        if not theirs and not any(self._text_names(entries[path]) for path in shared):
            return {oid, *entries.values()}
        found.remove |= {oid, *(entries[path] for path in (*theirs, *shared))}
        return {entries[path] for path in others}
