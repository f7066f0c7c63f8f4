"""Slices that are series of their own: one stack, under the numbers that one series would have had."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.opening import open_source
from cmrpipe.connect.sorting import sort_patient
from cmrpipe.landing import Ledger, land
from cmrpipe.landing.plan import make_plan
from cmrpipe.params import SourceParams
from cmrpipe.progress import silent
from cmrpipe.readers.asides import read_asides
from cmrpipe.slices import main_series
from tests.connect.conftest import Orthanc
from tests.connect.heaps import FRAMES, GAP, SLICES, layout, names, others, places, reasons, series

AGAIN = "its slice is in the stack already, from another series (acquired again)"
SOME = st.sets(st.integers(0, SLICES - 1), max_size=2)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    st.integers(0, 99),
    st.sampled_from([GAP, -GAP]),
    SOME,
    st.dictionaries(st.integers(0, SLICES - 1), st.integers(1, FRAMES - 1), max_size=3),
)
def test_slices_that_are_series_land_as_one_series_would(
    seed: int, gap: float, again: set[int], gone: dict[int, int]
) -> None:
    """In whatever order, whichever way along the normal; a missing frame leaves its number free.

    Long axes and localizers are no part of it, nor are slices that were acquired again.
    """
    order = random.Random(seed)
    lost = {f"sax-{s}-{f}" for s, f in gone.items() if s not in again}
    sax = [image for image in series("sax", 10, places(gap=gap)) if image.what not in lost]
    images = [*sax, *series("again", 60, [gap * index for index in sorted(again)]), *others()]
    order.shuffle(images)
    sort = sort_patient(images)
    assert names(sort) == {name: what for name, what in layout().items() if what not in lost}
    told = reasons(sort)
    assert told.pop("again", None) == ({AGAIN} if again else None)
    assert told.keys() == {"lax0", "lax1", "lax2", "scout0", "scout1", "scout2", "across"}
    assert len(sort.placed) + len(sort.asides) == len(images)
    order.shuffle(images)
    assert names(sort_patient(images)) == names(sort)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(st.sets(st.integers(0, SLICES - 1), max_size=1), SOME, st.sampled_from([FRAMES, FRAMES - 1, FRAMES + 1]))
def test_of_a_slice_acquired_again_that_series_is_taken_that_the_layout_takes(
    before: set[int], after: set[int], frames: int
) -> None:
    """Whichever has more images, then whichever was first; and the stack begins at the end where it began."""
    sax = series("sax", 10, places())
    repeats = [*series("b", 3, [GAP * n for n in sorted(before)], frames), *series("a", 60, [GAP * n for n in after])]
    assume(len(before | after) <= 2)
    sort = sort_patient([*repeats, *sax])
    assert {i.record.series_uid for i in sort.placed.values()} == main_series(i.record for i in [*sax, *repeats])
    assert {reason for told in reasons(sort).values() for reason in told} <= {AGAIN}
    order = sorted(sort.placed, key=lambda name: int(name.split(".")[0]))
    lie = [-(sort.placed[name].record.position_mm or (0, 0, 0))[0] for name in order]
    assert lie == sorted(lie)


@pytest.mark.parametrize("first", [1, 11, 401])
def test_numbers_that_run_through_the_series_stay(first: int) -> None:
    """Contours go by them; those of a slice that was acquired again are left free."""
    sax = series("sax", 10, places(), running=True)
    sax = [
        replace(i, record=replace(i.record, instance_number=first - 1 + (i.record.instance_number or 0))) for i in sax
    ]
    again = series("again", 60, [GAP])
    assert names(sort_patient([*sax, *again, *others()])) == {
        f"{first - 1 + int(name.split('.')[0])}.dcm": what for name, what in layout().items()
    }


def test_one_series_in_which_numbers_begin_anew_lands_by_place() -> None:
    """Series whose UIDs were removed, or that a program put together; what lies across keeps it from that."""
    sax = series("sax", 10, places(), series_uid="")
    assert names(sort_patient(sax)) == layout()
    across = series("lax", 20, [5.0], orientation=(1.0, 0, 0, 0, 1.0, 0), series_uid="")
    assert sort_patient([*sax, *across]).placed == {}


def test_identifiers_written_anew_for_every_image_are_passed_over() -> None:
    """One series lands as it does with its own; so do slices that are series, by their SeriesNumbers."""
    for together in (True, False):
        images = [
            replace(i, record=replace(i.record, series_uid=str(n), study_uid=str(n), frame_of_reference_uid=str(n)))
            for n, i in enumerate([*series("sax", 10, places(), 10, together=together), *others()])
        ]
        assert {what.split("-")[0] for what in names(sort_patient(images)).values()} == {"sax"}
        assert len(sort_patient(images).placed) == 10 * SLICES


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("ORIGINAL\\PRIMARY\\PHASE MAP\\P\\FFE", "a phase map"),
        ("ORIGINAL\\PRIMARY\\R_FFE\\R\\FFE", "the real part of a complex image"),
    ],
)
def test_phase_maps_in_the_cines_own_series_do_not_land(kind: str, part: str) -> None:
    """They stand where its images do, and are told as what they are; a series of them alone stays what it is."""
    sax = series("sax", 10, places(), together=True)
    records = [replace(i.record, image_type="ORIGINAL\\PRIMARY\\M_FFE\\M\\FFE") for i in sax]
    sax = [
        replace(i, record=replace(r, instance_number=2 * n - 1))
        for n, (i, r) in enumerate(zip(sax, records, strict=True), 1)
    ]
    phase = [
        replace(
            i, what=f"phase-{n}", record=replace(i.record, image_type=kind, sha256=f"phase-{n}", instance_number=2 * n)
        )
        for n, i in enumerate(sax, 1)
    ]
    sort = sort_patient([*sax, *phase])
    assert names(sort) == {f"{i.record.instance_number}.dcm": i.what for i in sax}
    assert reasons(sort) == {"phase": {f"{part} beside the magnitude images of its series, by its ImageType"}}
    assert len(sort_patient(phase).placed) == len(phase)


def test_frames_that_are_series_land_by_place() -> None:
    """End-diastole and end-systole, or all frames, exported as a series each, which counts its slices from 1."""
    sax = [
        replace(
            i,
            record=replace(
                i.record, series_uid=i.what[-1], series_number=int(i.what[-1]), instance_number=n // FRAMES + 1
            ),
        )
        for n, i in enumerate(series("sax", 10, places()))
    ]
    assert names(sort_patient([*sax, *others()])) == layout()
    both = [image for image in sax if image.what[-1] in "14"]
    assert names(sort_patient(both)) == {f"{n}.dcm": image.what for n, image in enumerate(both, 1)}


def test_one_number_given_twice_moves_no_other() -> None:
    """In one series, and in a slice that is one: both images are put aside, all others keep their numbers."""
    for whole, words in ((True, "have InstanceNumber 7"), (False, "are, by place and time, number 7")):
        sax = series("sax", 10, places(), together=whole)
        twin = replace(sax[6], what="twin", record=replace(sax[6].record, sha256="twin"))
        sort = sort_patient([*sax, twin, replace(sax[0], what="zz-copy")])
        assert names(sort) == {name: what for name, what in layout().items() if name != "7.dcm"}
        twins = f"2 different images {words}"
        assert reasons(sort) == {"sax": {twins}, "twin": {twins}, "zz": {"a copy of sax-0-1"}}


def test_copies_of_a_slice_change_nothing() -> None:
    """A slice that is there twice, or three times, is put aside as often, and is not taken for more images a slice."""
    sax = series("sax", 10, places())
    copies = [replace(image, what=f"z{n}-{image.what}") for n in (1, 2) for image in sax[:FRAMES]]
    sort = sort_patient([*copies, *sax, *others()])
    assert names(sort) == layout()
    assert reasons(sort)["z1"] == reasons(sort)["z2"] == {f"a copy of sax-0-{frame}" for frame in range(1, FRAMES + 1)}


def test_frames_of_one_time_are_told_by_instance_number() -> None:
    """No image is lost to a scanner that gives two frames one trigger time."""
    sax = series("sax", 10, places())
    sax[6] = replace(sax[6], record=replace(sax[6].record, trigger_time_ms=sax[5].record.trigger_time_ms))
    assert names(sort_patient(sax)) == layout()


def write(source: Path, target: Path, patients: int, frames: int) -> None:
    """Images of a folder in the layout as a heap, each slice a series of its own whose numbers begin anew."""
    target.mkdir()
    for patient in sorted((source / "dicoms").iterdir())[:patients]:
        for path in patient.iterdir():
            slice_, frame = divmod(int(path.stem) - 1, 10)
            if frame < frames:
                image = pydicom.dcmread(path)
                image.SeriesInstanceUID += f".{slice_}"
                image.SeriesNumber = 10 + slice_
                image.InstanceNumber = frame + 1
                image.save_as(target / f"{patient.name}-{path.stem[::-1]}-{path.stem}x")


def test_a_heap_of_slices_that_are_series_lands_again_as_it_did(small_phantom: Path, tmp_path: Path) -> None:
    """Under the layout's numbers, whatever its files are called; `sources` and a second landing find it unchanged."""
    heap, raw, named = tmp_path / "heap", tmp_path / "raw", tmp_path / "named"
    write(small_phantom, heap, 1, 10)
    for place, pattern, unchanged in ((raw, "", 0), (named, "cine sax", 0), (raw, "", 1)):
        source = open_source(str(heap), SourceParams(settle_s=0.0, series=pattern), place)
        landed = land(source, place, listen=silent)
        assert (len(landed.new), len(landed.unchanged), landed.failed) == (1 - unchanged, unchanged, {})
        assert make_plan(source, source.look(), place, Ledger(place), lambda _: False).todo == ()
    assert hash_tree(named / "dicoms") == hash_tree(raw / "dicoms")
    assert read_asides(raw) == []
    (patient,) = (raw / "dicoms").iterdir()
    files = {path.name for path in (small_phantom / "dicoms" / patient.name).iterdir()}
    assert {path.name for path in patient.iterdir()} == files
    for path in patient.iterdir():
        assert path.read_bytes() == (heap / f"{patient.name}-{path.stem[::-1]}-{path.stem}x").read_bytes()


def test_a_server_gives_what_the_heap_gives(orthanc: Orthanc, small_phantom: Path, tmp_path: Path) -> None:
    """The same choice, the same numbers."""
    heap = tmp_path / "heap"
    write(small_phantom, heap, 1, 3)
    orthanc.stow(*heap.iterdir())
    raws: list[Path] = []
    for address in (str(heap), orthanc.address):
        raws.append(tmp_path / str(len(raws)) / "raw")
        land(open_source(address, SourceParams(settle_s=0.0), raws[-1]), raws[-1], listen=silent)
    assert hash_tree(raws[0]) == hash_tree(raws[1])
    assert len(hash_tree(raws[1])) == 12
