"""From a perfect network's answers to the patient's values."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.geometry import centroid
from cmrpipe.learn.borders import Drawing
from cmrpipe.learn.voting import SURE
from cmrpipe.model import Phase
from cmrpipe.phantom.truth import read_truth
from cmrpipe.predict.contouring import Place, cavity_curve
from cmrpipe.predict.judge import judge
from cmrpipe.predict.patient import choose_phases, interpret
from tests.predict.oracle import FRAMES, folder_of, opinions_of, perfect
from tests.predict.test_contouring import ring, ventricle


def test_perfect_answers_give_the_true_volumes(small_phantom: Path) -> None:
    """ED and ES frames, EDV, ESV, EF and mass of all phantoms, from borders that passed through pixels and back."""
    for truth in read_truth(small_phantom).patients:
        found = perfect(small_phantom, truth.patient_id)
        assert (found.ed_frame, found.es_frame) == (truth.ed_frame, truth.es_frame)
        for name in ("edv_ml", "esv_ml", "mass_g", "co_l_min"):
            assert getattr(found.values, name) == pytest.approx(getattr(truth, name), rel=0.02)
        assert found.values.ef_pct == pytest.approx(truth.ef_pct, abs=0.5)
        assert found.values.reason == ""
        assert found.unsure == ()


def test_labels_are_those_of_the_borders(small_phantom: Path) -> None:
    """In the order of the images, 0, 1 and 2."""
    found = perfect(small_phantom, "PHA0000101")
    labels = found.labels()
    assert labels.shape == (len(found.seen), 64, 72)
    for item, label in zip(found.seen, labels, strict=True):
        assert (label == 1).sum() == pytest.approx(item.drawing.area, abs=4)
        assert bool(label.any()) == (item.drawing.endo is not None)


def test_without_spacing_there_are_contours_and_no_volumes(small_phantom: Path) -> None:
    """And the reason is told."""
    truth = read_truth(small_phantom).patients[0]
    folder = folder_of(small_phantom, truth.patient_id)
    judged = judge([replace(r, pixel_spacing_mm=None) for r in folder.records()], FRAMES)
    images = np.zeros((len(judged.stack), 64, 72), np.int16)
    found = interpret(truth.patient_id, judged, images, opinions_of(small_phantom, truth, judged, images))
    assert (found.values.edv_ml, found.values.ef_pct) == (None, None)
    assert "pixel spacing unknown" in found.values.reason
    assert (found.ed_frame, found.es_frame) == (truth.ed_frame, truth.es_frame)
    assert any(item.drawing.endo is not None for item in found.seen)


def test_doubt_is_told_where_the_looks_disagree_or_something_is_missing(small_phantom: Path) -> None:
    """At ED or ES; elsewhere it changes no value."""
    truth = read_truth(small_phantom).patients[0]
    folder = folder_of(small_phantom, truth.patient_id)
    judged = judge(folder.records(), FRAMES)
    images = np.zeros((len(judged.stack), 64, 72), np.int16)
    told = list(opinions_of(small_phantom, truth, judged, images))
    at = {(r.slice_index, r.frame): i for i, r in enumerate(judged.stack)}
    middle = truth.contours[0].slice_index
    i = at[middle, truth.es_frame]
    told[i] = replace(told[i], agreement=0.5)
    found = interpret(truth.patient_id, judged, images, iter(told))
    assert [(item.place, item.phase) for item in found.unsure] == [(Place(middle, truth.es_frame), Phase.ES)]
    assert "agree to 0.50 only" in found.unsure[0].unsure


@pytest.mark.parametrize("frames", ["all", "ED and ES"])
def test_a_hole_in_the_ventricle_takes_the_volumes(small_phantom: Path, frames: str) -> None:
    """A slice in its middle in which nothing is found: no volume of the rest; the reason, and where to look."""
    truth = read_truth(small_phantom).patients[0]
    folder = folder_of(small_phantom, truth.patient_id)
    judged = judge(folder.records(), FRAMES)
    images = np.zeros((len(judged.stack), 64, 72), np.int16)
    told = list(opinions_of(small_phantom, truth, judged, images))
    drawn = sorted({contour.slice_index for contour in truth.contours})
    hole = drawn[len(drawn) // 2]
    nothing = np.zeros_like(told[0].cavity)
    for i, record in enumerate(judged.stack):
        if record.slice_index == hole and (frames == "all" or record.frame in (truth.ed_frame, truth.es_frame)):
            told[i] = replace(told[i], cavity=nothing)
    found = interpret(truth.patient_id, judged, images, iter(told))
    assert found.removed == ()
    assert {item.place.slice_index for item in found.seen if item.drawing.endo is not None} >= set(drawn) - {hole}
    empty = [item for item in found.unsure if item.drawing.endo is None]
    assert {item.place.slice_index for item in empty} == {hole}
    assert all("no cavity found between slices" in item.unsure for item in empty)
    assert (found.values.ef_pct, found.values.esv_ml) == (None, None)
    assert f"endocardium of slice {hole} missing" in found.values.reason


def test_a_wall_that_is_not_found_is_told(small_phantom: Path) -> None:
    """A cavity without epicardium at end-diastole."""
    truth = read_truth(small_phantom).patients[0]
    judged = judge(folder_of(small_phantom, truth.patient_id).records(), FRAMES)
    images = np.zeros((len(judged.stack), 64, 72), np.int16)
    told = list(opinions_of(small_phantom, truth, judged, images))
    drawn = sorted({contour.slice_index for contour in truth.contours})
    middle = drawn[len(drawn) // 2]
    (i,) = (i for i, r in enumerate(judged.stack) if (r.slice_index, r.frame) == (middle, truth.ed_frame))
    told[i] = replace(told[i], heart=np.zeros_like(told[i].heart))
    found = interpret(truth.patient_id, judged, images, iter(told))
    assert [(item.place, item.unsure) for item in found.unsure] == [
        (Place(middle, truth.ed_frame), "no epicardium found")
    ]
    assert found.values.mass_g is None


def test_what_is_left_out_apart_from_the_ventricle_is_told(small_phantom: Path) -> None:
    """A little behind a slice without a cavity."""
    truth = read_truth(small_phantom).patients[0]
    judged = judge(folder_of(small_phantom, truth.patient_id).records(), FRAMES)
    images = np.zeros((len(judged.stack), 64, 72), np.int16)
    told = list(opinions_of(small_phantom, truth, judged, images))
    drawn = sorted({contour.slice_index for contour in truth.contours})
    nothing = np.zeros_like(told[0].cavity)
    whole = interpret(truth.patient_id, judged, images, iter(told))
    found_at = {i.place.frame: i.drawing.endo for i in whole.seen if i.place.slice_index == drawn[0]}
    for i, record in enumerate(judged.stack):
        if record.slice_index == drawn[-1]:
            x, y = centroid(found_at[record.frame])
            speck = nothing.copy()
            speck[round(y) - 2 : round(y) + 2, round(x) - 2 : round(x) + 2] = SURE
            told[i] = replace(told[i], cavity=speck)
        elif record.slice_index in drawn[1:-1]:
            told[i] = replace(told[i], cavity=nothing)
    found = interpret(truth.patient_id, judged, images, iter(told))
    assert [item.slice_index for item in found.removed] == [drawn[-1]]
    assert f"cavities of slice {drawn[-1]}, apart from the rest, are left out as beyond the ventricle" in found.notes


def test_volumes_of_a_part_and_frames_of_a_part_are_told(small_phantom: Path) -> None:
    """A slice that is missing takes the volumes; an image that is missing takes its frame out of the choice."""
    truth = read_truth(small_phantom).patients[0]
    records = folder_of(small_phantom, truth.patient_id).records()
    images = np.zeros((40, 64, 72), np.int16)
    judged = replace(judge(records, FRAMES), incomplete="slices are not evenly spaced")
    found = interpret(truth.patient_id, judged, images, opinions_of(small_phantom, truth, judged, images))
    assert (found.values.edv_ml, found.values.ef_pct) == (None, None)
    assert found.values.reason == "slices are not evenly spaced"
    assert (found.ed_frame, found.es_frame) == (truth.ed_frame, truth.es_frame)
    middle = truth.contours[0].slice_index
    judged = judge([r for r in records if (r.file_number or 0) != middle * FRAMES + truth.ed_frame], FRAMES)
    images = images[: len(judged.stack)]
    found = interpret(truth.patient_id, judged, images, opinions_of(small_phantom, truth, judged, images))
    assert found.ed_frame != truth.ed_frame
    assert f"no image of every slice in frame {truth.ed_frame}: not considered for ED and ES" in found.notes


def test_phases_are_the_largest_and_the_smallest_cavity() -> None:
    """Over all slices; a frame that a slice lacks is no candidate."""
    drawings = {place: found[0] for place, found in ventricle().items()}
    assert choose_phases(cavity_curve(drawings, range(5))) == (1, 3)
    del drawings[Place(2, 1)]
    assert choose_phases(cavity_curve(drawings, range(5))) == (4, 3)


def test_one_frame_has_no_phases() -> None:
    """Nor has a patient without a ventricle."""
    assert choose_phases(cavity_curve({Place(0, 1): Drawing(ring(9, 9, 4), None)}, {0})) == (None, None)
    assert choose_phases({}) == (None, None)
