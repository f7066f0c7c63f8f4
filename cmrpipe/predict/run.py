"""Prediction of a patient's folder, or of a folder of patients, with a saved model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.files import sha256_file
from cmrpipe.layouts import LINK_TABLE
from cmrpipe.learn.prediction import Predictor
from cmrpipe.learn.quiet import reproducible
from cmrpipe.learn.saved import WEIGHTS, read_model
from cmrpipe.learn.tables import write_rows
from cmrpipe.params import Params
from cmrpipe.predict.output import Options, write_patient
from cmrpipe.predict.patient import Prediction, predict_patient
from cmrpipe.predict.places import SUMMARY
from cmrpipe.predict.source import find_patients
from cmrpipe.progress import Listener, Progress

VALUES = ("edv_ml", "esv_ml", "sv_ml", "ef_pct", "co_l_min", "mass_g")
_COLUMNS = ("patient_id", "images", "refused", "ed_frame", "es_frame", *VALUES, "unsure", "reason")


@dataclass(frozen=True, slots=True)
class Row:
    """What is said of one patient: `unsure` counts images of ED and ES; `reason` is why something cannot be had."""

    patient_id: str
    images: int
    refused: int
    ed_frame: int | None
    es_frame: int | None
    values: tuple[float | None, ...]
    unsure: int
    reason: str

    @property
    def judged(self) -> bool:
        """Whether anything of the patient could be judged."""
        return self.images > 0


def _row(found: Prediction) -> Row:
    missing = found.values.reason if found.judged.reason == "" else ""
    if missing and found.values.edv_ml is None:
        missing = f"no volumes: {missing}"
    reasons = [part for part in (found.judged.reason, missing, *found.notes) if part]
    return Row(
        found.patient_id,
        len(found.seen),
        len(found.judged.refused),
        found.ed_frame,
        found.es_frame,
        tuple(getattr(found.values, name) for name in VALUES),
        len(found.unsure),
        "; ".join(reasons),
    )


def predict(folder: Path, out: Path, model: Path, params: Params, options: Options, *, listen: Listener) -> list[Row]:
    """Predict every patient of a folder, one after the other: memory is that of one patient.

    Parameters
    ----------
    folder : a patient's DICOM files, or a folder of such folders (below `dicoms/`, where there is one)
    out : see `cmrpipe.predict.output`; patients already there are replaced, others stay
    model : the train stage's output
    params : ingest.frames_per_slice, and the evaluate section (batch size, threads, accelerator)

    Returns
    -------
    a row a patient, as in summary.csv; a patient that cannot be judged has its reason there

    Raises
    ------
    InputError : the folder holds nothing, or the model is missing or altered
    """
    patients = find_patients(folder, out)
    saved = read_model(model)
    digest = sha256_file(model / WEIGHTS)
    judge = params.evaluate
    rows = []
    with reproducible(0, judge.threads):
        predictor = Predictor(saved, judge.batch_size, judge.accelerator)
        for done, patient in enumerate(patients, 1):
            try:
                found = predict_patient(patient, predictor, params.ingest.frames_per_slice)
            except CmrpipeError as error:
                rows.append(
                    Row(patient.patient_id, 0, len(patient.files), None, None, (None,) * len(VALUES), 0, str(error))
                )
            else:
                write_patient(out, found, patient.root, digest, options)
                rows.append(_row(found))
            listen(Progress("predict", patient.patient_id, done, len(patients)))
    out.mkdir(parents=True, exist_ok=True)
    write_rows(
        out / LINK_TABLE, ("patient_id", "original_id"), ((r.patient_id, r.patient_id) for r in rows if r.judged)
    )
    write_rows(
        out / SUMMARY,
        _COLUMNS,
        ([r.patient_id, r.images, r.refused, r.ed_frame, r.es_frame, *r.values, r.unsure, r.reason] for r in rows),
    )
    return rows
