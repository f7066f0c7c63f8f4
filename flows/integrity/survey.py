"""What is really there: every file and object that DVC recorded, read and hashed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cmrpipe.incremental.executors import cores
from cmrpipe.incremental.manifest import MANIFEST
from cmrpipe.progress import Listener
from cmrpipe.store.verify import Digest, digest_file, in_threads
from cmrpipe.workspace import HERE
from flows.integrity.bycatalog import cataloged, cataloged_links
from flows.integrity.ignored import Ignored
from flows.integrity.objects import Cache, Objects, Remote, md5_of
from flows.integrity.owners import Owners
from flows.integrity.records import DIR, Out, read_records
from flows.integrity.trees import Tree, proven, rebuilt

RAW, CATALOG, STORE = map(str, (HERE.raw, HERE.catalog, HERE.store))
"""Outputs as DVC names them, relative to the workspace."""
_REMOTE_THREADS = 8


@dataclass(slots=True)
class Survey:
    """Everything that verify and rebuild know.

    Attributes
    ----------
    outs : the recorded outputs
    trees : record of each folder, None where no whole copy was found or could be made
    expected : recorded MD5 of every file, by path relative to the workspace
    here : hashes of the files that are there; None where one cannot be read
    cached : hashes of the cache's objects; None where one cannot be read
    remote, held : the remote that was asked for, and hashes of its objects that this version needs
    source : the remote that may be fetched from, if any
    wanted : whether a path is to be looked at
    owners : whose a file is
    """

    root: Path
    outs: tuple[Out, ...]
    objects: Objects
    wanted: Callable[[str], bool]
    owners: Owners
    remote: Remote | None = None
    source: Remote | None = None
    trees: dict[str, Tree | None] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    here: dict[str, Digest | None] = field(default_factory=dict)
    cached: dict[str, Digest | None] = field(default_factory=dict)
    held: dict[str, Digest | None] = field(default_factory=dict)

    @property
    def cache(self) -> Cache:
        """DVC's cache."""
        return self.objects.cache

    def out_of(self, path: str) -> Out:
        """The output that a file belongs to."""
        return next(out for out in self.outs if path == out.path or path.startswith(f"{out.path}/"))

    def whole_here(self, path: str) -> bool:
        """Whether a workspace file has its recorded bytes."""
        found = self.here.get(path)
        return found is not None and found.md5 == self.expected.get(path)

    def whole_cached(self, oid: str) -> bool:
        """Whether the cache has an object's bytes."""
        found = self.cached.get(oid)
        return found is not None and found.md5 == md5_of(oid)

    def needed(self) -> dict[str, str]:
        """Objects of this version that DVC keeps, folders' records included: name → file or folder it is for."""
        found: dict[str, str] = {}
        for out in self.outs:
            if out.cached and out.is_folder:
                found.setdefault(out.md5, out.path)
        for path, md5 in self.expected.items():
            if self.out_of(path).cached and self.wanted(path):
                found.setdefault(md5, path)
        return found


def files_of(root: Path, out: Out) -> list[str]:
    """Files of an output, relative to the workspace; a link to a folder is one thing, and nothing that is recorded."""
    place = root / out.path
    if not out.is_folder:
        return [out.path] if place.is_file() else []
    ignored = Ignored(root, out.path)
    found = []
    for base, folders, names in os.walk(place):
        below = Path(base).relative_to(root).as_posix()
        folders[:] = [name for name in folders if not ignored(f"{below}/{name}", folder=True)]
        linked = [name for name in folders if os.path.islink(os.path.join(base, name))]  # noqa: PTH114, PTH118
        paths = [f"{below}/{name}" for name in names]
        found += [path for path in paths if not ignored(path, folder=False)] + [f"{below}/{name}" for name in linked]
    return sorted(found)


def _read_here(survey: Survey, paths: Sequence[str], workers: int, listen: Listener) -> None:
    both = {out.path for out in survey.outs if out.path == RAW or (survey.root / out.path / MANIFEST).exists()}

    def read(path: str) -> Digest | None:
        try:
            return digest_file(survey.root / path, md5=True, sha256=survey.out_of(path).path in both)
        except OSError:
            return None

    found = in_threads("workspace", paths, read, str, workers=workers, listen=listen)
    survey.here |= dict(zip(paths, found, strict=True))


def _read_cache(survey: Survey, oids: Sequence[str], workers: int, listen: Listener) -> None:
    found = in_threads("cache", oids, survey.cache.digest, str, workers=workers, listen=listen)
    survey.cached |= dict(zip(oids, found, strict=True))


def _stored_tree(survey: Survey, oid: str) -> tuple[Tree | None, list[bytes]]:
    """A folder's record from cache or remote, and the bytes of copies that are not whole."""
    damaged: list[bytes] = []
    try:
        data: bytes | None = survey.cache.path(oid).read_bytes()
    except OSError:
        data = None
    tree = proven(oid, data)
    if tree is not None:
        return tree, []
    damaged += [data] if data else []
    for remote in (survey.remote, survey.source):
        data = remote.read(oid) if remote else None
        tree = proven(oid, data)
        if tree is not None:
            return tree, []
        damaged += [data] if data else []
    return None, damaged


def _made_tree(survey: Survey, out: Out, damaged: list[bytes]) -> Tree | None:
    """A folder's record from what lies in the folder, and from objects that no other folder has."""
    prefix = f"{out.path}/"
    here = {path.removeprefix(prefix): d.md5 for path, d in survey.here.items() if d and path.startswith(prefix)}
    tree = rebuilt(out.md5, here, damaged)
    if tree is not None:
        return tree
    if out.path == RAW:
        tree = rebuilt(out.md5, here | _named_by_catalog(survey), damaged)
        if tree is not None:
            return tree
    elsewhere = {md5 for t in survey.trees.values() if t for md5 in t.entries.values()} | set(here.values())
    free = [oid for oid in survey.cached if survey.whole_cached(oid) and oid not in elsewhere and not oid.endswith(DIR)]
    suspects = {path: free for path, md5 in here.items() if md5 not in survey.cached}
    return rebuilt(out.md5, here, damaged, suspects) if suspects and free else None


def _named_by_catalog(survey: Survey) -> dict[str, str]:
    """MD5 by path in raw of objects that have the SHA-256 which the catalog names for that path."""
    oids = [oid for oid in survey.cached if survey.whole_cached(oid) and not oid.endswith(DIR)]
    found = {d.sha256: oid for oid in oids if (d := survey.cache.digest(oid, sha256=True)) is not None}
    return {path: found[sha256] for path, sha256 in cataloged(survey.root).items() if sha256 in found}


def survey_of(
    root: Path,
    *,
    patients: Sequence[str] = (),
    remote: str | None = None,
    fetching: bool = False,
    workers: int = 0,
    listen: Listener,
) -> Survey:
    """Read everything.

    Parameters
    ----------
    root : the workspace
    patients : only what is theirs; everything by default
    remote : name of the remote to read too, "" for the default one; None: none
    fetching : whether records of folders may be fetched from the default remote
    workers : threads

    Raises
    ------
    RecordError : what git keeps is not as it must be
    RemoteError : the remote cannot be read
    """
    workers = workers or cores()
    outs = read_records(root)
    objects = Objects(root)
    names = set(patients)
    survey = Survey(root, outs, objects, lambda _: True, Owners(root / RAW))
    survey.remote = objects.remote(remote) if remote is not None else None
    if fetching:
        survey.source = survey.remote or (objects.remote() if objects.default else None)
    folders = [out for out in outs if out.is_folder]
    damaged: dict[str, list[bytes]] = {}
    for out in folders:
        survey.trees[out.path], damaged[out.path] = _stored_tree(survey, out.md5)
    raw = survey.trees.get(RAW)
    survey.owners = Owners(root / RAW, raw.entries if raw else cataloged(root), cataloged_links(root))
    if names:  # theirs, and what a stage's output needs to be read at all: manifest, index
        shared = tuple(f"{out.path}/" for out in outs if out.stage)
        survey.wanted = lambda path: (
            survey.owners.of(path) in names or (path.startswith(shared) and not survey.owners.of(path))
        )
    unknown = {out.path for out in folders if survey.trees[out.path] is None}
    paths = [path for out in outs for path in files_of(root, out) if out.path in unknown or survey.wanted(path)]
    _read_here(survey, paths, workers, listen)
    if not names:
        _read_cache(survey, survey.cache.all(), workers, listen)
    for out in folders:
        if survey.trees[out.path] is None:
            survey.trees[out.path] = _made_tree(survey, out, damaged[out.path])
        tree = survey.trees[out.path]
        survey.expected |= {f"{out.path}/{name}": md5 for name, md5 in tree.entries.items()} if tree else {}
    survey.expected |= {out.path: out.md5 for out in outs if not out.is_folder}
    needed = sorted(survey.needed())
    if names:
        _read_cache(survey, needed, workers, listen)
    if survey.remote is not None:
        found = in_threads("remote", needed, survey.remote.digest, str, workers=_REMOTE_THREADS, listen=listen)
        survey.held = dict(zip(needed, found, strict=True))
    return survey
