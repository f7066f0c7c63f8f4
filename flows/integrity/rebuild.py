"""Bringing back what is bad, from the nearest whole copy (cache, another file, remote, raw), proven by hash."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog

from cmrpipe.dvclist import list_bytes, md5_bytes
from cmrpipe.incremental.locking import alone
from cmrpipe.incremental.manifest import active_commit, pending
from cmrpipe.incremental.refresh import lock_file
from cmrpipe.progress import Listener
from cmrpipe.store.verify import Digest, State, digest_file
from cmrpipe.workspace import Workspace
from flows.git import committed
from flows.integrity.bycatalog import unlike_catalog
from flows.integrity.dependents import dependents
from flows.integrity.diagnosis import Diagnosis
from flows.integrity.leftovers import clear_leftovers
from flows.integrity.mend import Mending
from flows.integrity.objects import copy_proven
from flows.integrity.recompute import RecomputeError, recomputed
from flows.integrity.records import Out
from flows.integrity.survey import RAW, Survey, files_of
from flows.integrity.trees import proven
from flows.integrity.work import Lost, Rebuilt, Work

log = structlog.get_logger(__name__)


class Rebuild:
    """One rebuild of a surveyed workspace; the caller holds the write lock."""

    def __init__(self, survey: Survey, listen: Listener, *, remove_extra: bool = False) -> None:
        self._survey = survey
        self._remove_extra = remove_extra
        self._bad = Diagnosis(survey).verdicts()
        self._work = Work(survey, listen, max(1, len(self._bad)))
        self._refused: dict[str, str] = {}

    def run(self) -> Rebuilt:
        """Bring back everything that can be, workspace first, then cache, then remote."""
        clear_leftovers(self._survey.root, self._survey.outs, self._survey.cache)
        if self._bad:
            with ExitStack() as held:
                for out in self._survey.outs:
                    if out.stage and out.is_folder:  # a stage that was started by hand
                        held.enter_context(alone(lock_file(self._survey.root / out.path)))
                self._extras()
                for stage, outs in self._by_stage():
                    self._restore(stage, outs)
            Mending(self._work).run()
        self._tell_left()
        return self._work.result

    def _by_stage(self) -> list[tuple[str, list[Out]]]:
        found: dict[str, list[Out]] = {}
        for out in self._survey.outs:
            found.setdefault(out.stage, []).append(out)
        return list(found.items())

    def _extras(self) -> None:
        """Move files that nobody recorded out of the way; in raw only when that was asked for."""
        for verdict in self._bad:
            if verdict.state is State.EXTRA and verdict.path in self._survey.here:
                out = self._survey.out_of(verdict.path)
                if out.stage or self._remove_extra:
                    self._move_extra(verdict.path)

    def _move_extra(self, path: str) -> None:
        place = self._work.aside(path)
        shutil.move(self._survey.root / path, place)
        self._survey.here.pop(path, None)
        self._work.came(path, f"extra: moved to {place.relative_to(self._survey.root)}")
        folder = (self._survey.root / path).parent
        while folder != Workspace(self._survey.root).data and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent

    def _install(self, path: str, source: Path, way: str) -> bool:
        """Put a workspace file in place from a copy that holds its bytes; its new inode and time tell DVC to look."""
        survey = self._survey
        target, md5 = survey.root / path, survey.expected[path]
        try:
            self._make_room(target)
            if survey.out_of(path).path == RAW and survey.here.get(path) is not None:
                shutil.copy2(target, self._work.aside(path))
            if not copy_proven(source, target, md5):
                return False
        except PermissionError as error:
            self._refused[path] = f"{error.strerror}: {error.filename}"
            return False
        survey.here[path] = Digest(md5, "", target.stat().st_size)
        self._work.came(path, way)
        return True

    def _make_room(self, target: Path) -> None:
        """Move a folder that stands in a file's place aside, and a file or a link in place of one of its folders."""
        root = self._survey.root
        inside = [parent for parent in target.parents if Workspace(root).data in parent.parents]
        wrong = [parent for parent in inside if parent.is_symlink() or parent.is_file()]
        for path in (*wrong, *([target] if target.is_dir() else [])):
            place = self._work.aside(path.relative_to(root).as_posix())
            shutil.move(path, place)
            for name in [n for n in self._survey.here if n.startswith(f"{path.relative_to(root).as_posix()}/")]:
                self._survey.here.pop(name)
            self._work.came(path.relative_to(root).as_posix(), f"in the way: moved to {place.relative_to(root)}")

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
                self._work.came(out.path, "a run that was cut short in its commit was undone")
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
                self._work.result.lost.append(Lost(path, self._refused.get(path, why), used))
        for out in unproven:
            if survey.trees.get(out.path) is None:
                self._work.result.lost.append(Lost(out.path, f"the record of its files ({out.md5}) is lost; {why}"))
                self._tell_by_catalog(out, why)

    def _tell_by_catalog(self, out: Out, why: str) -> None:
        """Which raw files are lost, where nothing but the catalog tells what there was."""
        survey = self._survey
        for path, _ in unlike_catalog(survey.root, survey.here) if out.path == RAW else ():
            if survey.wanted(path):
                self._work.result.lost.append(Lost(path, why, dependents(survey.root, path, survey.owners)))

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
        try:
            came = self._work.to_cache(md5)
        except PermissionError as error:
            self._refused[path] = f"{error.strerror}: {error.filename}"
            return False
        return came and self._install(path, survey.cache.path(md5), f"from {self._work.source_name()}")

    def _from_git(self, path: str) -> bool:
        """Bring back a file that git keeps, when git's version is the recorded one."""
        survey = self._survey
        data = committed(survey.root, path)
        if data is None or md5_bytes(data) != survey.expected[path]:
            return False
        state = Workspace(survey.root).state
        state.mkdir(exist_ok=True)
        source = state / f"git-{survey.expected[path]}"
        source.write_bytes(data)
        try:
            return self._install(path, source, "from git")
        finally:
            source.unlink()

    def _recompute(self, stage: str, outs: list[Out], still: list[str], unproven: list[Out]) -> str:
        """Make files again with the stage's own command; returns why those that did not come back did not."""
        survey = self._survey
        log.info("recomputing", stage=stage, files=len(still))
        good = [path for out in outs for path in files_of(survey.root, out) if path not in still]
        try:
            with recomputed(survey.root, stage, outs, good, self._work.listen) as made:
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
        tree = proven(out.md5, list_bytes(hashes))
        if tree is None:
            return []
        survey.trees[out.path] = tree
        survey.expected |= {prefix + name: md5 for name, md5 in tree.entries.items()}
        return [prefix + name for name in tree.entries if not survey.whole_here(prefix + name)]

    def _tell_left(self) -> None:
        """What is for a person to decide: extra raw files, edited files, records."""
        lost = {lost.path for lost in self._work.result.lost}
        for verdict in Diagnosis(self._survey).verdicts():
            about = verdict.path in lost or any(path.endswith(verdict.path) for path in lost)
            if not about:
                self._work.result.left.append(verdict)
