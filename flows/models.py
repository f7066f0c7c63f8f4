"""Every model that was trained, how it was judged, and which one is current.

    data/models/<id>/        the model's own files, how it compared, and which labels it was made of; kept by DVC
    models/<id>.json         the verdict on it; kept by git
    models/current.json      the verdict on the one to use; replaced in one step

A model's id is the start of its description's SHA-256, and the description names the hash of its weights: the same
store, parameters and code give the same id.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmrpipe.csvfile import write_rows
from cmrpipe.errors import InputError
from cmrpipe.files import sha256_file, sync_folder
from cmrpipe.incremental.manifest import read_manifest
from cmrpipe.workspace import HERE, Workspace

KEPT, VERDICTS, CURRENT = HERE.models, Path("models"), "current.json"
COMPARISON, LABELLED = "comparison.json", "labelled.csv"
_COLUMNS = ("patient_id", "fingerprint", "samples")
_ID = 12
_MEND = "Bring it back with `dvc pull data/models` or `cmrpipe rebuild`"


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """What became of a model.

    Attributes
    ----------
    model : its id
    current : whether it was marked current
    why : in words
    last : id of the model that it was held against, "" for none
    held_out : number of patients that both were judged on
    figures : of both, by "new" and "last"
    """

    model: str
    current: bool
    why: str
    last: str
    held_out: int
    figures: Mapping[str, Mapping[str, float | int | None]]


def model_id(folder: Path) -> str:
    """The id of the model in a folder.

    Raises
    ------
    InputError : there is none
    """
    try:
        return sha256_file(folder / "model.json")[:_ID]
    except OSError as error:
        raise InputError(folder, f"holds no model ({error.strerror})", "Run `cmrpipe train`") from error


def kept(root: Path, model: str) -> Path:
    """Where a model's files are kept."""
    return root / KEPT / model


def labelled(store: Path) -> dict[str, tuple[str, int]]:
    """Fingerprint and number of labelled slices of each patient in a store that has any."""
    return {
        patient: (str(entry["fingerprint"]), int(entry["info"]["samples"]))
        for patient, entry in read_manifest(store).items()
        if entry["info"].get("samples")
    }


def keep(root: Path) -> str:
    """Keep the trained model, and of which labels it was made; returns its id. Once kept, it is never altered."""
    home = Workspace(root)
    model = model_id(home.model)
    place = kept(root, model)
    if place.exists():
        return model
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".tmp-{model}")
    shutil.rmtree(aside, ignore_errors=True)
    names = [name for entry in read_manifest(home.model).values() for name in entry["files"]]
    aside.mkdir()
    for name in sorted(names):
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home.model / name, aside / name)
    rows = ((patient, mark, samples) for patient, (mark, samples) in sorted(labelled(home.store).items()))
    write_rows(aside / LABELLED, _COLUMNS, rows)
    sync_folder(aside)
    aside.rename(place)
    sync_folder(place.parent)
    return model


def made_of(root: Path, model: str) -> dict[str, tuple[str, int]]:
    """What `labelled` said when a kept model was trained.

    Raises
    ------
    InputError : its list is not there
    """
    path = kept(root, model) / LABELLED
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            next(rows, None)
            # ids with commas were not quoted once, so that all but the last two cells are the id
            return {",".join(patient): (mark, int(samples)) for *patient, mark, samples in rows}
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", _MEND) from error


def new_slices(root: Path) -> int:
    """How many labelled slices are new or changed since the newest judged model was made; all, without a model."""
    here = labelled(Workspace(root).store)
    model = newest(root)
    old = made_of(root, model) if model else {}
    return sum(samples for patient, (mark, samples) in here.items() if old.get(patient, ("", 0))[0] != mark)


def newest(root: Path) -> str:
    """Id of the model that was trained last and judged, "" without any."""
    path = Workspace(root).model / "model.json"
    if path.is_file() and kept(root, model_id(path.parent)).is_dir():
        return model_id(path.parent)
    return current(root)


def current(root: Path) -> str:
    """Id of the model that is current, "" while there is none.

    Raises
    ------
    InputError : the record cannot be read
    """
    path = root / VERDICTS / CURRENT
    try:
        return str(json.loads(path.read_bytes())["model"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"cannot be read ({error})", f"`git checkout {path.relative_to(root)}`") from error


def verdict_of(root: Path, model: str) -> ModelVerdict | None:
    """The verdict on a model, None before there is one."""
    path = root / VERDICTS / f"{model}.json"
    try:
        return ModelVerdict(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(path, f"cannot be read ({error})", f"`git checkout {path.relative_to(root)}`") from error


def _score(figures: Mapping[str, Any]) -> float | None:
    """Mean Dice of cavity and myocardium over patients, of what could be measured."""
    found = [figures.get(f"dice_{name}") for name in ("cavity", "myocardium")]
    values = [float(value) for value in found if value is not None]
    return sum(values) / len(values) if values else None


def decide(model: str, last: str, contest: Mapping[str, Any] | None, may_lose: float, least: int) -> ModelVerdict:
    """Whether a model becomes the current one.

    Parameters
    ----------
    model, last : ids; `last` is "" when no model is current
    contest : a `cmrpipe.learn.contest.Contest` as JSON; None without a last model, or where it cannot be read any more
    may_lose : Dice that the new model may lose against the last
    least : fewest patients that such a verdict rests on
    """
    if not last:
        return ModelVerdict(model, True, "the first model", "", 0, {})
    if contest is None:
        return ModelVerdict(
            model, True, f"{last} is of another version, which this one cannot read: it makes way", last, 0, {}
        )
    held_out, figures = len(contest["held_out"]), contest["figures"]
    scores = {name: _score(found) for name, found in figures.items()}
    new, old = scores.get("new"), scores.get("last")
    if held_out < least or new is None or old is None:
        few = f"{held_out} patients are unseen by both models, and the verdict needs {least} with labels"
        why = f"{few}: {last} stays, unless you say `python -m flows.judge promote {model}`"
        return ModelVerdict(model, False, why, last, held_out, figures)
    better = new >= old - may_lose
    words = "is kept as current" if not better else "makes way"
    why = f"mean Dice {new:.3f} against {old:.3f} of {last} on the same {held_out} unseen patients: {last} {words}"
    return ModelVerdict(model, better, why, last, held_out, figures)
