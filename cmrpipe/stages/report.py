"""report: the page that says what came in, what is wrong, what was left out, and how good the model is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cmrpipe.codes import Severity
from cmrpipe.errors import InputError, StoreError
from cmrpipe.files import write_text
from cmrpipe.incremental.commit import refuse_other_output
from cmrpipe.learn.predicted import PREDICTIONS, prediction_file, read_predicted
from cmrpipe.logger import Logger
from cmrpipe.params import ReportParams
from cmrpipe.pictures.comparison import comparison
from cmrpipe.progress import Listener, Progress
from cmrpipe.report.artefacts import Artefacts
from cmrpipe.report.collect import collect
from cmrpipe.report.facts import Facts, ImageScores
from cmrpipe.report.outcome import PAGE, outcome_of
from cmrpipe.report.page import run_page
from cmrpipe.report.patient_page import patient_page
from cmrpipe.report.pictures import Album, Picture, data_uri
from cmrpipe.stages.summary import Summary
from cmrpipe.store import open_store

log = Logger(__name__)

_CAVITY = "dice_cavity"
PATIENTS = "patients"
"""Folder of the patients' pages; what else lies beside the report is not the report's to remove."""


def _caption(scores: ImageScores) -> str:
    names = {_CAVITY: "cavity", "dice_myocardium": "myocardium"}
    figures = [f"{text} {value:.2f}" for name, text in names.items() if (value := scores.figures.get(name)) is not None]
    return f"image {scores.number} · Dice {', '.join(figures)}"


def _write(path: Path, text: str) -> None:
    """Write a page, unless it says the same already."""
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def _patient_pages(facts: Facts, places: Artefacts, listen: Listener) -> dict[str, str]:
    """Write the patients' pages; returns their names relative to the report's folder by id."""
    pages = {patient.patient_id: f"{PATIENTS}/{patient.patient_id}.html" for patient in facts.patients}
    album = Album(places.overlays, places.report / PATIENTS)
    for done, patient in enumerate(facts.patients, 1):
        text = patient_page(facts, patient, album, f"../{PAGE}")
        _write(places.report / pages[patient.patient_id], text)
        listen(Progress("report", patient.patient_id, done, len(pages) + 1))
    return pages


def _comparisons(facts: Facts, places: Artefacts, most: int, pages: Mapping[str, str]) -> list[Picture]:
    """Pictures of expert and model on the test images that came out worst."""
    if facts.model is None or not (places.evaluation / PREDICTIONS).is_dir():
        return []
    scored = [scores for scores in facts.model.images if scores.figures.get(_CAVITY) is not None]
    worst = sorted(scored, key=lambda s: (s.figures.get(_CAVITY) or 0.0, s.patient_id, s.number))[:most]
    by_patient: dict[str, list[ImageScores]] = defaultdict(list)
    for scores in worst:
        by_patient[scores.patient_id].append(scores)
    found: dict[tuple[str, int], Picture] = {}
    try:
        with open_store(places.store) as store:
            for patient_id, images in by_patient.items():
                data = store.load(patient_id)
                predicted = read_predicted(places.evaluation / prediction_file(patient_id), data)
                for scores in images:
                    at = int(np.flatnonzero(data.instance_number == scores.number)[0])
                    png = comparison(data.image[at], data.label[at], predicted[at])
                    found[patient_id, scores.number] = Picture(
                        data_uri(png), patient_id, _caption(scores), page=pages.get(patient_id, "")
                    )
    except (StoreError, InputError, OSError, IndexError, ValueError) as error:
        log.warning("expert and model cannot be shown side by side", reason=str(error))
        return []
    return [found[scores.patient_id, scores.number] for scores in worst]


def report(
    catalog: Path,
    findings: Path,
    quarantine: Path,
    overlays: Path,
    store: Path,
    model: Path,
    evaluation: Path,
    out: Path,
    params: ReportParams,
    *,
    listen: Listener,
) -> Summary:
    """Write the report.

    Parameters
    ----------
    catalog, findings, quarantine, overlays, store, model, evaluation : what the stages before wrote; the report says
        what of it is not there, and needs the catalog only, and with findings the quarantine
    out : report.html, and patients/<patient_id>.html

    Raises
    ------
    InputError : there is no catalog, or no quarantine where the data are validated, or something cannot be read, or
        `out` is another stage's output
    """
    refuse_other_output(out)
    places = Artefacts(catalog, findings, quarantine, overlays, store, model, evaluation, out)
    facts = collect(places)
    short = outcome_of(facts, out / PAGE)
    pages = _patient_pages(facts, places, listen) if params.patient_pages else {}
    comparisons = _comparisons(facts, places, params.comparisons, pages)
    _write(out / PAGE, run_page(facts, short, Album(overlays, out), comparisons, pages, params))
    written = {out / PAGE, *(out / page for page in pages.values())}
    for path in sorted((out / PATIENTS).glob("*.html")):
        if path not in written:
            path.unlink()
    listen(Progress("report", PAGE, len(written), len(written)))
    dice = {"test_dice_cavity": short.dice_cavity, "test_dice_myocardium": short.dice_myocardium}
    return Summary(
        "report",
        done=1,
        counts={"patients": short.patients, "images": short.images, "contours": short.contours, "pages": len(written)},
        findings={severity.value: facts.count(severity) for severity in Severity},
        metrics={name: value for name, value in dice.items() if value is not None},
    )
