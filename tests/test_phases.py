"""ED and ES from contours."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmrpipe.model import Contour, ContourKind, ImageRecord, Phase, Sample
from cmrpipe.phases import assign_phases, frames_there
from cmrpipe.readers.contours import read_contour

FRAMES = 20


def drawn(slice_index: int | None, frame: int | None, radius: float, epi: bool = False, endo: bool = True) -> Sample:
    """A contoured image with a round cavity."""
    angle = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    record = ImageRecord(
        f"{slice_index}-{frame}", "", 0, "P", slice_index=slice_index, frame=frame, frames_per_slice=FRAMES
    )
    return Sample(
        record,
        None,
        Contour(ContourKind.ENDO, 50 + radius * circle) if endo else None,
        Contour(ContourKind.EPI, 50 + (radius + 6) * circle) if epi else None,
        Phase.OTHER,
    )


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.integers(1, FRAMES),
    st.integers(6, 14),
    st.booleans(),
    st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 1), st.floats(5, 25)), min_size=3, max_size=10),
    st.randoms(use_true_random=False),
)
def test_found_wherever_the_cycle_begins(
    ed: int, later: int, epi: bool, slices: list[tuple[int, int, float]], random: Random
) -> None:
    """ED and ES are found at any frames, with a frame's difference between slices, in any order of samples."""
    samples, truth = [], []
    for index, (shift_ed, shift_es, radius) in enumerate(slices):
        for start, shift, size, phase in ((ed, shift_ed, 1.0, Phase.ED), (ed + later, shift_es, 0.6, Phase.ES)):
            frame = (start + shift - 1) % FRAMES + 1
            samples.append(drawn(index, frame, radius * size, epi and phase is Phase.ED))
            truth.append(phase)
    order = list(range(len(samples)))
    random.shuffle(order)
    found = assign_phases([samples[i] for i in order])
    assert found.phases == tuple(truth[i] for i in order)
    assert found.reason == ""


@pytest.mark.parametrize("header", [None, 2, FRAMES])
def test_end_diastole_and_end_systole_alone(header: int | None) -> None:
    """Frames 1 and 2 are apart where the images have no others, whatever the header says; not where they have."""
    samples = [drawn(s, f, r, epi=f == 1) for s in range(4) for f, r in ((1, 15), (2, 10))]
    samples = [replace(s, record=replace(s.record, frames_per_slice=header)) for s in samples]
    images = [sample.record for sample in samples]
    found = assign_phases(samples, frames_there(images))
    assert (found.ed_frame, found.es_frame, found.reason) == (1, 2, "")
    if header != 2:
        others = [replace(images[0], frame=frame) for frame in range(3, FRAMES + 1)]
        assert assign_phases(samples, frames_there([*images, *others])).es_frame is None


def test_frames_with_a_gap_are_selected() -> None:
    """Then they do not tell the cycle; nor do images that cannot be read."""
    images = [drawn(0, frame, 10).record for frame in (1, 2, 3)]
    assert frames_there(images) == 3
    assert frames_there([]) is None
    assert frames_there([images[0], images[2]]) is None
    assert frames_there([*images[:2], replace(images[2], error="truncated")]) == 2


def test_every_frame_contoured() -> None:
    """With all frames drawn, just one frame a slice is ED and one is ES."""
    beat = 20 - 6 * np.sin(np.pi * np.arange(FRAMES) / FRAMES)
    samples = [drawn(s, f + 1, beat[f], epi=f == 0) for s in range(3) for f in range(FRAMES)]
    found = assign_phases(samples)
    assert (found.ed_frame, found.es_frame, found.reason) == (1, 11, "")
    assert [s.record.frame for s, p in zip(samples, found.phases, strict=True) if p is Phase.ED] == [1, 1, 1]
    assert [s.record.frame for s, p in zip(samples, found.phases, strict=True) if p is Phase.ES] == [11, 11, 11]


def test_slices_of_one_phase_do_not_tip_the_balance() -> None:
    """Large basal slices that only ES has do not make ES the larger one."""
    both = [drawn(s, f, r) for s in range(3) for f, r in ((20, 15), (8, 10))]
    found = assign_phases([*both, drawn(3, 8, 40)])
    assert (found.ed_frame, found.es_frame) == (20, 8)
    assert found.phases[-1] is Phase.ES


@pytest.mark.parametrize(("slices", "ed"), [(2, 20), (3, 14)])
def test_a_frame_of_few_slices_is_not_compared(slices: int, ed: int) -> None:
    """The widest cavity tells ED where three quarters of the slices have it; in fewer it may be that of any slice."""
    both = [drawn(s, f, r) for s in range(4) for f, r in ((20, 15), (8, 10))]
    found = assign_phases([*both, *(drawn(s, 14, 20) for s in range(slices))])
    assert (found.ed_frame, found.es_frame) == (ed, 8)


def test_epicardia_alone_tell_ed() -> None:
    """Where only one phase is contoured, the epicardium says which, and the lack of ES is told."""
    found = assign_phases([drawn(s, 20, 15, epi=True) for s in range(4)])
    assert (found.ed_frame, found.es_frame) == (20, None)
    assert set(found.phases) == {Phase.ED}
    assert found.reason == "no slice is contoured in two phases, only the epicardia tell ED"
    bare = assign_phases([drawn(s, 20, 15) for s in range(4)])
    assert (bare.ed_frame, bare.reason) == (None, "no slice is contoured in two phases")


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([], "no contours"),
        ([drawn(None, None, 10)], "no contoured image with known slice and frame"),
        ([drawn(s, 5, 10) for s in range(3)], "two phases"),
        ([drawn(s, f, r, epi=f == 8) for s in range(3) for f, r in ((20, 15), (8, 10))], "epicardia lie at frame 8"),
        ([drawn(s, f, r, epi=f == 14) for s in range(3) for f, r in ((20, 15), (14, 12), (8, 10))], "no epicardium"),
        ([drawn(s, f, r) for s in range(3) for f, r in ((4, 15), (5, 8), (12, 10))], "next to the largest"),
        ([drawn(s, f, r) for s in (0, None) for f, r in ((20, 15), (8, 10))], "2 contoured images have no known"),
    ],
    ids=["nothing", "no place", "one phase", "epi at ES", "epi elsewhere", "no systole", "some without place"],
)
def test_what_is_unclear_is_said(samples: list[Sample], reason: str) -> None:
    """Ambiguity is a reason, never an exception."""
    found = assign_phases(samples)
    assert reason in found.reason
    assert len(found.phases) == len(samples)


def test_epicardium_without_endocardium() -> None:
    """An image with only an epicardium at ED is ED as well."""
    samples = [drawn(s, f, r, epi=f == 20) for s in range(3) for f, r in ((20, 15), (8, 10))]
    found = assign_phases([*samples, drawn(3, 19, 8, epi=True, endo=False)])
    assert found.phases[-1] is Phase.ED
    assert found.reason == ""


def test_real_patients(real_samples: dict[str, list[Sample]]) -> None:
    """On all 30 real patients every slice has at most one ED and one ES, none other, and epicardia only at ED."""
    assert len(real_samples) == 30
    for samples in real_samples.values():
        found = assign_phases(samples)
        assert found.reason == ""
        assert Phase.OTHER not in found.phases
        for sample, phase in zip(samples, found.phases, strict=True):
            assert sample.epi is None or phase is Phase.ED
        placed = [(s.record.slice_index, p) for s, p in zip(samples, found.phases, strict=True)]
        assert len(placed) == len(set(placed))


@pytest.fixture(scope="module")
def real_samples(shared_data: Path) -> dict[str, list[Sample]]:
    """Contoured images of the 5 + 25 real patients, slice and frame by file number, without pixels."""
    found: dict[str, list[Sample]] = {}
    for dataset in ("final_data", "more_patients"):
        for folder in sorted((shared_data / dataset / "contourfiles").iterdir()):
            by_number: dict[int, dict[ContourKind, Contour]] = {}
            for path in sorted(folder.rglob("*.txt")):
                record = read_contour(path.read_bytes(), path.relative_to(shared_data).as_posix(), 1.0)
                assert record.contour is not None
                assert record.number is not None
                by_number.setdefault(record.number, {})[record.contour.kind] = record.contour
            found[folder.name] = [
                Sample(
                    ImageRecord("", "", 0, "", slice_index=(n - 1) // FRAMES, frame=(n - 1) % FRAMES + 1),
                    None,
                    kinds.get(ContourKind.ENDO),
                    kinds.get(ContourKind.EPI),
                    Phase.OTHER,
                )
                for n, kinds in sorted(by_number.items())
            ]
    return found
