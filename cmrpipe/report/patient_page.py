"""A patient's page: its findings, its grid, its beating heart, and every picture."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cmrpipe.codes import Severity
from cmrpipe.model import Contour
from cmrpipe.report.facts import Drawn, Facts, PatientFacts
from cmrpipe.report.figures import coverage_map
from cmrpipe.report.measures import MEASURES
from cmrpipe.report.page import asset, render
from cmrpipe.report.pictures import Album, Picture, describe, is_wrong
from cmrpipe.report.volumes import HEADINGS, shown

_SCREEN = 100.0


def _points(contour: Contour, crop: tuple[float, float, float]) -> str:
    """A contour in the coordinates of the player's screen, 0 to 100 over the crop (left, top, side in image pixels)."""
    left, top, side = crop
    shown = (contour.points + 0.5 - (left, top)) * (_SCREEN / side)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in shown.tolist())


def _outlines(patient: PatientFacts, index: int, crop: tuple[float, float, float]) -> dict[str, list[dict[str, Any]]]:
    """What is drawn over a slice's frames, by frame."""
    return {
        str(drawn.frame): [
            {"kind": contour.kind.value, "out": contour.kind in drawn.left_out, "points": _points(contour, crop)}
            for contour in reversed(drawn.contours)
        ]
        for drawn in patient.drawn
        if drawn.slice_index == index
    }


def _cine(patient: PatientFacts, album: Album) -> dict[str, Any]:
    """What the player plays: for every slice its sheet, its frames and their outlines; empty without sheets."""
    if not patient.cine:
        return {}
    left, top, side = patient.cine["crop"]
    slices = [
        {
            "index": int(index),
            "source": source,
            "frames": frames,
            "outlines": _outlines(patient, int(index), (left, top, side)),
        }
        for index, frames in sorted(patient.cine["slices"].items(), key=lambda item: int(item[0]))
        if (source := album.cine(patient.patient_id, int(index)))
    ]
    return {"slices": slices} if slices else {}


def _strip(patient: PatientFacts, drawn: Drawn, album: Album) -> Picture:
    codes = sorted({found.code.value for found in patient.findings if found.instance_number == drawn.number})
    notes = [f"{kind} left out" for kind in drawn.left_out] + codes
    return Picture(
        album.strip(patient.patient_id, drawn.number),
        patient.patient_id,
        " · ".join([describe(drawn), *notes]),
        album.whole(patient.patient_id, drawn.number),
        bad=is_wrong(patient, drawn),
    )


def patient_page(facts: Facts, patient: PatientFacts, album: Album, front: str) -> str:
    """One patient's page.

    Parameters
    ----------
    facts : of the run
    patient : the patient in question
    album : the overlays, as seen from the page
    front : address of the front page
    """
    pictures = [(drawn, _strip(patient, drawn, album)) for drawn in patient.drawn]
    strips = [
        {"number": drawn.number, "slice_index": drawn.slice_index, "frame": drawn.frame, "picture": picture}
        for drawn, picture in pictures
        if picture.source
    ]
    drawn_numbers = {item["number"] for item in strips}
    severities = Counter(found.severity for found in patient.findings)
    return render(
        "patient.html.j2",
        patient=patient,
        validated=facts.validated,
        left_out=[item for item in facts.left_out if item.patient_id == patient.patient_id],
        severities={severity: severities[severity] for severity in Severity if severity in severities},
        codes=sorted({found.code.value for found in patient.findings}),
        map=coverage_map(patient.coverage, lambda number: f"#i{number}" if number in drawn_numbers else ""),
        measures=[(m, patient.measures[m.name]) for m in MEASURES if m.name in patient.measures],
        cine=_cine(patient, album),
        strips=strips,
        volume_headings=HEADINGS,
        shown=shown,
        front=front,
        js=asset("script.js") + asset("cine.js"),
        dialog=bool(strips),
    )
