"""A workspace whose every stage has run, training and evaluation replaced by tables made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cmrpipe.files import write_json
from cmrpipe.learn.predicted import write_predicted
from cmrpipe.params import IngestParams, OverlayParams, StoreParams, ValidateParams
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from cmrpipe.report.artefacts import Artefacts
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.overlay import overlay
from cmrpipe.stages.store import store
from cmrpipe.stages.validate import validate
from cmrpipe.store import open_store

HISTORY = """epoch,train_loss,val_loss,val_dice_cavity,val_dice_myocardium
1,0.9,0.95,0.1,0.05
2,0.5,0.6,0.6,0.4
3,0.3,0.4,0.8,
"""


def run_stages(raw: Path, base: Path) -> Artefacts:
    """Ingest, validate, overlay and store `raw` below `base`."""
    catalog, findings, quarantine = base / "catalog", base / "findings", base / "quarantine.csv"
    ingest(raw, catalog, base / "state", IngestParams(), listen=silent)
    validate(raw, catalog, findings, quarantine, ValidateParams(), listen=silent)
    overlay(raw, catalog, findings, quarantine, base / "overlays", OverlayParams(scale=1), listen=silent)
    store(raw, catalog, quarantine, base / "store", StoreParams(), listen=silent)
    return Artefacts(
        catalog,
        findings,
        quarantine,
        base / "overlays",
        base / "store",
        base / "model",
        base / "evaluation",
        base / "report",
    )


def add_model(places: Artefacts, test_patient: str) -> None:
    """Write what train and evaluate would: the expert's labels, one pixel off, are the model's."""
    with open_store(places.store) as opened:
        data = opened.load(test_patient)
        others = [patient for patient in opened.patients if patient != test_patient]
    places.model.mkdir()
    write_predicted(places.evaluation, data, np.roll(data.label, 1, axis=1))
    write_json(
        places.model / "splits.json", {"schema": 1, "train": others[1:], "val": others[:1], "test": [test_patient]}
    )
    (places.model / "history.csv").write_text(HISTORY)
    figures = {"test_dice_cavity": 0.875, "test_dice_myocardium": 0.75, "patients": 1, "images": len(data)}
    write_json(places.evaluation / "metrics.json", figures)
    head = "patient_id,instance_number,slice_index,frame,phase,dice_cavity,dice_myocardium\n"
    rows = [f"{test_patient},{number},0,1,ED,{0.9 - i / 100:.6f},\n" for i, number in enumerate(data.instance_number)]
    (places.evaluation / "per_image.csv").write_text(head + "".join(rows))
    (places.evaluation / "per_patient.csv").write_text(
        f"patient_id,images,images_myocardium,dice_cavity,dice_myocardium\n{test_patient},{len(data)},0,0.875000,\n"
    )


def patients_of(places: Artefacts) -> list[str]:
    """Ids of a catalog's patients."""
    return sorted(path.stem for path in (places.catalog / "images").glob("*.parquet"))


@pytest.fixture(scope="session")
def clean_run(small_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """A clean phantom with a model; read only, but for the report's folder."""
    places = run_stages(small_phantom, tmp_path_factory.mktemp("clean"))
    add_model(places, patients_of(places)[0])
    return places


@pytest.fixture(scope="session")
def faulty_run(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """A phantom in which one patient has another's epicardial contours, without a model; read only."""
    base = tmp_path_factory.mktemp("faulty")
    write_phantom(base / "raw", 3, 5, slices=4, frames=10, rows=64, columns=72, listen=silent)
    folders = sorted((base / "raw" / "contourfiles").iterdir())
    for source in sorted((folders[0] / "o-contours").iterdir()):
        for target in (folders[2] / "o-contours").glob(source.name):
            target.write_bytes(source.read_bytes())
    return run_stages(base / "raw", base)
