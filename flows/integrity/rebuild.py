"""Bringing back what is bad, from the nearest whole copy (cache, another file, remote, raw), proven by hash."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from cmrpipe.manifest import active_commit, pending
from cmrpipe.progress import Listener, Progress
from cmrpipe.store.verify import Digest, State, Verdict, digest_file
from flows.integrity.dependents import dependents
from flows.integrity.judge import Judge, object_path
from flows.integrity.objects import RemoteError, copy_proven, md5_of
from flows.integrity.recompute import RecomputeError, recomputed
from flows.integrity.records import DIR, Out
from flows.integrity.survey import RAW, Survey, files_of
from flows.integrity.trees import proven, rebuilt, tree_bytes

log = structlog.get_logger(__name__)

ASIDE = Path(".cmrpipe") / "set-aside"


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that did not come back, why, and what was made from it."""

    path: str
    why: str
    used_by: tuple[str, ...] = ()


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did: (path, way it came back) in order; what is lost; what a person must decide."""

    restored: list[tuple[str, str]] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    left: list[Verdict] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing is bad any more."""
        return not self.lost and not self.left


class Rebuild:
    """One rebuild of a surveyed workspace; the caller holds the write lock."""

    def __init__(self, survey: Survey, listen: Listener, *, remove_extra: bool = False) -> None:
        self._survey = survey
        self._listen = listen
        self._remove_extra = remove_extra
        self._bad = Judge(survey).verdicts()
        self._total = max(1, len(self._bad))
        self.result = Rebuilt()

    def run(self) -> Rebuilt:
        """Bring back everything that can be, workspace first, then cache, then remote."""
        if self._bad:
            self._extras()
            for stage, outs in self._by_stage():
                self._restore(stage, outs)
            self._mend_trees()
            self._mend_cache()
            self._mend_remote()
        self._tell_left()
        return self.result

    def _by_stage(self) -> list[tuple[str, list[Out]]]:
        found: dict[str, list[Out]] = {}
        for out in self._survey.outs:
            found.setdefault(out.stage, []).append(out)
        return list(found.items())

    def _came(self, path: str, way: str) -> None:
        self.result.restored.append((path, way))
        self._listen(Progress("rebuild", path, min(len(self.result.restored), self._total), self._total, way))

    def _aside(self, path: str) -> Path:
        """A free place to keep what stands where a file belongs: nothing that may be somebody's work is deleted."""
        target = self._survey.root / ASIDE / path
        number = 0
        while target.exists():
            number += 1
            target = target.with_name(f"{Path(path).name}.{number}")
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _extras(self) -> None:
        """Move files that nobody recorded out of the way; in raw only when that was asked for."""
        for verdict in self._bad:
            if verdict.state is State.EXTRA and verdict.path in self._survey.here:
                out = self._survey.out_of(verdict.path)
                if out.stage or self._remove_extra:
                    self._move_extra(verdict.path)

    def _move_extra(self, path: str) -> None:
        place = self._aside(path)
        shutil.move(self._survey.root / path, place)
        self._survey.here.pop(path, None)
        self._came(path, f"extra: moved to {place.relative_to(self._survey.root)}")
        folder = (self._survey.root / path).parent
        while folder != self._survey.root / "data" and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent

    def _install(self, path: str, source: Path, way: str) -> bool:
        """Put a workspace file in place from a copy that holds its bytes; its new inode and time tell DVC to look."""
        survey = self._survey
        target, md5 = survey.root / path, survey.expected[path]
        if target.is_dir() or any(parent.is_file() for parent in target.parents):
            return False
        if survey.out_of(path).path == RAW and survey.here.get(path) is not None:
            shutil.copy2(target, self._aside(path))
        if not copy_proven(source, target, md5):
            return False
        survey.here[path] = Digest(md5, "", target.stat().st_size)
        self._came(path, way)
        return True

    def _bad_files(self, outs: Sequence[Out]) -> list[str]:
        survey = self._survey
        return [
            path
            for path in survey.expected
            if survey.wanted(path)
            and not survey.whole_here(path)
            and any(path == out.path or path.startswith(f"{out.path}/") for out in outs)
        ]

    def _edited(self, out: Out, path: str) -> bool:
        """Whether a file is one that people edit, and there: they decide."""
        return not out.cached and (self._survey.root / path).exists()

    def _restore(self, stage: str, outs: list[Out]) -> None:
        """Bring the workspace files of one stage (or of raw) back."""
        survey = self._survey
        for out in outs:
            if stage and active_commit(survey.root / out.path) is not None:
                shutil.rmtree(pending(survey.root / out.path))  # what is recorded comes back, not what was under way
                self._came(out.path, "a run that was cut short in its commit was undone")
        still = [path for path in self._bad_files(outs) if not self._fetch(path)]
        still = [path for path in still if not self._edited(survey.out_of(path), path)]
        unproven = [out for out in outs if out.is_folder and survey.trees.get(out.path) is None]
        if not still and not unproven:
            return
        why = "neither cache nor remote has its bytes"
        if stage:
            why = self._recompute(stage, outs, still, unproven)
        for path in still:
            if not survey.whole_here(path):
                used = () if stage else dependents(survey.root, path, survey.owners)
                self.result.lost.append(Lost(path, why, used))
        for out in unproven:
            if survey.trees.get(out.path) is None:
                self.result.lost.append(Lost(out.path, f"the record of its files ({out.md5}) is lost; {why}"))

    def _fetch(self, path: str) -> bool:
        """Bring a file back from cache, another file, git or remote."""
        survey = self._survey
        md5, out = survey.expected[path], survey.out_of(path)
        if survey.whole_cached(md5) and self._install(path, survey.cache.path(md5), "from cache"):
            return True
        twin = next(
            (other for other, sum_ in survey.expected.items() if sum_ == md5 and survey.whole_here(other)), None
        )
        if twin is not None and self._install(path, survey.root / twin, f"from {twin}, which has the same bytes"):
            return True
        if not out.cached:
            return not (survey.root / path).exists() and self._from_git(path)
        return self._to_cache(md5) and self._install(path, survey.cache.path(md5), f"from {self._source_name()}")

    def _from_git(self, path: str) -> bool:
        """Bring back a file that git keeps, when git's version is the recorded one."""
        survey = self._survey
        done = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=survey.root, capture_output=True, check=False)  # noqa: S607
        if done.returncode or hashlib.md5(done.stdout, usedforsecurity=False).hexdigest() != survey.expected[path]:
            return False
        (survey.root / ".cmrpipe").mkdir(exist_ok=True)
        source = survey.root / ".cmrpipe" / f"git-{survey.expected[path]}"
        source.write_bytes(done.stdout)
        try:
            return self._install(path, source, "from git")
        finally:
            source.unlink()

    def _source_name(self) -> str:
        return f"remote {self._survey.source.name}" if self._survey.source else "remote"

    def _to_cache(self, oid: str) -> bool:
        """Bring an object from the remote into the cache; whether it came."""
        survey = self._survey
        try:
            if survey.source is None or not survey.source.fetch(oid, survey.cache):
                return False
        except RemoteError as error:
            if survey.remote is not None:
                raise
            log.warning("going on without the remote", reason=str(error))
            survey.source = None
            return False
        survey.cached[oid] = survey.cache.digest(oid)
        self._came(object_path(oid), f"cache: from {self._source_name()}")
        return survey.whole_cached(oid)

    def _recompute(self, stage: str, outs: list[Out], still: list[str], unproven: list[Out]) -> str:
        """Make files again with the stage's own command; returns why those that did not come back did not."""
        survey = self._survey
        log.info("recomputing", stage=stage, files=len(still))
        good = [path for out in outs for path in files_of(survey.root, out) if path not in still]
        try:
            with recomputed(survey.root, stage, outs, good, self._listen) as made:
                for out in unproven:
                    still += self._prove(out, made)
                for path in still:
                    if path in made:
                        self._install(path, made[path], f"recomputed from raw (cmrpipe {stage})")
        except RecomputeError as error:
            return f"{error.where} {error.cause}"
        known = {out.path for out in unproven if survey.trees.get(out.path) is not None}
        for path in [p for p in survey.here if p not in survey.expected and survey.out_of(p).path in known]:
            self._move_extra(path)
        return (
            f"recomputed by cmrpipe {stage}, it has other bytes: what it was made from, parameters or code are others"
        )

    def _prove(self, out: Out, made: dict[str, Path]) -> list[str]:
        """Make the record of a recomputed folder; when it is the recorded one, the files that differ from it."""
        survey, prefix = self._survey, f"{out.path}/"
        hashes = {
            path.removeprefix(prefix): digest_file(where, md5=True, sha256=False).md5
            for path, where in made.items()
            if path.startswith(prefix)
        }
        tree = proven(out.md5, tree_bytes(hashes))
        if tree is None:
            return []
        survey.trees[out.path] = tree
        survey.expected |= {prefix + name: md5 for name, md5 in tree.entries.items()}
        return [prefix + name for name in tree.entries if not survey.whole_here(prefix + name)]

    def _mend_trees(self) -> None:
        """Put records of folders back into the cache."""
        survey = self._survey
        for out in survey.outs:
            tree = survey.trees.get(out.path)
            if tree is not None and out.cached and not survey.whole_cached(tree.oid):
                survey.cache.add_bytes(tree.oid, tree.data)
                survey.cached[tree.oid] = survey.cache.digest(tree.oid)
                self._came(object_path(tree.oid), f"cache: the record of {out.path}, made again")

    def _mend_cache(self) -> None:
        """Replace bad objects of the cache; those of older versions that nobody has any more are removed, and told."""
        survey = self._survey
        needed = survey.needed()
        for oid in sorted(survey.cached.keys() | needed.keys()):
            if survey.whole_cached(oid) or (oid not in needed and not survey.cache.path(oid).exists()):
                continue
            used = needed.get(oid, "")
            source = next((p for p, md5 in survey.expected.items() if md5 == oid and survey.whole_here(p)), None)
            if source is not None and survey.cache.add(oid, survey.root / source):
                survey.cached[oid] = survey.cache.digest(oid)
                self._came(object_path(oid), f"cache: from workspace {source}")
            elif not self._to_cache(oid) and not self._mend_old_tree(oid):
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
                self._came(object_path(oid), f"cache: the record of an older {out.path}, made again")
                return True
        return False

    def _drop(self, oid: str, used: str) -> None:
        survey = self._survey
        there = survey.cache.path(oid).exists()
        survey.cache.remove(oid)  # DVC would check it out as good
        survey.cached.pop(oid, None)
        what = f"object of {used}" if used else "object of an older version, which cannot be checked out any more"
        if there or not used:
            self.result.lost.append(Lost(f"cache {object_path(oid)}", f"{what}; removed from the cache"))

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
                self._came(object_path(oid), f"remote {survey.remote.name}: from cache")
            else:
                self.result.lost.append(Lost(f"remote {object_path(oid)}", "no whole copy to upload"))

    def _tell_left(self) -> None:
        """What is for a person to decide: extra raw files, edited files, records."""
        lost = {lost.path for lost in self.result.lost}
        for verdict in Judge(self._survey).verdicts():
            about = verdict.path in lost or any(path.endswith(verdict.path) for path in lost)
            if not about:
                self.result.left.append(verdict)
