"""What a stage's output folder holds, in pieces, so that one patient's change rewrites one small piece.

    manifest.json         {"schema": 2, "stage": ..., further keys of the stage, "shards": {"3f": sha256, ...},
                          "sha256": of all the rest as canonical JSON}
    manifest/3f.json      the units whose key's SHA-256 starts with 3f: key → {"fingerprint", "files", "info"}

`files` maps each file of a unit, relative to the folder, to its SHA-256. The root vouches for the pieces and for
itself: a flipped bit in either is found when it is read. While a commit is under way (see
`cmrpipe.incremental.commit`), the new manifest holds already, and files are read from where they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmrpipe.errors import ManifestError, NewerError
from cmrpipe.files import NO_FILE, bytes_of, json_bytes, sealed, sha256_bytes

MANIFEST = "manifest.json"
SHARDS = "manifest"
SCHEMA = 2

_MEND = "Run the stage again, or `cmrpipe rebuild`"


def pending(folder: Path) -> Path:
    """Where finished units wait for the commit: beside the folder, on the same file system."""
    return folder.parent / f".{folder.name}-pending"


def waiting_files(folder: Path) -> Path:
    """The tree of files that wait, laid out as in the folder."""
    return pending(folder) / "files"


def commit_file(folder: Path) -> Path:
    """The commit point: the new root, there only while files are moved into place."""
    return pending(folder) / "commit.json"


def shard_of(key: str) -> str:
    """The piece of the manifest that a unit is in: two hexadecimal digits."""
    return sha256_bytes(key.encode())[:2]


def shard_file(shard: str) -> str:
    """Name of a piece of the manifest, relative to the folder."""
    return f"{SHARDS}/{shard}.json"


def root_bytes(root: Mapping[str, Any]) -> bytes:
    """The root as it is written."""
    return json_bytes(sealed(root))


def root_sha256(folder: Path) -> str:
    """Hash of the root's bytes in the folder, "" when there is none."""
    try:
        return sha256_bytes(bytes_of(folder / MANIFEST))
    except OSError as error:
        if isinstance(error, FileNotFoundError) or error.errno in NO_FILE:
            return ""
        raise


def active_commit(folder: Path) -> dict[str, Any] | None:
    """The new root of a commit under way; None when there is none, or it belongs to another state of the folder."""
    try:
        commit = json.loads(commit_file(folder).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not isinstance(commit, dict) or commit.get("from") != root_sha256(folder):
        return None
    root = commit.get("root")
    return root if isinstance(root, dict) else None


def located(folder: Path, name: str, *, committing: bool | None = None) -> Path:
    """Where a file of the folder is to be read: in its place, or where it waits while a commit is under way.

    Parameters
    ----------
    committing : whether a commit is under way, where the caller knows
    """
    if committing is None:
        committing = active_commit(folder) is not None
    waiting = waiting_files(folder) / name
    return waiting if committing and waiting.exists() else folder / name


def read_root(folder: Path) -> dict[str, Any]:
    """The manifest's root; {} when there is none.

    Raises
    ------
    ManifestError : it is not what was written, or of another layout
    """
    commit = active_commit(folder)
    if commit is not None:
        return commit
    path = folder / MANIFEST
    try:
        root = json.loads(bytes_of(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        raise ManifestError(path, f"is no file ({error.strerror})", _MEND) from error
    except ValueError as error:
        raise ManifestError(path, f"is altered: it is no JSON ({error})", _MEND) from error
    if not isinstance(root, dict) or root.get("schema") != SCHEMA:
        version = root.get("schema") if isinstance(root, dict) else None
        newer = isinstance(version, int) and version > SCHEMA and sealed(root) == root  # else a bit of it is altered
        kind, mend = (NewerError, "Update cmrpipe") if newer else (ManifestError, _MEND)
        raise kind(path, f"has layout {version}, this cmrpipe reads {SCHEMA}", mend)
    if sealed(root) != root:
        raise ManifestError(path, "is altered: its content is not what its own hash says", _MEND)
    return root


def _read_shard(folder: Path, root: Mapping[str, Any], shard: str, committing: bool) -> dict[str, Any]:
    path = located(folder, shard_file(shard), committing=committing)
    try:
        data = bytes_of(path)
    except OSError as error:
        raise ManifestError(path, f"is missing or unreadable ({error.strerror})", _MEND) from error
    if sha256_bytes(data) != root["shards"][shard]:
        raise ManifestError(path, "is altered: its SHA-256 is not the one in manifest.json", _MEND)
    entries: dict[str, Any] = json.loads(data)
    return entries


def read_manifest(folder: Path) -> dict[str, Any]:
    """Entries of all units by key, sorted; {} when there is no manifest.

    Raises
    ------
    ManifestError : a piece of it is altered
    """
    root = read_root(folder)
    committing = active_commit(folder) is not None
    entries: dict[str, Any] = {}
    for shard in root.get("shards", {}):
        entries |= _read_shard(folder, root, shard, committing)
    return dict(sorted(entries.items()))


def salvage(folder: Path) -> dict[str, Any]:
    """What can be trusted of a manifest: entries in whole pieces. For a writer, which makes the rest again.

    Raises
    ------
    NewerError : a newer cmrpipe wrote it; that is no damage
    """
    try:
        root = read_root(folder)
    except ManifestError:
        return {}
    committing = active_commit(folder) is not None
    entries: dict[str, Any] = {}
    for shard in root.get("shards", {}):
        try:
            entries |= _read_shard(folder, root, shard, committing)
        except ManifestError:
            continue
    return entries
