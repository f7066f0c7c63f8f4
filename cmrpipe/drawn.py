"""How much of what the expert drew is judged, in sentences: model card, report and cross-validation say the same.

The figures are those of metrics.json under `drawn` (see `cmrpipe.learn.leftout`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cmrpipe.nouns import counted

DRAWN, JUDGED, LEFT_OUT, BY_PERSON, WHOLE = "drawn", "judged", "left_out", "by_person", "patients_left_out"
IMAGES, EPICARDIA = "images", "epicardia"
_NAMES = {IMAGES: "images", EPICARDIA: "epicardia"}
_PHASES = {
    "ED": "at ED",
    "ES": "at ES",
    "other": "at other phases",
    "untold": "at a phase that the store does not tell",
}


def of_drawn(told: Mapping[str, Any]) -> str:
    """How many of the judged patients' images are judged: "8 of 12 drawn images"."""
    images = told[IMAGES]
    return f"{images[JUDGED]} of {counted(images[DRAWN], 'drawn image')}"


def left_out_sentences(told: Mapping[str, Any]) -> Iterator[str]:
    """What was drawn and is not judged, and by whose decision; one sentence where nothing is left out.

    Parameters
    ----------
    told : `drawn` of metrics.json; empty where an earlier version wrote it, of which nothing can be said
    """
    if not told:
        return
    lacking = [kind for kind in _NAMES if kind in told and told[kind][JUDGED] < told[kind][DRAWN]]
    if not lacking:
        yield "Nothing that was drawn in the judged patients is left out."
    for kind in lacking:
        yield _of_kind(_NAMES[kind], told[kind])
    if EPICARDIA not in told:
        yield "The store does not say how many epicardia are left out: an earlier version made it."
    for patient, row in told[WHOLE].items():
        images = counted(row[DRAWN], "drawn image")
        yield f"{patient} ({images}{_who(row[DRAWN], row[BY_PERSON])}) is left out as a whole: it judges no model."


def _of_kind(name: str, row: Mapping[str, Any]) -> str:
    out = row[DRAWN] - row[JUDGED]
    places = ", ".join(f"{n} {_PHASES.get(phase, phase)}" for phase, n in row[LEFT_OUT].items())
    verb = "is" if out == 1 else "are"
    return f"Of {row[DRAWN]} drawn {name} {out} {verb} left out and not judged ({places}){_who(out, row[BY_PERSON])}."


def _who(out: int, people: int | None) -> str:
    if people is None:
        return ", by whose decision the store does not say"
    if people == out:
        return ", by a person's decision"
    return f", {people} of them by a person's decision" if people else ", by rules"
