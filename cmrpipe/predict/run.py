"""Prediction of a patient's folder, or of a folder of patients, with a saved model."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile

from cmrpipe.checks.scale import implausible
from cmrpipe.errors import BusyError, CmrpipeError, DiskError, InputError
from cmrpipe.files import disk_trouble, sha256_file
from cmrpipe.incremental.commit import refuse_other_output
from cmrpipe.incremental.folders import recover
from cmrpipe.learn.leakage import among
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.repeatable import reproducible
from cmrpipe.learn.saved import DESCRIPTION, Model, read_model
from cmrpipe.logger import Logger
from cmrpipe.params import Params
from cmrpipe.predict.output import Options, check_replaceable, has_contours, of_another_study, write_patient
from cmrpipe.predict.patient import Prediction, not_judged, predict_patient
from cmrpipe.predict.places import PATIENTS, fits
from cmrpipe.predict.source import UNREAD, PatientFolder, find_patients
from cmrpipe.predict.tables import Row, Tables, lock_file, row_of
from cmrpipe.progress import Listener, Progress

log = Logger(__name__)

_OTHER_STUDY = "Give another --output, give this patient's folder another name, or move that result away"


def _writable(out: Path) -> None:
    """Make the output folder, and see that files can be made in it, and that it is no stage's."""
    refuse_other_output(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        cause = f"is no folder that can be written ({error.strerror or error})"
        raise InputError(out, cause, "Give a folder as --output, or check its permissions") from error


def _stays(patient: PatientFolder, reason: str) -> Row:
    """What is said of a patient whose earlier result stays."""
    return _unplaced(patient, f"{reason}; what an earlier run found stays")


def _unplaced(patient: PatientFolder, reason: str) -> Row:
    """What is said of a patient of whom nothing was written."""
    return replace(row_of(not_judged(patient, reason)), refused=0)


@dataclass(frozen=True, slots=True)
class _Run:
    """What all patients of a run share; the values are those of `predict`.

    Attributes
    ----------
    digest : SHA-256 of the model's description
    """

    out: Path
    tables: Tables
    model: Model
    predictor: Predictor
    params: Params
    digest: str
    options: Options

    def one(self, patient: PatientFolder) -> Row:
        """Predict a patient and write what came out; what goes wrong with one patient stops no other.

        Raises
        ------
        DiskError : the disk is full or closed, which no other patient would fare better with
        BusyError : another run holds the output folder, and does not end
        InputError : a table is no longer what predict wrote
        """
        row, placed = self._row(patient)
        if placed:
            self.tables.write([row])
        return row

    def _row(self, patient: PatientFolder) -> tuple[Row, bool]:
        """What is said of a patient, and whether that is in the output folder now."""
        if not fits(patient.patient_id):
            return _unplaced(patient, "its name is too long for a result's folder; give it a shorter one"), False
        done = self._guarded(patient, lambda: self._predicted(patient))
        if not isinstance(done, str):
            return done
        # Nothing is known of the patient now: that is no judgement, and takes nobody's place.
        if has_contours(self.out, patient.patient_id):
            return _stays(patient, done), False
        told = self._guarded(patient, lambda: (self._write(not_judged(patient, done), patient), True))
        return told if not isinstance(told, str) else (_unplaced(patient, f"{done}; not written: {told}"), False)

    def _guarded(self, patient: PatientFolder, work: Callable[[], tuple[Row, bool]]) -> tuple[Row, bool] | str:
        """What comes of some work on a patient, or why nothing does."""
        try:
            with disk_trouble(self.out):
                return work()
        except (DiskError, BusyError):
            raise
        except CmrpipeError as error:
            return str(error)
        except Exception as error:
            log.error("a patient failed", patient=patient.patient_id, traceback=traceback.format_exc())
            said = f"{type(error).__name__}: {error}"
            system = isinstance(error, OSError)
            return f"could not be read or written ({said})" if system else f"failed, by a defect of cmrpipe ({said})"

    def _predicted(self, patient: PatientFolder) -> tuple[Row, bool]:
        """As `_row`, of a patient with whom nothing goes wrong."""
        found = self._judge(patient)
        if not of_another_study(self.out, found):
            return self._write(found, patient), True
        place = self.out / PATIENTS / patient.patient_id
        return _stays(patient, f"{place} is of another study. {_OTHER_STUDY}"), False

    def _judge(self, patient: PatientFolder) -> Prediction:
        if patient.shut is not None:
            raise patient.shut
        try:
            found = predict_patient(patient, self.predictor, self.params.ingest.frames_per_slice)
        except DiskError:
            raise
        except CmrpipeError as error:
            return not_judged(patient, str(error))
        lost = [item.reason for item in found.judged.refused if item.reason.startswith(UNREAD)]
        if lost and not found.seen:
            raise InputError(patient.root, f"{len(lost)} files: {lost[0]}", "See whether the disk or share is there")
        look = "look at the pictures, and compare PixelSpacing and positions with the source"
        limits = self.params.validate_
        beyond = (f"{value} (validate.{value.name}): {look}" for value in implausible(found.values, limits))
        return replace(found, notes=(*self._learnt_from(found), *beyond, *found.notes))

    def _learnt_from(self, found: Prediction) -> Iterator[str]:
        """What is said of a patient that the model has learnt from."""
        if found.images is None:
            return
        if known := among(found.images, self.model.seen):
            yield f"the model has learnt from {known} of these images: how well it does here says nothing of others"
        elif found.patient_id in self.model.trained_on + self.model.chosen_by:
            yield "the model has learnt from a patient of this id, from other images"

    def _write(self, found: Prediction, patient: PatientFolder) -> Row:
        return row_of(found, write_patient(self.out, found, patient.root, self.digest, self.options))


def predict(folder: Path, out: Path, model: Path, params: Params, options: Options, *, listen: Listener) -> list[Row]:
    """Predict every patient of a folder, one after the other: memory is that of one patient.

    Parameters
    ----------
    folder : a patient's DICOM files, or a folder of such folders (below `dicoms/`, where there is one)
    out : see `cmrpipe.predict.output`; patients already there are replaced, others stay, in the tables too
    model : the train stage's output
    params : ingest.frames_per_slice, validate.edv_ml and mass_g (what is beyond is told), and the evaluate section
        (batch size, threads, accelerator)

    Returns
    -------
    a row a patient, as in summary.csv; a patient that cannot be judged has its reason there. One with whom something
    went wrong has a row here only, where what an earlier run found stays with its own

    Raises
    ------
    InputError : the folder holds nothing, the model is missing or altered, or the output cannot be written, or holds
        what predict did not write
    DiskError : the disk is full or closed; what was there of the patient whose turn it was is whole
    BusyError : another run holds the output folder, and does not end
    """
    patients = find_patients(folder, out)
    saved = read_model(model)
    digest = sha256_file(model / DESCRIPTION)
    _writable(out)
    recover(lock_file(out))
    tables = Tables(out)
    for patient in (patient for patient in patients if fits(patient.patient_id)):
        check_replaceable(out, patient.patient_id)
    judge = params.evaluate
    rows: list[Row] = []
    with reproducible(0, judge.threads), disk_trouble(out):
        predictor = Predictor(saved, judge.batch_size, judge.accelerator)
        run = _Run(out, tables, saved, predictor, params, digest, options)
        for done, patient in enumerate(patients, 1):
            rows.append(run.one(patient))
            listen(Progress("predict", patient.patient_id, done, len(patients)))
    return rows
