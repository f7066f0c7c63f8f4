"""A perfect prediction of a phantom, and what is written of it; a source for the command, and a model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom
import pytest

from cmrpipe.predict.output import Options, write_patient
from cmrpipe.predict.patient import Prediction
from cmrpipe.progress import silent
from cmrpipe.stages.train import train
from tests.learn.hearts import PATIENTS, make_patient, write_store
from tests.predict.oracle import PATIENT, folder_of, perfect
from tests.predict.runs import PHANTOMS
from tests.stages.learned import BRIEF


@pytest.fixture(scope="module")
def found(small_phantom: Path) -> Prediction:
    """A perfect prediction of a patient."""
    return perfect(small_phantom, PATIENT)


@pytest.fixture(scope="module")
def out(small_phantom: Path, found: Prediction, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, written; read only."""
    folder = tmp_path_factory.mktemp("predicted")
    write_patient(folder, found, folder_of(small_phantom, PATIENT).root, "0" * 64, Options(contour_origin=1.0))
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows next to nothing; read only."""
    folder = tmp_path_factory.mktemp("brief")
    store = write_store(folder / "store", [make_patient(patient, seed) for seed, patient in enumerate(PATIENTS)])
    train(store, folder / "model", BRIEF.model_copy(update={"complete": False}), listen=silent)
    return folder / "model"


@pytest.fixture
def source(small_phantom: Path, tmp_path: Path) -> Path:
    """Two phantoms, a patient of whom there are CT images and a file that is none, and an archive cut short."""
    for name in PHANTOMS:
        shutil.copytree(small_phantom / "dicoms" / name, tmp_path / "in" / name)
    strange = tmp_path / "in" / "STRANGE"
    strange.mkdir()
    dataset = pydicom.dcmread(next((small_phantom / "dicoms" / PHANTOMS[0]).glob("*.dcm")))
    dataset.Modality = "CT"
    dataset.save_as(strange / "1.dcm")
    (strange / "readme.txt").write_text("not DICOM at all")
    (tmp_path / "in" / "TORN.zip").write_bytes(b"PK\3\4 and no more")
    return tmp_path / "in"
