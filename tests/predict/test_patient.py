"""From a perfect network's answers to the patient's values."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from cmrpipe.geometry import centroid
from cmrpipe.learn.borders import Drawing
from cmrpipe.learn.voting import SURE, Opinion
from cmrpipe.model import ImageRecord, Phase
from cmrpipe.phantom.truth import PatientTruth, read_truth
from cmrpipe.predict.contouring import Place, cavity_curve
from cmrpipe.predict.judge import Judged, judge
from cmrpipe.predict.output import result
from cmrpipe.predict.patient import Prediction, _offsets, choose_phases, interpret
from cmrpipe.predict.tables import row_of
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
    """And the reason is told; the ejection fraction, a ratio, is there."""
    truth = read_truth(small_phantom).patients[0]
    folder = folder_of(small_phantom, truth.patient_id)
    judged = judge([replace(r, pixel_spacing_mm=None) for r in folder.records()], FRAMES)
    images = np.zeros((len(judged.stack), 64, 72), np.int16)
    found = interpret(truth.patient_id, judged, images, opinions_of(small_phantom, truth, judged, images))
    assert (found.values.edv_ml, found.values.mass_g) == (None, None)
    assert found.values.ef_pct == pytest.approx(truth.ef_pct, abs=1.0)
    assert found.values.reason == "pixel spacing unknown"
    assert (found.ed_frame, found.es_frame) == (truth.ed_frame, truth.es_frame)
    assert any(item.drawing.endo is not None for item in found.seen)


class Case(NamedTuple):
    """A phantom whose perfect answers a test spoils.

    Attributes
    ----------
    images : (n, rows, cols), which nothing looks at
    told : an opinion an image
    drawn : slices with contours
    """

    truth: PatientTruth
    judged: Judged
    images: npt.NDArray[np.int16]
    told: list[Opinion]
    drawn: list[int]

    def found(self) -> Prediction:
        """What becomes of the opinions."""
        return interpret(self.truth.patient_id, self.judged, self.images, iter(self.told))


@pytest.fixture
def case(small_phantom: Path) -> Case:
    """The first phantom."""
    truth = read_truth(small_phantom).patients[0]
    judged = judge(folder_of(small_phantom, truth.patient_id).records(), FRAMES)
    images = np.zeros((len(judged.stack), 64, 72), np.int16)
    told = list(opinions_of(small_phantom, truth, judged, images))
    return Case(truth, judged, images, told, sorted({contour.slice_index for contour in truth.contours}))


def test_frames_without_an_image_of_every_slice_take_the_volumes(case: Case) -> None:
    """One slice has half of its frames: end-systole may be among those that are not considered."""
    half = [
        i
        for i, r in enumerate(case.judged.stack)
        if r.slice_index != case.drawn[1] or (r.frame or 0) <= len({r.frame for r in case.judged.stack}) // 2
    ]
    judged = replace(
        case.judged,
        stack=tuple(case.judged.stack[i] for i in half),
        numbers=tuple(case.judged.numbers[i] for i in half),
    )
    found = case._replace(judged=judged, images=case.images[half], told=[case.told[i] for i in half]).found()
    assert found.values.ef_pct is None
    assert "frames have an image of every slice of the ventricle" in found.values.reason


@pytest.mark.parametrize(
    ("empty", "note"),
    [
        ((), "the ventricle reaches the stack's first and last slices: what lies beyond is not in the values"),
        ((-1,), "the ventricle reaches the stack's first slice: what lies beyond is not in the values"),
        ((0, -1), ""),
    ],
)
def test_a_ventricle_that_reaches_an_end_of_the_stack_is_told(case: Case, empty: tuple[int, ...], note: str) -> None:
    """A wide cavity in the stack's outermost slice goes on beyond it; where that shows none, it ends within."""
    slices = sorted({r.slice_index or 0 for r in case.judged.stack})
    without = {slices[i] for i in empty}
    told = [
        replace(opinion, cavity=np.zeros_like(opinion.cavity), heart=np.zeros_like(opinion.heart))
        if record.slice_index in without
        else opinion
        for opinion, record in zip(case.told, case.judged.stack, strict=True)
    ]
    said = [text for text in case._replace(told=told).found().notes if "reaches the stack's" in text]
    assert said == ([note] if note else [])


def test_a_large_cavity_out_of_reach_is_told_and_withholds_nothing(case: Case) -> None:
    """It is an atrium more often than a ventricle that moved."""
    shift = case.images.shape[2] // 2
    first = case.drawn[0]
    told = [
        replace(opinion, cavity=np.roll(opinion.cavity, shift, axis=1), heart=np.roll(opinion.heart, shift, axis=1))
        if record.slice_index == first
        else opinion
        for opinion, record in zip(case.told, case.judged.stack, strict=True)
    ]
    found = case._replace(told=told).found()
    assert [item.slice_index for item in found.removed] == [first]
    assert any(note.startswith(f"large cavities of slice {first}, out of reach") for note in found.notes)
    assert found.values.ef_pct is not None


def test_doubt_is_told_where_the_looks_disagree(case: Case) -> None:
    """At ED or ES; elsewhere it changes no value."""
    middle, es = case.truth.contours[0].slice_index, case.truth.es_frame
    (i,) = (i for i, r in enumerate(case.judged.stack) if (r.slice_index, r.frame) == (middle, es))
    case.told[i] = replace(case.told[i], agreement=0.5)
    found = case.found()
    assert [(item.place, item.phase) for item in found.unsure] == [(Place(middle, es), Phase.ES)]
    assert "agree to 0.50 only" in found.unsure[0].unsure
    case.told[i] = replace(case.told[i], agreement=0.937)  # below the level, in words, too
    assert "agree to 0.93 only" in case.found().unsure[0].unsure


def test_doubt_is_told_where_there_are_no_phases(case: Case) -> None:
    """Every frame lacks an image of a slice of the ventricle: every image in it counts, none beyond its ends."""
    middle = case.drawn[len(case.drawn) // 2]
    kept = [
        i
        for i, r in enumerate(case.judged.stack)
        if not (r.slice_index == middle and r.frame != 1) and not (r.slice_index == case.drawn[0] and r.frame == 1)
    ]
    judged = replace(case.judged, stack=tuple(case.judged.stack[i] for i in kept), numbers=tuple(range(len(kept))))
    told = [replace(case.told[i], agreement=0.5) for i in kept]
    found = case._replace(judged=judged, images=case.images[kept], told=told).found()
    assert found.ed_frame is None
    flagged = [item for item in found.seen if item.unsure]
    assert {item.place.slice_index for item in flagged} <= {*range(case.drawn[0], case.drawn[-1] + 1)}
    assert len(flagged) > 20
    assert list(found.unsure) == flagged
    assert row_of(found).unsure == len(flagged)
    told_of = result(found, "", {})
    assert (len(told_of["unsure"]), told_of["unsure_among"]) == (len(flagged), "all images")
    assert result(case.found(), "", {})["unsure_among"] == "images of ED and ES"


@pytest.mark.parametrize("frames", ["all", "ED and ES"])
def test_a_hole_in_the_ventricle_takes_the_volumes(case: Case, frames: str) -> None:
    """A slice in its middle in which nothing is found: no volume of the rest; the reason, and where to look."""
    hole = case.drawn[len(case.drawn) // 2]
    for i, record in enumerate(case.judged.stack):
        if record.slice_index == hole and (
            frames == "all" or record.frame in (case.truth.ed_frame, case.truth.es_frame)
        ):
            case.told[i] = replace(case.told[i], cavity=np.zeros_like(case.told[i].cavity))
    found = case.found()
    assert found.removed == ()
    assert {item.place.slice_index for item in found.seen if item.drawing.endo is not None} >= {*case.drawn} - {hole}
    empty = [item for item in found.unsure if item.drawing.endo is None]
    assert {item.place.slice_index for item in empty} == {hole}
    assert all("no cavity found between slices" in item.unsure for item in empty)
    assert (found.values.ef_pct, found.values.esv_ml) == (None, None)
    assert f"endocardium of slice {hole} missing" in found.values.reason


def test_a_wall_that_is_not_found_is_told(case: Case) -> None:
    """A cavity without epicardium at end-diastole."""
    middle, ed = case.drawn[len(case.drawn) // 2], case.truth.ed_frame
    (i,) = (i for i, r in enumerate(case.judged.stack) if (r.slice_index, r.frame) == (middle, ed))
    case.told[i] = replace(case.told[i], heart=np.zeros_like(case.told[i].heart))
    found = case.found()
    assert [(item.place, item.unsure) for item in found.unsure] == [(Place(middle, ed), "no epicardium found")]
    assert found.values.mass_g is None


def test_what_is_left_out_apart_from_the_ventricle_is_told(case: Case) -> None:
    """A little behind a slice without a cavity."""
    first, *middle, last = case.drawn
    middles = {
        item.place.frame: centroid(item.drawing.endo)
        for item in case.found().seen
        if item.place.slice_index == first and item.drawing.endo is not None
    }
    for i, record in enumerate(case.judged.stack):
        spoilt = np.zeros_like(case.told[i].cavity)
        if record.slice_index == last:
            x, y = map(round, middles[record.frame or 0])
            spoilt[y - 2 : y + 2, x - 2 : x + 2] = SURE
        if record.slice_index in (last, *middle):
            case.told[i] = replace(case.told[i], cavity=spoilt)
    found = case.found()
    assert [item.slice_index for item in found.removed] == [last]
    assert f"cavities of slice {last}, apart from the rest, are left out as beyond the ventricle" in found.notes


def test_why_there_are_no_volumes_is_told(case: Case) -> None:
    """No ventricle; or one, of which a single frame has an image of every slice: contours, and no phases."""
    blank = [replace(opinion, cavity=np.zeros_like(opinion.cavity)) for opinion in case.told]
    assert case._replace(told=blank).found().values.reason == "no ventricle found"
    one = [i for i, r in enumerate(case.judged.stack) if r.frame == 1 or r.slice_index == case.drawn[0]]
    judged = replace(case.judged, stack=tuple(case.judged.stack[i] for i in one), numbers=tuple(range(len(one))))
    found = case._replace(judged=judged, images=case.images[one], told=[case.told[i] for i in one]).found()
    assert any(item.drawing.endo is not None for item in found.seen)
    assert (found.ed_frame, found.values.reason) == (None, "end-diastole and end-systole cannot be told")


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


def test_what_does_not_beat_has_no_phases(case: Case) -> None:
    """A still image several times: the contours are there, volumes are not, and the reason is told."""
    assert choose_phases({1: 5.0, 2: 5.0}) == (None, None)
    first = {r.slice_index: o for r, o in zip(case.judged.stack, case.told, strict=True) if r.frame == 1}
    found = case._replace(told=[first[r.slice_index] for r in case.judged.stack]).found()
    assert any(item.drawing.endo is not None for item in found.seen)
    assert (found.ed_frame, found.values.edv_ml, found.values.ef_pct) == (None, None, None)
    assert found.values.reason == "end-diastole and end-systole cannot be told"
    assert any(note.startswith("the cavity is equally large in all frames") for note in found.notes)


def test_one_frame_has_no_phases() -> None:
    """Nor has a patient without a ventricle."""
    assert choose_phases(cavity_curve({Place(0, 1): Drawing(ring(9, 9, 4), None)}, {0})) == (None, None)
    assert choose_phases({}) == (None, None)


def test_a_slice_that_moved_has_moved_by_so_many_pixels_each_way() -> None:
    """Along a row by the distance between columns, down a column by that between rows."""
    first = ImageRecord("0", "", 0, "P", slice_index=0, position_mm=(10.0, 20.0, 0.0), orientation=(0, 1, 0, 1, 0, 0))
    first = replace(first, pixel_spacing_mm=(2.0, 0.5))
    second = replace(first, slice_index=1, position_mm=(16.0, 22.0, 8.0))
    assert _offsets([first, second]) == {0: (0.0, 0.0), 1: (4.0, 3.0)}
