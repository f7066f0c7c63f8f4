"""Labels to look at."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmrpipe.errors import InputError
from cmrpipe.learn.predicted import write_predicted
from cmrpipe.learn.review import review
from cmrpipe.learn.suspects import ranked, suspects_of
from cmrpipe.model import ContourKind
from cmrpipe.progress import silent
from cmrpipe.store import PatientData
from cmrpipe.workspace import HERE
from tests.learn.hearts import make_patient

StoreOf = Callable[[Sequence[PatientData]], Path]


def planted() -> tuple[list[PatientData], dict[str, np.ndarray], set[tuple[str, int]]]:
    """Four patients with three labels moved, what a good model says (a pixel off), and which labels were moved."""
    patients = [make_patient(name, seed, images=6) for seed, name in enumerate("ABCD")]
    said = {data.patient_id: np.roll(data.label, 1, axis=2) for data in patients}
    wrong = {("A", 2), ("C", 5), ("D", 1)}
    for data in patients:
        for i in range(len(data)):
            if (data.patient_id, int(data.instance_number[i])) in wrong:
                data.label[i] = np.roll(data.label[i], 6, axis=1)
    return patients, said, wrong


def test_moved_labels_come_first() -> None:
    """All three planted errors are the first three images of the ranking."""
    patients, said, wrong = planted()
    found = ranked(s for data in patients for s in suspects_of(data, said[data.patient_id]))
    order = list(dict.fromkeys((s.patient_id, s.instance_number) for s in found))
    assert set(order[:3]) == wrong
    assert len(found) == sum(int(data.contours.sum()) for data in patients)
    assert {s.kind for s in found} == set(ContourKind)


def test_a_miss_is_at_least_a_radius() -> None:
    """What the model does not find cannot look harmless."""
    data = make_patient("A", 0)
    found = list(suspects_of(data, np.zeros_like(data.label)))
    assert min(s.score for s in found) >= 1
    assert {s.overlap for s in found} == {0.0}


def test_agreement_is_no_suspicion() -> None:
    """The expert's own labels score 0."""
    data = make_patient("A", 0)
    assert {s.score for s in suspects_of(data, data.label)} == {0.0}


def test_findings_have_pictures_and_the_table_has_all(store_of: StoreOf, tmp_path: Path) -> None:
    """The first three are findings; every contour is in the table; pictures of an earlier run go, others' stay."""
    photo = tmp_path / "out" / "pictures" / "photo.png"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"mine")
    patients, said, wrong = planted()
    store = store_of(patients)
    for fold, (name, labels) in enumerate(said.items()):  # half as crossvalidate has them, half as evaluate has
        folder = tmp_path / "said" / (f"folds/fold-{fold:02d}" if fold < 2 else "")
        write_predicted(folder, next(data for data in patients if data.patient_id == name), labels)
    review(store, tmp_path / "said", tmp_path / "out", 9, listen=silent)
    found = review(store, tmp_path / "said", tmp_path / "out", 3, listen=silent)
    table = pd.read_csv(tmp_path / "out" / "suspects.csv")
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert len(table) == found.contours
    assert {(f["patient_id"], f["instance_number"]) for f in findings} <= wrong
    assert {f["code"] for f in findings} == {"label-suspect"}
    pictures = {path.name for path in photo.parent.iterdir()} - {photo.name}
    assert photo.exists()
    assert pictures == {name.split("/")[1] for name in table.picture.dropna()}
    assert len(pictures) == 3


def test_predictions_of_another_store_are_refused(store_of: StoreOf, tmp_path: Path) -> None:
    """None at all, of as many other images, or of nobody knows which; patients without are named."""
    patients, said, _ = planted()
    store = store_of(patients)
    with pytest.raises(InputError, match=f"`cmrpipe crossvalidate`, or .*--predictions {HERE.evaluation}"):
        review(store, tmp_path, tmp_path / "out", 3, listen=silent)
    path = tmp_path / write_predicted(tmp_path, patients[0], said["A"])[0]
    assert review(store, tmp_path, tmp_path / "out", 3, listen=silent).unpredicted == ("B", "C", "D")
    shifted = replace(patients[0], image=np.roll(patients[0].image, 1, axis=0))
    write_predicted(tmp_path, shifted, np.roll(said["A"], 1, axis=0))
    with pytest.raises(
        InputError, match=r"A\.npy: is not of the images that the store has of A.*cmrpipe crossvalidate"
    ):
        review(store, tmp_path, tmp_path / "out", 3, listen=silent)
    write_predicted(tmp_path, patients[0], said["A"][:3])
    with pytest.raises(InputError, match="is not of the images"):
        review(store, tmp_path, tmp_path / "out", 3, listen=silent)
    path.with_suffix(".json").unlink()
    with pytest.raises(InputError, match=r"A\.json, which says of which images it is, cannot be read"):
        review(store, tmp_path, tmp_path / "out", 3, listen=silent)


def test_an_undrawn_epicardium_is_not_judged() -> None:
    """A cavity's label is not taken for a ventricle."""
    data = make_patient("A", 0)
    only = replace(data, contours=data.contours & [True, False])
    assert {s.kind for s in suspects_of(only, data.label)} == {ContourKind.ENDO}
