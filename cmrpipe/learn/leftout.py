"""What was drawn of the judged patients and is not judged, because the store lacks it: counts for metrics.json.

A figure over the images of the store says nothing of those that were taken out of it. Who reads it must be told how
many these are, and how many of them a person took out, who may have known the figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cmrpipe.drawn import BY_PERSON, DRAWN, EPICARDIA, IMAGES, JUDGED, LEFT_OUT, WHOLE
from cmrpipe.incremental.refresh import read_manifest
from cmrpipe.learn.evaluation import ImageScore
from cmrpipe.store import Store
from cmrpipe.store.leftout import NOTHING, LeftOut, Lost, read

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Absent:
    """What was drawn and is not in the store, by patient.

    Attributes
    ----------
    judged : of every judged patient
    whole : of the store's other patients, those of whom nothing is left: no model is trained or judged on them
    """

    judged: Mapping[str, LeftOut]
    whole: Mapping[str, LeftOut]


def absent(store: Store, patients: Iterable[str]) -> Absent:
    """What of the judged patients is absent, and who is absent as a whole."""
    found = {
        key: read(entry["info"]) for key, entry in read_manifest(store.folder).items() if "samples" in entry["info"]
    }
    judged = {patient: found.get(patient, NOTHING) for patient in patients}
    whole = {key: lost for key, lost in found.items() if key not in {*store.patients, *judged} and lost.total}
    return Absent(judged, whole)


def union(parts: Iterable[Absent]) -> Absent:
    """Of all patients that some part judges, of one store."""
    every = list(parts)
    return Absent({key: lost for part in every for key, lost in part.judged.items()}, every[0].whole if every else {})


def _total(phases: Mapping[str, int] | None) -> int | None:
    return None if phases is None else sum(phases.values())


def _account(judged: int, lost: Iterable[Lost]) -> Json:
    every = list(lost)
    phases: Counter[str] = sum((Counter(one.phases) for one in every), Counter())
    people = [_total(one.by_person) if one.phases else 0 for one in every]
    return {
        DRAWN: judged + phases.total(),
        JUDGED: judged,
        LEFT_OUT: dict(sorted(phases.items())),
        BY_PERSON: None if None in people else sum(n or 0 for n in people),
    }


def account(scores: Iterable[ImageScore], lacking: Absent) -> Json:
    """How many images and epicardia were drawn, how many are judged, and what is left out: by phase, and by people.

    Epicardia are not told where the store does not say how many were left out; `by_person` is None where it does not
    say who decided.

    Parameters
    ----------
    scores : figures of all judged images
    lacking : what the store lacks of the judged patients
    """
    rows = list(scores)
    told: Json = {IMAGES: _account(len(rows), (one.images for one in lacking.judged.values()))}
    epicardia = [one.epicardia for one in lacking.judged.values()]
    if None not in epicardia:
        judged = sum(row.figures["dice_epicardium"] is not None for row in rows)
        told[EPICARDIA] = _account(judged, (one for one in epicardia if one is not None))
    told[WHOLE] = {
        patient: {DRAWN: one.total, BY_PERSON: _total(one.images.by_person)}
        for patient, one in sorted(lacking.whole.items())
    }
    return told


def images_left_out(metrics: Mapping[str, Any]) -> int:
    """Number of drawn images of the judged patients that are not judged, from metrics with an `account`."""
    images = metrics[DRAWN][IMAGES]
    return int(images[DRAWN] - images[JUDGED])
