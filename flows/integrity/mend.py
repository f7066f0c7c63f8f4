"""Bad objects of the cache and of a remote, replaced from whole copies; what has none is taken out of DVC's reach."""

from __future__ import annotations

import shutil

from cmrpipe.files import write_bytes
from flows.integrity.diagnosis import is_there, object_path
from flows.integrity.objects import md5_of
from flows.integrity.records import DIR
from flows.integrity.trees import rebuilt
from flows.integrity.work import Lost, Work


class Mending:
    """Cache and remote of a rebuild, after its workspace files came back."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._survey = work.survey

    def run(self) -> None:
        """Folders' records first, then the cache, then the remote."""
        self._mend_trees()
        self._mend_cache()
        self._mend_remote()

    def _mend_trees(self) -> None:
        """Put records of folders back into the cache."""
        survey = self._survey
        for out in survey.outs:
            tree = survey.trees.get(out.path)
            if tree is not None and out.cached and not survey.whole_cached(tree.oid):
                survey.cache.add_bytes(tree.oid, tree.data)
                survey.cached[tree.oid] = survey.cache.digest(tree.oid)
                self._work.came(object_path(tree.oid), f"cache: the record of {out.path}, made again")

    def _mend_cache(self) -> None:
        """Replace bad objects of the cache; those of older versions that nobody has any more are removed, and told."""
        survey = self._survey
        needed = survey.needed()
        for oid in sorted(survey.cached.keys() | needed.keys()):
            if survey.whole_cached(oid) or (oid not in needed and not is_there(survey.cache.path(oid))):
                continue
            try:
                self._mend_object(oid, needed.get(oid, ""))
            except PermissionError as error:
                why = f"{error.strerror}: {error.filename}; mend that and run it again"
                self._work.result.lost.append(Lost(f"cache {object_path(oid)}", why))

    def _mend_object(self, oid: str, used: str) -> None:
        survey = self._survey
        source = next((p for p, md5 in survey.expected.items() if md5 == oid and survey.whole_here(p)), None)
        if source is not None and survey.cache.add(oid, survey.root / source):
            survey.cached[oid] = survey.cache.digest(oid)
            self._work.came(object_path(oid), f"cache: from workspace {source}")
        elif not self._work.to_cache(oid) and not self._mend_old_tree(oid):
            self._drop(oid, used)

    def _mend_old_tree(self, oid: str) -> bool:
        """Make the record of an older version again from what is left of it and the objects there are."""
        survey = self._survey
        if not oid.endswith(DIR) or not survey.cache.path(oid).exists():
            return False
        damaged = survey.cache.path(oid).read_bytes()
        for out in survey.outs:
            prefix = f"{out.path}/"
            here = {p.removeprefix(prefix): md5 for p, md5 in survey.expected.items() if p.startswith(prefix)}
            tree = rebuilt(oid, here, [damaged])
            if tree is not None:
                survey.cache.add_bytes(oid, tree.data)
                survey.cached[oid] = survey.cache.digest(oid)
                self._work.came(object_path(oid), f"cache: the record of an older {out.path}, made again")
                return True
        return False

    def _drop(self, oid: str, used: str) -> None:
        survey = self._survey
        there = survey.cache.path(oid).exists()
        if there:  # DVC would check it out as good
            shutil.move(survey.cache.path(oid), self._work.aside(f"cache/{oid}"))
        survey.cached.pop(oid, None)
        what = f"object of {used}" if used else "object of an older version, which cannot be checked out any more"
        what += "; moved out of the cache" if there else "; no whole copy of it was found"
        self._work.result.lost.append(Lost(f"cache {object_path(oid)}", what))

    def _mend_remote(self) -> None:
        survey = self._survey
        if survey.remote is None:
            return
        for oid in sorted(survey.needed()):
            found = survey.held.get(oid)
            if found is not None and found.md5 == md5_of(oid):
                continue
            if survey.whole_cached(oid) and survey.remote.replace(oid, survey.cache):
                survey.held[oid] = survey.cached[oid]
                self._work.came(object_path(oid), f"remote {survey.remote.name}: from cache")
            else:
                self._give_up(oid)

    def _give_up(self, oid: str) -> None:
        """Take a bad object off the remote: DVC would fetch it as good, and a `dvc push` of a whole copy skip it."""
        remote = self._survey.remote
        data = remote.read(oid) if remote else None
        why = "it has no whole copy here to upload"
        if remote is not None and data is not None:
            write_bytes(self._work.aside(f"remote/{oid}"), data)
            remote.remove(oid)
            self._survey.held[oid] = None
            why += "; moved out of the remote"
        self._work.result.lost.append(Lost(f"remote {object_path(oid)}", why))
