"""The step from one state of an output folder to the next, which a kill or a full disk cannot cut in two.

Finished files wait beside the folder. When all of them are there, the new manifest root is written to `commit.json`,
and from that moment readers see the new state, wherever its files are; then the files are renamed into place, what is
gone is removed, and the root takes its place. A commit that was killed is rolled forward by the next writer.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cmrpipe.errors import InputError, ManifestError
from cmrpipe.files import canonical_json, json_bytes, sealed, sha256_bytes, sync_folder, write_bytes
from cmrpipe.incremental.manifest import (
    MANIFEST,
    SHARDS,
    active_commit,
    commit_file,
    pending,
    read_manifest,
    read_root,
    root_bytes,
    root_sha256,
    shard_file,
    shard_of,
    waiting_files,
)

_MEND = (
    "Name a new or empty folder with --out, or move that one away; "
    "a manifest that was lost comes back by `cmrpipe rebuild`"
)


def check_ours(folder: Path, stage: str, beside: Sequence[str] = ()) -> None:
    """Refuse a folder that the stage did not fill: a commit removes every file that the manifest does not list.

    A damaged manifest, or one of an earlier layout, is no reason to refuse; it is made again.

    Raises
    ------
    InputError : the folder is another stage's output, or holds files that no stage wrote
    NewerError : a newer cmrpipe filled it
    """
    root = refuse_other_output(folder, stage)
    if not root and not _has_pieces(folder) and not _is_earlier(folder):
        stranger = next((name for name in _files(folder) if name not in beside), None)
        if stranger is not None:
            raise InputError(folder, f"holds files that `cmrpipe {stage}` did not write ({stranger})", _MEND)


def refuse_other_output(folder: Path, stage: str = "") -> dict[str, Any]:
    """Refuse a folder that another stage filled, whose next commit would remove what is written there.

    Parameters
    ----------
    stage : whose folder it may be; nobody's by default, for what is written without a manifest

    Returns
    -------
    The root of the folder's manifest, {} without one, or where it is damaged

    Raises
    ------
    InputError : it is another stage's output
    NewerError : a newer cmrpipe filled it
    """
    try:
        root = read_root(folder)
    except ManifestError:
        root = {}
    filled_by = root.get("stage", stage)
    if filled_by != stage:
        raise InputError(folder, f"is the output of `cmrpipe {filled_by}`", "Name another folder to write to")
    return root


def _files(folder: Path) -> Iterator[str]:
    for base, _, names in os.walk(folder):
        yield from (Path(base, name).relative_to(folder).as_posix() for name in sorted(names))


def _has_pieces(folder: Path) -> bool:
    return any((folder / SHARDS).glob("[0-9a-f][0-9a-f].json"))


def _is_earlier(folder: Path) -> bool:
    """Whether there is a manifest in another layout than today's."""
    try:
        root = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(root, dict) and "stage" in root


def commit(folder: Path, head: Mapping[str, Any], entries: Mapping[str, Any], beside: Sequence[str]) -> None:
    """Make `entries` the folder's content; files that are new wait in `waiting_files(folder)`.

    Parameters
    ----------
    head : schema, stage and further keys of the root
    entries : all units
    beside : files that belong to no unit and stay
    """
    shards: dict[str, dict[str, Any]] = {}
    for key, entry in entries.items():
        shards.setdefault(shard_of(key), {})[key] = entry
    hashes = {}
    for shard, units in shards.items():
        data = json_bytes(units)
        hashes[shard] = sha256_bytes(data)
        if not _holds(folder / shard_file(shard), data):
            write_bytes(waiting_files(folder) / shard_file(shard), data)
    root = sealed({**head, "shards": hashes})
    if not waiting_files(folder).exists() and _holds(folder / MANIFEST, root_bytes(root)):
        _remove_unlisted(folder, entries, hashes, beside)
        return
    value = {"from": root_sha256(folder), "beside": list(beside), "root": root}
    write_bytes(commit_file(folder), canonical_json(value))
    _finish(folder, root, entries, beside)


def roll_forward(folder: Path, beside: Sequence[str]) -> None:
    """Complete a commit that was killed; call under the folder's lock, before anything else."""
    root = active_commit(folder)
    if root is not None:
        _finish(folder, root, read_manifest(folder), beside)
    commit_file(folder).unlink(missing_ok=True)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _finish(folder: Path, root: Mapping[str, Any], entries: Mapping[str, Any], beside: Sequence[str]) -> None:
    waiting = waiting_files(folder)
    touched = set()
    for base, _, names in os.walk(waiting):
        place = folder / Path(base).relative_to(waiting)
        if names:
            place.mkdir(parents=True, exist_ok=True)
            touched.add(place)
        for name in names:
            Path(base, name).replace(place / name)
    for place in sorted(touched):
        sync_folder(place)
    _remove_unlisted(folder, entries, root["shards"], beside)
    write_bytes(folder / MANIFEST, root_bytes(root))
    shutil.rmtree(pending(folder), ignore_errors=True)


def _remove_unlisted(
    folder: Path, entries: Mapping[str, Any], shards: Mapping[str, str], beside: Sequence[str]
) -> None:
    """Remove files that belong to no unit (those of units that are gone), and empty folders."""
    listed = {name for entry in entries.values() for name in entry["files"]}
    listed |= {MANIFEST, *map(shard_file, shards), *beside}
    for base, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(base, name)
            if path.relative_to(folder).as_posix() not in listed:
                path.unlink()
        if Path(base) != folder and not os.listdir(base):
            Path(base).rmdir()
