"""What of a patient was drawn and is not in the store, as the patient's entry of the manifest has it, in counts.

An image without endocardium has no cavity to learn from: where that is left out, or was never drawn, image and
epicardium are left out with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cmrpipe.model import Sample

UNTOLD = "untold"
"""In place of a phase, of a store of an earlier version, which does not tell it."""

_TOTAL, _PHASES, _PERSON = "left_out", "left_out_phases", "left_out_by_person"
_EPI, _EPI_PERSON = "left_out_epi", "left_out_epi_by_person"


@dataclass(frozen=True, slots=True)
class Lost:
    """How many images, or epicardia, by phase (value of `cmrpipe.model.Phase`); none where the phase is absent.

    Attributes
    ----------
    phases : all of them
    by_person : those that people alone leave out, no rule; None where the store does not say
    """

    phases: Mapping[str, int]
    by_person: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Drawn images of a patient that the store lacks, and drawn epicardia (None where the store does not say)."""

    images: Lost
    epicardia: Lost | None

    @property
    def total(self) -> int:
        """Number of images."""
        return sum(self.images.phases.values())


NOTHING = LeftOut(Lost({}, {}), Lost({}, {}))


def count(drawn: Iterable[Sample], kept: Iterable[Sample], by_rules: Iterable[Sample]) -> LeftOut:
    """What was drawn and is not kept.

    Parameters
    ----------
    drawn : all contoured images
    kept : those that are stored, with the contours that are
    by_rules : those that would be, if people had left out nothing
    """
    every, stored, without_people = list(drawn), list(kept), list(by_rules)
    return LeftOut(
        _lost(*map(_images, (every, stored, without_people))), _lost(*map(_epicardia, (every, stored, without_people)))
    )


def _images(samples: Iterable[Sample]) -> Counter[str]:
    return Counter(sample.phase.value for sample in samples)


def _epicardia(samples: Iterable[Sample]) -> Counter[str]:
    return _images(sample for sample in samples if sample.epi is not None)


def _lost(drawn: Counter[str], kept: Counter[str], by_rules: Counter[str]) -> Lost:
    return Lost(dict(sorted((drawn - kept).items())), dict(sorted((by_rules - kept).items())))


def told(left_out: LeftOut) -> dict[str, Any]:
    """Its part of a patient's entry."""
    images, epicardia = left_out.images, left_out.epicardia
    found: dict[str, Any] = {_TOTAL: left_out.total, _PHASES: dict(images.phases)}
    if images.by_person is not None:
        found[_PERSON] = dict(images.by_person)
    if epicardia is not None and epicardia.by_person is not None:
        found |= {_EPI: dict(epicardia.phases), _EPI_PERSON: dict(epicardia.by_person)}
    return found


def read(info: Mapping[str, Any]) -> LeftOut:
    """The inverse of `told`; what earlier versions did not write is unknown."""
    untold = {UNTOLD: info.get(_TOTAL, 0)}
    images = Lost(_counts(info.get(_PHASES, untold)), _counts(info[_PERSON]) if _PERSON in info else None)
    return LeftOut(images, Lost(_counts(info[_EPI]), _counts(info[_EPI_PERSON])) if _EPI in info else None)


def _counts(phases: Mapping[str, Any]) -> dict[str, int]:
    return {phase: int(n) for phase, n in phases.items() if n}
