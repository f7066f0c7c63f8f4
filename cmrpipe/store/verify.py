"""A store held against its own manifest, every byte read: needs nothing but the folder."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, TypeVar

from cmrpipe.errors import CmrpipeError, ManifestError, StoreError
from cmrpipe.files import open_file
from cmrpipe.incremental.executors import cores
from cmrpipe.incremental.manifest import MANIFEST, active_commit, located, read_root, salvage, shard_file
from cmrpipe.progress import Listener, Progress
from cmrpipe.store.reader import open_store
from cmrpipe.store.writer import array_sha256

_BLOCK = 1 << 18
_HDF5, _SUPERBLOCK = b"\x89HDF\r\n\x1a\n", 48
_ZIP, _ZIP_END, _ZIP_END_SIZE = b"PK\3\4", b"PK\5\6", 22
_AGAIN = "`cmrpipe store`"
_local = threading.local()

Item = TypeVar("Item")
Result = TypeVar("Result")


class Place(StrEnum):
    """Where a file or object lies."""

    RAW = "raw"
    STORE = "store"
    OUTPUT = "output"
    RECORD = "record"
    CACHE = "cache"
    REMOTE = "remote"


class State(StrEnum):
    """How a file differs from what was recorded of it."""

    MISSING = "missing"
    TRUNCATED = "truncated"
    ALTERED = "altered"
    EXTRA = "extra"
    SWAPPED = "swapped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one file or object.

    Attributes
    ----------
    place : where it lies
    path : its name there
    patient : whose it is, "" when it is nobody's
    state : how it differs
    detail : what a person should know beside that
    remedy : what brings it back
    """

    place: Place
    path: str
    patient: str
    state: State
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """Hashes (hexadecimal, "" when not asked for) and size in bytes of what was read."""

    md5: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Verified:
    """Outcome of a verification: files and bytes that were read, and what is not as recorded."""

    files: int
    bytes: int
    bad: tuple[Verdict, ...]


def digest(stream: BinaryIO, *, md5: bool = False, sha256: bool = True) -> Digest:
    """Hash a stream in one reading (an unbuffered one is fastest)."""
    if not hasattr(_local, "block"):
        _local.block = bytearray(_BLOCK)
    block = memoryview(_local.block)
    first = hashlib.md5(usedforsecurity=False) if md5 else None
    second = hashlib.sha256() if sha256 else None
    size = 0
    while count := stream.readinto(block):  # type: ignore[attr-defined]
        part = block[:count]
        if first is not None:
            first.update(part)
        if second is not None:
            second.update(part)
        size += count
    return Digest(first.hexdigest() if first else "", second.hexdigest() if second else "", size)


def digest_file(path: Path | str, *, md5: bool = False, sha256: bool = True) -> Digest:
    """Hash a file in one reading.

    Raises
    ------
    OSError : it cannot be read, or is no regular file (a pipe would never end)
    """
    with open_file(path) as stream:
        return digest(stream, md5=md5, sha256=sha256)


def in_threads(
    stage: str,
    items: Sequence[Item],
    work: Callable[[Item], Result],
    name: Callable[[Item], str],
    *,
    workers: int,
    listen: Listener,
) -> list[Result]:
    """Do `work` on all items in threads (hashing releases the interpreter's lock); results in the items' order."""
    found: list[Result] = []
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        try:
            for item, result in zip(items, pool.map(work, items), strict=True):
                found.append(result)
                listen(Progress(stage, name(item), len(found), len(items)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def is_cut_short(path: Path, size: int) -> bool:
    """Whether a file is shorter than it was written.

    Empty, an HDF5 file that is no superblock long, or whose superblock (version 2, 3) says so, or a zip file that does
    not end with its directory. Of either little more than the first byte may be left.
    """
    if size == 0:
        return True
    with path.open("rb") as stream:
        head = stream.read(_SUPERBLOCK)
        if _ZIP.startswith(head[: len(_ZIP)]):
            stream.seek(max(0, size - _ZIP_END_SIZE))
            found = stream.read(len(_ZIP_END))
            # one byte of the signature may itself be what is altered
            return sum(a == b for a, b in zip(found, _ZIP_END, strict=False)) < len(_ZIP_END) - 1
    if not _HDF5.startswith(head[: len(_HDF5)]):
        return False
    return len(head) < _SUPERBLOCK or (head[8] in (2, 3) and size < int.from_bytes(head[28:36], "little"))


def _files_below(folder: Path) -> list[str]:
    found = []
    for base, _, names in os.walk(folder):
        found += [Path(base, name).relative_to(folder).as_posix() for name in names if not name.startswith(".tmp-")]
    return found


def _check_datasets(folder: Path, patient: str, recorded: Mapping[str, str]) -> list[Verdict]:
    """Hold every array of a patient, as the training loader gets it, against its recorded hash."""
    try:
        with open_store(folder) as store:
            arrays = store.datasets(patient)
    except (CmrpipeError, OSError, KeyError, ValueError) as error:
        return [Verdict(Place.STORE, patient, patient, State.ALTERED, f"cannot be read: {error}")]
    return [
        Verdict(Place.STORE, f"{patient}/{name}", patient, State.ALTERED, "dataset differs from its recorded hash")
        for name, sha256 in recorded.items()
        if name not in arrays or array_sha256(arrays[name]) != sha256
    ]


def _held(path: Path, sha256: str, by_hash: Mapping[str, str]) -> tuple[Digest | None, State | None, str]:
    """A file's hashes, None where it cannot be read; how it differs from what has this hash, None where it does not.

    Parameters
    ----------
    by_hash : the store's files by their hashes
    """
    try:
        found = digest_file(path)
        if found.sha256 == sha256:
            return found, None, ""
        cut = is_cut_short(path, found.size)
    except FileNotFoundError:
        return None, State.MISSING, ""
    except OSError as error:
        return None, State.ALTERED, f"cannot be read: {error.strerror}"
    if other := by_hash.get(found.sha256):
        return found, State.SWAPPED, f"holds the bytes of {other}"
    return found, State.TRUNCATED if cut else State.ALTERED, "its SHA-256 is not the manifest's"


def verify_store(
    folder: Path,
    *,
    patients: Iterable[str] = (),
    datasets: bool = False,
    workers: int = 0,
    listen: Listener,
) -> Verified:
    """Hash every file of a store and hold it against the manifest, and the manifest against itself.

    Parameters
    ----------
    folder : the store
    patients : only these; all, and what belongs to none, by default
    datasets : read every array too and hold it against its own hash
    workers : threads; as many as cores by default
    listen : told once a file

    Raises
    ------
    StoreError : there is no store
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        raise StoreError(folder, "holds no store", "Run `cmrpipe store` first")
    try:
        root = read_root(folder)
    except ManifestError as error:
        return Verified(1, 0, (Verdict(Place.STORE, MANIFEST, "", State.ALTERED, error.cause, _AGAIN),))
    if not root:
        detail = "without it no file can be checked"
        return Verified(0, 0, (Verdict(Place.STORE, MANIFEST, "", State.MISSING, detail, _AGAIN),))
    committing = active_commit(folder) is not None
    entries = salvage(folder)
    only = set(patients)
    unknown = sorted(only - {key for key, entry in entries.items() if "samples" in entry["info"]})
    if unknown:
        raise StoreError(folder, f"has no patient {', '.join(unknown)}", "Name patients as in its folder patients/")
    expected = {shard_file(shard): ("", sha256) for shard, sha256 in root["shards"].items()}
    for key, entry in entries.items():
        owner = key if "samples" in entry["info"] else ""
        if not only or not owner or owner in only:
            expected |= {name: (owner, sha256) for name, sha256 in entry["files"].items()}
    by_hash = {sha256: name for name, (_, sha256) in expected.items()}

    def check(name: str) -> tuple[Digest | None, Verdict | None]:
        found, state, detail = _held(located(folder, name, committing=committing), expected[name][1], by_hash)
        verdict = None if state is None else Verdict(Place.STORE, name, expected[name][0], state, detail, _AGAIN)
        return found, verdict

    results = in_threads("verify", sorted(expected), check, str, workers=workers or cores(), listen=listen)
    bad = [verdict for _, verdict in results if verdict is not None]
    lost_shards = any(verdict.path.startswith("manifest/") for verdict in bad)
    if not committing and not only and not lost_shards:
        extra = sorted(set(_files_below(folder)) - set(expected) - {MANIFEST})
        bad += [Verdict(Place.STORE, name, "", State.EXTRA, "no patient's file", "moving it away") for name in extra]
    if datasets:
        stored = {key for key, entry in entries.items() if entry["info"].get("samples")}
        whole = stored - {verdict.patient for verdict in bad}
        for key in sorted(whole if not only else whole & only):
            bad += _check_datasets(folder, key, entries[key]["info"].get("sha256", {}))
    read = [found for found, _ in results if found is not None]
    return Verified(len(read), sum(found.size for found in read), tuple(bad))
