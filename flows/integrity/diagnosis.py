"""From what is there to what is wrong, how it differs, and what will bring it back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.incremental.manifest import MANIFEST, active_commit, salvage
from cmrpipe.progress import silent
from cmrpipe.store.verify import Digest, Place, State, Verdict, is_cut_short, verify_store
from flows.integrity.bycatalog import unlike_catalog
from flows.integrity.misread import misread
from flows.integrity.objects import md5_of
from flows.integrity.records import DIR, Out
from flows.integrity.survey import RAW, STORE, Survey

LOST = "nothing: lost"
BY_CATALOG = "by the catalog"
EDITED = "`dvc repro` when you edited it, `git checkout {}` when you did not"


def place_of(out: Out) -> Place:
    """Where an output counts."""
    return Place.RAW if not out.stage else Place.STORE if out.path == STORE else Place.OUTPUT


def object_path(oid: str) -> str:
    """Name of an object below the cache or the remote."""
    return f"files/md5/{oid[:2]}/{oid[2:]}"


class Diagnosis:
    """What is wrong with what a survey has found."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._needed = survey.needed()
        self._paths: dict[str, list[str]] = {}
        for path, md5 in survey.expected.items():
            self._paths.setdefault(md5, []).append(path)
        for path, tree in survey.trees.items():
            if tree is not None:
                self._paths.setdefault(md5_of(tree.oid), []).append(f"the record of {path}")
        self._lost_patients: set[str] = set()

    def verdicts(self) -> list[Verdict]:
        """All that is bad, raw data first, then outputs in the order of the stages, cache, remote."""
        bad: list[Verdict] = []
        for out in self._survey.outs:
            found = list(self._out(out))
            if not out.stage:
                self._lost_patients |= {verdict.patient for verdict in found if verdict.remedy == LOST}
            bad += found
        return [*bad, *misread(self._survey), *self._cache(), *self._remote()]

    def _twin(self, md5: str) -> str | None:
        return next((path for path in self._paths.get(md5, ()) if self._survey.whole_here(path)), None)

    def _remote_has(self, oid: str) -> str | None:
        survey = self._survey
        if survey.remote is not None:
            found = survey.held.get(oid)
            return f"remote {survey.remote.name}" if found and found.md5 == md5_of(oid) else None
        name = survey.objects.default
        return f"remote {name}, if it has it (not looked at)" if name else None

    def _remedy(self, path: str, md5: str, *, cache: bool = True) -> str:
        out = self._survey.out_of(path)
        if cache and self._survey.whole_cached(md5):
            return "cache"
        twin = self._twin(md5)
        if twin is not None:
            return f"workspace copy {twin}"
        if not out.cached:
            return f"`git checkout {path}`, or recomputing it (`cmrpipe {out.stage}`)"
        remote = self._remote_has(md5)
        if remote is not None:
            return remote
        if not out.stage or self._survey.owners.of(path) in self._lost_patients - {""}:
            return LOST
        return f"recomputing it from raw (`cmrpipe {out.stage}`)"

    def _differs(self, found: Digest, md5: str, whole: int | None, path: str = "") -> tuple[State, str]:
        """How bytes differ from those of `md5`; `whole` is the size these have, where it is known."""
        if found.size == 0 and whole:
            return State.TRUNCATED, f"0 of {whole:,} bytes"
        others = [other for other in self._paths.get(found.md5, ()) if other != path]
        if others and found.md5 != md5:
            patient = self._survey.owners.of(others[0])
            mine = self._survey.owners.of(path) if path else ""
            whose = f", of patient {patient}" if patient and patient != mine else ""
            return State.SWAPPED, f"holds the bytes of {others[0]}{whose}"
        if found.size == 0 or (whole is not None and found.size < whole):
            return State.TRUNCATED, f"{found.size:,} of {whole:,} bytes" if whole is not None else "empty"
        if whole is not None and found.size > whole:
            return State.ALTERED, f"{found.size:,} bytes instead of {whole:,}"
        return State.ALTERED, "same size, other bytes" if whole is not None else "its MD5 is not the recorded one"

    def _size(self, md5: str) -> int | None:
        """Size that an object must have, from any whole copy."""
        survey = self._survey
        for found in (survey.cached.get(md5), survey.held.get(md5)):
            if found is not None and found.md5 == md5_of(md5):
                return found.size
        twin = self._twin(md5)
        copy = survey.here.get(twin) if twin else None
        return copy.size if copy else None

    def _out(self, out: Out) -> Iterator[Verdict]:
        survey, place = self._survey, place_of(out)
        folder = survey.root / out.path
        if out.stage and active_commit(folder) is not None:
            yield Verdict(place, out.path, "", State.ALTERED, "a run was cut short in its commit", "`dvc repro`")
        if out.is_folder and survey.trees.get(out.path) is None:
            yield from self._without_tree(out)
            return
        mine = [path for path in survey.expected if path == out.path or path.startswith(f"{out.path}/")]
        bad = [path for path in mine if survey.wanted(path) and not survey.whole_here(path)]
        latest = self._unrecorded(out) if bad else {}
        known = [found.size for path in mine if (found := survey.here.get(path)) and survey.whole_here(path)]
        rest = out.size - sum(known) if out.size is not None and len(known) == len(mine) - 1 else None
        for path in bad:
            yield self._file(out, path, rest, latest)
        for path in sorted(set(survey.here) - set(survey.expected)):
            if path.startswith(f"{out.path}/") and survey.wanted(path):
                detail = (
                    "the stage wrote it, and DVC has not recorded it" if path in latest else "DVC has no record of it"
                )
                yield Verdict(place, path, survey.owners.of(path), State.EXTRA, detail, "moving it away")
        yield from self._against_manifest(out)
        if not bad and out.size is not None and len(known) == len(mine) and sum(known) != out.size:
            detail = f"{out.record} records {out.size:,} bytes, its files have {sum(known):,}"
            yield Verdict(Place.RECORD, out.record, "", State.ALTERED, detail, f"`git checkout {out.record}`")

    def _file(self, out: Out, path: str, rest: int | None, latest: dict[str, str]) -> Verdict:
        survey, place, patient = self._survey, place_of(out), self._survey.owners.of(path)
        md5 = survey.expected[path]
        remedy = self._remedy(path, md5)
        if path not in survey.here and not is_there(survey.root / path):
            return Verdict(place, path, patient, State.MISSING, "", remedy)
        found = survey.here.get(path)
        if found is None:
            return Verdict(place, path, patient, State.ALTERED, _unreadable(survey.root / path), remedy)
        if not out.cached:
            return Verdict(place, path, patient, State.ALTERED, "was edited or altered", EDITED.format(path))
        size = self._size(md5)
        state, detail = self._differs(found, md5, size if size is not None else rest, path)
        if state is State.ALTERED and size is None and rest is None and is_cut_short(survey.root / path, found.size):
            state = State.TRUNCATED
        if latest.get(path) == found.sha256:
            detail = "is what the stage last wrote, which DVC has not recorded: `dvc repro`, when you want it"
        return Verdict(place, path, patient, state, detail, remedy)

    def _unrecorded(self, out: Out) -> dict[str, str]:
        """SHA-256 of files by path, from a sound manifest that is not the recorded one: a stage run without DVC."""
        survey = self._survey
        if not out.stage or not out.is_folder or survey.whole_here(f"{out.path}/{MANIFEST}"):
            return {}
        entries = salvage(survey.root / out.path)
        return {f"{out.path}/{name}": sha for entry in entries.values() for name, sha in entry["files"].items()}

    def _against_manifest(self, out: Out) -> Iterator[Verdict]:
        """Files that are as DVC recorded them, and not as the stage wrote them: altered in between."""
        if not out.stage or not out.is_folder:
            return
        survey = self._survey
        for entry in salvage(survey.root / out.path).values():
            for name, sha256 in entry["files"].items():
                path = f"{out.path}/{name}"
                found = survey.here.get(path)
                if found is not None and found.sha256 not in ("", sha256) and survey.whole_here(path):
                    detail = "is as DVC recorded it and not as the stage wrote it: altered before it was recorded"
                    remedy = f"removing it, then `dvc repro --force --single-item {out.stage}`"
                    yield Verdict(place_of(out), path, survey.owners.of(path), State.ALTERED, detail, remedy)

    def _without_tree(self, out: Out) -> Iterator[Verdict]:
        """A folder whose record is nowhere: its own manifest is what is left."""
        survey, place = self._survey, place_of(out)
        if out.others:
            elsewhere = f"later stages or the last commit have {out.others[0]}"
            detail = f"gives {out.path} the hash {out.md5}, of which there is no record; {elsewhere}"
            yield Verdict(Place.RECORD, out.record, "", State.ALTERED, detail, f"`git checkout {out.record}`")
        again = f"recomputing it from raw (`cmrpipe {out.stage}`)" if out.stage else LOST
        remedy = self._remote_has(out.md5) or again
        there = any(path.startswith(f"{out.path}/") for path in survey.here)
        detail = "no whole record of its files is left here" if there else "neither files nor their record are here"
        yield Verdict(place, out.path, "", State.ALTERED if there else State.MISSING, detail, remedy)
        if out.path == RAW:
            for path, state in unlike_catalog(survey.root, survey.here):
                if survey.wanted(path):
                    yield Verdict(place, path, survey.owners.of(path), state, BY_CATALOG, remedy)
        if there and out.stage:
            try:
                for found in verify_store(survey.root / out.path, listen=silent).bad:
                    path = f"{out.path}/{found.path}"
                    yield Verdict(place, path, survey.owners.of(path), found.state, found.detail, remedy)
            except CmrpipeError:
                return

    def _cache(self) -> Iterator[Verdict]:
        survey = self._survey
        for oid in sorted(survey.cached.keys() | self._needed.keys()):
            if survey.whole_cached(oid):
                continue
            used = self._needed.get(oid, "")
            patient = survey.owners.of(used) if used else ""
            name, remedy = object_path(oid), self._object_remedy(oid, used, cached=False)
            if not is_there(survey.cache.path(oid)):
                yield Verdict(Place.CACHE, name, patient, State.MISSING, _purpose(used), remedy)
                continue
            found = survey.cached.get(oid)
            state, detail = State.ALTERED, _unreadable(survey.cache.path(oid))
            if found is not None:
                size = len(self._tree_data(oid) or b"") or self._size(oid)
                state, detail = self._differs(found, md5_of(oid), size)
            yield Verdict(Place.CACHE, name, patient, state, f"{_purpose(used)}; {detail}", remedy)

    def _remote(self) -> Iterator[Verdict]:
        survey = self._survey
        for oid, found in sorted(survey.held.items()):
            if found is not None and found.md5 == md5_of(oid):
                continue
            used = self._needed[oid]
            patient, remedy = survey.owners.of(used), self._object_remedy(oid, used, cached=True)
            if found is None:
                yield Verdict(Place.REMOTE, object_path(oid), patient, State.MISSING, _purpose(used), remedy)
                continue
            state, detail = State.ALTERED, "cannot be read"
            if found.md5:
                state, detail = self._differs(found, md5_of(oid), len(self._tree_data(oid) or b"") or self._size(oid))
            yield Verdict(Place.REMOTE, object_path(oid), patient, state, f"{_purpose(used)}; {detail}", remedy)

    def _tree_data(self, oid: str) -> bytes | None:
        return next((tree.data for tree in self._survey.trees.values() if tree and tree.oid == oid), None)

    def _object_remedy(self, oid: str, used: str, *, cached: bool) -> str:
        """What brings an object of the cache (or, `cached`, of the remote) back."""
        if cached and self._survey.whole_cached(oid):
            return "cache"
        if self._tree_data(oid) is not None:
            return "the folder's files, which it lists"
        if not used:
            return self._remote_has(oid) or LOST
        if oid.endswith(DIR):
            out = self._survey.out_of(used)
            return self._remote_has(oid) or (f"recomputing {used} (`cmrpipe {out.stage}`)" if out.stage else LOST)
        return self._remedy(used, oid, cache=False)


def is_there(path: Path) -> bool:
    """Whether something has this name, readable or not."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _unreadable(path: Path) -> str:
    """Why something that is there cannot be read."""
    if os.path.isdir(path):  # noqa: PTH112 never raises
        return "is a folder where a file belongs"
    return "is a link that leads nowhere" if path.is_symlink() and not os.path.exists(path) else "cannot be read"  # noqa: PTH110


def _purpose(used: str) -> str:
    if not used:
        return "object of another version"
    return f"object of {used}"
