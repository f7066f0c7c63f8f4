"""A perfect prediction of a phantom, and what is written of it."""

from pathlib import Path

import pytest

from cmrpipe.predict.output import Options, write_patient
from cmrpipe.predict.patient import Prediction
from tests.predict.oracle import PATIENT, folder_of, perfect


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
