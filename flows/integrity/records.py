"""What DVC recorded: outputs with their hashes, from `dvc.lock` and `*.dvc`, read as plain files.

DVC's own loaders would do for sound records; these have to say what is wrong with unsound ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cmrpipe.errors import CmrpipeError, ParamsError
from cmrpipe.params import load_params
from cmrpipe.plainyaml import read_record
from cmrpipe.workspace import HERE
from flows.git import committed

LOCK, PIPELINE, PARAMS = map(str, (HERE.lock, HERE.pipeline, HERE.params))
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
DIR = ".dir"
_UNMERGED = re.compile(rb"^<{7} ", re.MULTILINE)
_SETTLE = "Settle it, `git status` says how it came (docs/deploy.md, Two landed at once), then again"


class RecordError(CmrpipeError, ValueError):
    """A file that git keeps and that cannot be what was committed."""


@dataclass(frozen=True, slots=True)
class Out:
    """A recorded output.

    Attributes
    ----------
    path : relative to the workspace, "/" between parts
    md5 : its object's name; ends in `.dir` for a folder
    size : bytes of all its files, None where DVC did not note it
    record : the file that says so
    stage : the stage that makes it, "" for raw data
    cached : whether DVC keeps it (quarantine.csv is in git instead)
    others : hashes under which later stages, or the last commit, know it, where they differ
    """

    path: str
    md5: str
    size: int | None
    record: str
    stage: str
    cached: bool
    others: tuple[str, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return self.md5.endswith(DIR)


def _mend(name: str) -> str:
    return f"When you did not change it: `git checkout {name}`"


def _load(path: Path, name: str) -> dict[str, Any]:
    data = b""
    try:
        data = path.read_bytes()
        value = read_record(data)
    except OSError as error:
        raise RecordError(path, f"is missing or unreadable ({error.strerror})", f"`git checkout {name}`") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        if _UNMERGED.search(data):
            raise RecordError(path, "was changed here and elsewhere, and is not merged", _SETTLE) from error
        raise RecordError(path, f"is altered: it is no YAML ({error})", _mend(name)) from error
    if value is None:
        mend = f"`git checkout {name}`; remove it where it was never committed"
        raise RecordError(path, "is empty", mend)
    if not isinstance(value, dict):
        raise RecordError(path, "is altered: it is no mapping", _mend(name))
    return value


def _entry(value: Any, path: Path, name: str) -> tuple[str, str, int | None]:
    """Path, hash and size of one record."""
    where, md5, size = (value.get(key) for key in ("path", "md5", "size")) if isinstance(value, dict) else (None,) * 3
    if not isinstance(where, str) or not isinstance(md5, str) or not _MD5.fullmatch(md5):
        raise RecordError(path, f"is altered: {value!r} is no record of an output", _mend(name))
    return where, md5, size if isinstance(size, int) else None


def _pipeline_outs(stage: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Outputs that `dvc.yaml` names for a stage, and whether DVC keeps them."""
    for kind in ("outs", "metrics", "plots"):
        for out in stage.get(kind) or []:
            options = next(iter(out.values())) if isinstance(out, dict) else {}
            yield str(next(iter(out)) if isinstance(out, dict) else out), bool((options or {}).get("cache", True))


def _committed(root: Path, name: str) -> dict[str, Any]:
    """A record as the last commit has it; {} where there is no git, or it has none."""
    try:
        value = read_record(committed(root, name) or b"")
    except (yaml.YAMLError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _known_before(root: Path, stages: Mapping[str, Any], locked: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of outputs by path, as the last commit has them.

    Raises
    ------
    RecordError : it has a stage that dvc.lock lacks, and the output of that stage lies here
    """
    found: dict[str, str] = {}
    for stage, value in (_committed(root, LOCK).get("stages") or {}).items():
        outs = [out for out in value.get("outs") or [] if isinstance(out, dict) and "path" in out and "md5" in out]
        there = [out["path"] for out in outs if (root / out["path"]).exists()]
        if stage in stages and stage not in locked and there:
            raise RecordError(root / LOCK, f"lacks stage {stage}, whose output {there[0]} lies here", _mend(LOCK))
        found |= {out["path"]: out["md5"] for out in outs}
    for path in (*root.glob("*.dvc"), *root.glob("data/*.dvc")):
        outs = _committed(root, path.relative_to(root).as_posix()).get("outs") or []
        where = path.parent.relative_to(root)
        found |= {(where / out["path"]).as_posix(): out["md5"] for out in outs if {"path", "md5"} <= out.keys()}
    return found


def dependency(root: Path, stage: str, path: str) -> str:
    """Hash of what a stage was run on, by dvc.lock; "" where that does not say."""
    try:
        deps = _load(root / LOCK, LOCK)["stages"][stage]["deps"]
        return next((str(dep["md5"]) for dep in deps if dep["path"] == path), "")
    except (RecordError, KeyError, TypeError):
        return ""


def tracked(root: Path) -> list[Out]:
    """Outputs that `dvc add` recorded."""
    outs: list[Out] = []
    for path in sorted((*root.glob("*.dvc"), *root.glob("data/*.dvc"))):
        if path.is_file():
            name = path.relative_to(root).as_posix()
            for value in _load(path, name).get("outs") or [None]:
                where, md5, size = _entry(value, path, name)
                place = (path.parent / where).relative_to(root).as_posix()
                outs.append(Out(place, md5, size, name, "", cached=True))
    return outs


def read_records(root: Path) -> tuple[Out, ...]:
    """All outputs that DVC has recorded in a workspace, raw data first, then in the order of the stages.

    Raises
    ------
    RecordError : a record, `dvc.yaml` or `params.yaml` that cannot be read
    """
    try:
        load_params(root / PARAMS)
    except ParamsError as error:
        raise RecordError(error.where, error.cause, f"{error.mend}. {_mend(PARAMS)}") from error
    stages = _load(root / PIPELINE, PIPELINE).get("stages")
    if not isinstance(stages, dict):
        raise RecordError(root / PIPELINE, "is altered: it has no stages", _mend(PIPELINE))
    outs = tracked(root)
    locked: dict[str, Any] = {}
    if (root / LOCK).exists():
        locked = _load(root / LOCK, LOCK).get("stages") or {}
        if not isinstance(locked, dict) or not set(locked) <= set(stages):
            raise RecordError(root / LOCK, "is altered: its stages are not those of dvc.yaml", _mend(LOCK))
    used: dict[str, set[str]] = {path: {md5} for path, md5 in _known_before(root, stages, locked).items()}
    needed: set[str] = set()
    for value in locked.values():
        for dep in value.get("deps") or []:
            if isinstance(dep, dict) and str(dep.get("path", "")).startswith("data/"):
                where, md5, _ = _entry(dep, root / LOCK, LOCK)
                used.setdefault(where, set()).add(md5)
                needed.add(where)
    for stage in (name for name in stages if name in locked):
        recorded = [_entry(value, root / LOCK, LOCK) for value in locked[stage].get("outs") or []]
        named = dict(_pipeline_outs(stages[stage]))
        if {where for where, _, _ in recorded} != set(named):
            raise RecordError(root / LOCK, f"is altered: the outputs of {stage} are not those of dvc.yaml", _mend(LOCK))
        outs += [Out(where, md5, size, LOCK, stage, cached=named[where]) for where, md5, size in recorded]
    missing = needed - {out.path for out in outs}
    if missing:
        gone = ", ".join(f"{name}.dvc" for name in sorted(missing))
        raise RecordError(root / gone, "is missing: stages have used what it records", f"`git checkout {gone}`")
    if not outs:
        raise RecordError(root, "has no record of any output", "Run `cmrpipe run` (or `dvc repro`) first")
    return tuple(
        Out(o.path, o.md5, o.size, o.record, o.stage, o.cached, tuple(sorted(used.get(o.path, set()) - {o.md5})))
        for o in outs
    )
