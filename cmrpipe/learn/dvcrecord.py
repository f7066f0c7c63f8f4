"""What DVC recorded of a store and of the raw data it was made of: `dvc.lock`, read as the plain file it is.

The record may be of another store than the one that lies there: stages also run without DVC. So a hash is told only
after the store's files gave it; that of the raw data follows from it, by the catalog that the store was made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cmrpipe.dvclist import list_bytes, md5_bytes
from cmrpipe.errors import InputError
from cmrpipe.plainyaml import read_record
from cmrpipe.store.verify import digest_file

LOCK = "dvc.lock"
_RAW, _CATALOG = "raw", "catalog"
_IGNORED = ".tmp-"
"""Start of names that `.dvcignore` keeps out of records."""


@dataclass(frozen=True, slots=True)
class DvcRecord:
    """MD5s as DVC has them, which end in `.dir` for folders; "" where there is none, and `why` says so.

    Attributes
    ----------
    store, raw : of the store, and of the raw data that the store's catalog was made of
    """

    store: str = ""
    raw: str = ""
    why: str = ""

    def versions(self) -> dict[str, str]:
        """Rows of the model card's table."""
        rows = {"data/raw (MD5, dvc.lock)": self.raw, "data/store (MD5, dvc.lock)": self.store}
        return {name: md5 for name, md5 in rows.items() if md5}

    def sentence(self) -> str:
        """What the card says of them."""
        if not self.store:
            return (
                f"No MD5 of DVC is told of raw data and store: {self.why}. The store's own hash says what was judged."
            )
        followed = "That of the raw data is recorded for the catalog that this store was made of."
        raw = followed if self.raw else f"None is told of the raw data: {self.why}."
        return (
            "The MD5 of the store is DVC's record in `dvc.lock`, held against the files that were judged. "
            f"{raw} The hashes of model and card stand there, too."
        )


def _files(stage: Any, kind: str) -> dict[str, str]:
    """MD5 by path of a stage's `deps` or `outs`."""
    rows = stage.get(kind) if isinstance(stage, dict) else None
    return {str(row.get("path")): str(row.get("md5", "")) for row in rows or [] if isinstance(row, dict)}


def recorded(store: Path) -> DvcRecord:
    """What the `dvc.lock` of the store's workspace says; whether it is said of this very store is not looked at.

    Parameters
    ----------
    store : <workspace>/data/store

    Raises
    ------
    InputError : dvc.lock is altered
    """
    place = store.absolute()
    lock, folder = place.parent.parent / LOCK, place.parent.name
    try:
        content: Any = read_record(lock.read_bytes())
    except FileNotFoundError:
        return DvcRecord(why=f"there is no {LOCK} in the folder above {folder}/")
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(
            lock, f"cannot be read ({error})", f"When you did not change it: `git checkout {LOCK}`"
        ) from error
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict):
        raise InputError(lock, "is altered: it holds no stages", f"When you did not change it: `git checkout {LOCK}`")
    made = {path: (md5, stage) for stage in stages.values() for path, md5 in _files(stage, "outs").items()}
    md5, stage = made.get(f"{folder}/{place.name}", ("", None))
    if not md5:
        return DvcRecord(why=f"{LOCK} has no record of {folder}/{place.name}")
    catalog = f"{folder}/{_CATALOG}"
    used = _files(stage, "deps").get(catalog, "")
    of_catalog, ingest = made.get(catalog, ("", None))
    raw = _files(ingest, "deps").get(f"{folder}/{_RAW}", "") if used and used == of_catalog else ""
    return DvcRecord(md5, raw, "" if raw else f"{LOCK} does not tell what the store's catalog was made of")


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(_IGNORED) for part in name.parts):
            yield name.as_posix(), digest_file(path, md5=True, sha256=False).md5


def folder_md5(folder: Path) -> str:
    """What DVC names the list of a folder's files."""
    return md5_bytes(list_bytes(dict(_entries(folder)))) + ".dir"


def proven(record: DvcRecord, store: Path) -> DvcRecord:
    """The record, if the store's files are those that it is of; else one that says that they are not."""
    if record.store and folder_md5(store) != record.store:
        return DvcRecord(why=f"{LOCK} records another state of {store.parent.name}/{store.name} than was judged")
    return record
