"""Prediction of a patient's folder, or of a folder of patients, with a saved model."""

from __future__ import annotations

import traceback
from pathlib import Path
from tempfile import TemporaryFile

from cmrpipe.errors import CmrpipeError, DiskError, InputError
from cmrpipe.files import disk_trouble, sha256_file
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.quiet import reproducible
from cmrpipe.learn.saved import WEIGHTS, read_model
from cmrpipe.logger import Logger
from cmrpipe.params import Params
from cmrpipe.predict.output import Options, check_replaceable, write_patient
from cmrpipe.predict.patient import not_judged, predict_patient
from cmrpipe.predict.source import PatientFolder, find_patients
from cmrpipe.predict.tables import Row, Tables, row_of
from cmrpipe.progress import Listener, Progress

log = Logger(__name__)


def _writable(out: Path) -> None:
    """Make the output folder, and see that files can be made in it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        cause = f"is no folder that can be written ({error.strerror or error})"
        raise InputError(out, cause, "Give a folder as --output, or check its permissions") from error


def _one(
    patient: PatientFolder, predictor: Predictor, frames_per_slice: int, out: Path, digest: str, options: Options
) -> Row:
    """Predict a patient and write what came out; what goes wrong with one patient stops no other.

    Raises
    ------
    DiskError : the disk is full or closed, which no other patient would fare better with
    """
    try:
        with disk_trouble(out):
            found = predict_patient(patient, predictor, frames_per_slice)
            return row_of(found, write_patient(out, found, patient.root, digest, options))
    except DiskError:
        raise
    except CmrpipeError as error:
        found = not_judged(patient, str(error))
    except Exception as error:
        log.error("a patient failed", patient=patient.patient_id, traceback=traceback.format_exc())
        found = not_judged(patient, f"failed, by a defect of cmrpipe ({type(error).__name__}: {error})")
    return row_of(found, write_patient(out, found, patient.root, digest, options))


def predict(folder: Path, out: Path, model: Path, params: Params, options: Options, *, listen: Listener) -> list[Row]:
    """Predict every patient of a folder, one after the other: memory is that of one patient.

    Parameters
    ----------
    folder : a patient's DICOM files, or a folder of such folders (below `dicoms/`, where there is one)
    out : see `cmrpipe.predict.output`; patients already there are replaced, others stay, in the tables too
    model : the train stage's output
    params : ingest.frames_per_slice, and the evaluate section (batch size, threads, accelerator)

    Returns
    -------
    a row a patient, as in summary.csv; a patient that cannot be judged has its reason there

    Raises
    ------
    InputError : the folder holds nothing, the model is missing or altered, or the output cannot be written, or holds
        what predict did not write
    """
    patients = find_patients(folder, out)
    saved = read_model(model)
    digest = sha256_file(model / WEIGHTS)
    _writable(out)
    tables = Tables(out)
    for patient in patients:
        check_replaceable(out, patient.patient_id)
    judge = params.evaluate
    rows: list[Row] = []
    with reproducible(0, judge.threads), disk_trouble(out):
        predictor = Predictor(saved, judge.batch_size, judge.accelerator)
        for done, patient in enumerate(patients, 1):
            rows.append(_one(patient, predictor, params.ingest.frames_per_slice, out, digest, options))
            tables.write(rows)
            listen(Progress("predict", patient.patient_id, done, len(patients)))
    return rows
