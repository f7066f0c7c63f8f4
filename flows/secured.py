"""Whether DVC has a landed folder as it stands: only then may a newer version take its place."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.readers.layouts import standing
from cmrpipe.store.verify import digest_file
from cmrpipe.workspace import HERE, Workspace
from flows.integrity.objects import Cache, Objects
from flows.integrity.records import tracked
from flows.integrity.trees import Entries, proven


class Secured:
    """What DVC has recorded of a workspace's raw folder; read when it is first asked for.

    Parameters
    ----------
    root : the workspace
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._raw = Workspace(root).raw
        self._known: tuple[Cache, Entries] | None = None

    def _load(self) -> tuple[Cache, Entries]:
        """The cache, and the recorded files of the raw folder; none where there is no sound record."""
        if self._known is None:
            objects = Objects(self._root)
            try:
                oid = next((out.md5 for out in tracked(self._root) if out.path == str(HERE.raw)), "")
                path = objects.cache.path(oid)
                tree = proven(oid, path.read_bytes()) if oid and path.is_file() else None
                self._known = objects.cache, {} if tree is None else tree.entries
            finally:
                objects.close()
        return self._known

    def holds(self, folder: str) -> bool:
        """Whether every file of `data/raw/<folder>` is recorded, and its object is in the cache, whole."""
        try:
            cache, entries = self._load()
        except CmrpipeError:
            return False
        place = standing(self._raw, folder)
        for path in [] if place is None else [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file():
                oid = entries.get(path.relative_to(self._raw).as_posix())
                if oid is None or digest_file(path, md5=True, sha256=False).md5 != oid or not cache.holds(oid):
                    return False
        return True
