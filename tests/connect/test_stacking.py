"""Slices that are series of their own: one stack, under the numbers that one series would have had."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.opening import open_source
from cmrpipe.connect.sorting import Found, Sorted, sort_patient
from cmrpipe.landing import Ledger, land
from cmrpipe.landing.plan import make_plan
from cmrpipe.model import ImageRecord
from cmrpipe.params import SourceParams
from cmrpipe.progress import silent
from cmrpipe.readers.asides import read_asides
from cmrpipe.slices import main_series
from tests.connect.conftest import Orthanc

SLICES, FRAMES, GAP = 5, 4, 8.0
OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)  # normal (-0.6, 0.8, 0)
NOWHERE = Path("no-file")


def series(
    name: str,
    first: int,
    at_mm: Iterable[float],
    frames: int = FRAMES,
    *,
    path: Path = NOWHERE,
    running: bool = False,
    together: bool = False,
    **fields: object,
) -> list[Found]:
    """A slice at each place along the normal: a series each, or one, from a series number on."""
    found = []
    for index, at in enumerate(at_mm):
        for frame in range(1, frames + 1):
            what = f"{name}-{index}-{frame}"
            record = ImageRecord(
                path=what,
                sha256=what,
                bytes=0,
                patient_id="",
                header_patient_id="P",
                modality="MR",
                instance_number=index * frames + frame if running or together else frame,
                trigger_time_ms=10.0 + 50.8 * (frame - 1) + 0.3 * index,
                position_mm=(100 - 0.6 * at, 20 + 0.8 * at, -30.0),
                orientation=OBLIQUE,
                pixel_spacing_mm=(1.4, 1.4),
                slice_thickness_mm=8.0,
                frames_per_slice=frames,
                series_number=first if together else first + index,
                series_uid=name if together else f"{name}-{index}",
            )
            found.append(Found(what, path, replace(record, **fields)))  # type: ignore[arg-type]
    return found


def places(count: int = SLICES, start: float = 0.0, gap: float = GAP) -> list[float]:
    """Places of slices along the normal, mm."""
    return [start + gap * index for index in range(count)]


def others() -> list[Found]:
    """Long-axis cines, a series each, and localizers: in three planes, and across the heart."""
    planes = [(1.0, 0, 0, 0, 1.0, 0), (1.0, 0, 0, 0, 0, -1.0), (0, 1.0, 0, 0, 0, -1.0)]
    long_axis = [image for n, o in enumerate(planes) for image in series(f"lax{n}", 30 + n, [5.0], orientation=o)]
    scouts = [image for n, o in enumerate(planes) for image in series(f"scout{n}", 1, places(3), 1, orientation=o)]
    scouts = [replace(image, record=replace(image.record, series_uid="scout")) for image in scouts]
    return [*long_axis, *scouts, *series("across", 2, places(8), 1)]


def names(sort: Sorted) -> dict[str, str]:
    """What lies under each name."""
    return {name: image.what for name, image in sort.placed.items()}


def layout(name: str = "sax", slices: int = SLICES) -> dict[str, str]:
    """The numbers that one series, written slice by slice, would have."""
    return {f"{s * FRAMES + f}.dcm": f"{name}-{s}-{f}" for s in range(slices) for f in range(1, FRAMES + 1)}


def reasons(sort: Sorted) -> dict[str, set[str]]:
    """Why the images of each name were put aside."""
    found: dict[str, set[str]] = {}
    for aside in sort.asides:
        found.setdefault(aside.what.split("-")[0], set()).add(aside.reason)
    return found


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


def described(folder: Path, words: str) -> Path:
    """A DICOM file of which only the description counts."""
    file = Dataset()
    file.file_meta, file.preamble = FileMetaDataset(), b"\0" * 128
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SeriesDescription = words
    path = folder / words
    file.save_as(path)
    return path


@pytest.mark.parametrize(
    "other",
    [
        {"at_mm": places()},
        {"at_mm": places(start=3.0)},
        {"at_mm": places(start=GAP / 2)},
        {"at_mm": places(start=100.0), "pixel_spacing_mm": (1.2, 1.2)},
        {"at_mm": places(start=100.0), "study_uid": "2"},
        {"at_mm": places(start=100.0), "frame_of_reference_uid": "2"},
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_several_stacks_are_refused_until_one_is_named(
    tmp_path: Path, other: dict[str, object], together: bool
) -> None:
    """Before and after contrast, at the same places or between; of other pixels, of another day."""
    pre, post = described(tmp_path, "SA pre"), described(tmp_path, "SA post")
    images = [
        *series("pre", 10, places(), path=pre),
        *series("post", 40, path=post, together=together, **other),  # type: ignore[arg-type]
    ]
    sort = sort_patient([replace(i, path=described(tmp_path, "lax")) for i in others()] + images)
    assert sort.placed == {}
    (reason,) = {aside.reason for aside in sort.asides}
    assert reason.startswith("2 stacks of parallel slices in ")
    assert reason.endswith("choose one with source.series ('SA post', 'SA pre')")
    assert names(sort_patient(images, "pre$")) == layout("pre")
    told = reasons(sort_patient(images, "pre$"))
    assert told == {"post": {"not a series whose description fits source.series 'pre$'"}}
    alike = sort_patient([replace(image, path=pre) for image in images])
    assert {a.reason.partition("; ")[2] for a in alike.asides} == {
        "their descriptions do not tell them apart ('SA pre')"
    }


def test_a_short_series_of_another_kind_is_not_taken_for_the_stack(tmp_path: Path) -> None:
    """Perfusion beside slices that are series is refused; late enhancement, two images a slice, is left out."""
    path = described(tmp_path, "x")
    sax = series("sax", 10, places(), 20, path=path)
    perfusion = series("perfusion", 50, places(3), 50, together=True, path=path)
    assert sort_patient([*sax, *perfusion]).placed == {}
    late = series("late", 50, places(3), 2, together=True, path=path)
    assert len(sort_patient([*sax, *late]).placed) == len(sax)


def test_a_series_that_is_the_stack_stays_alone() -> None:
    """Its images keep their numbers; a slice in a series of its own, beyond it or over it, is put aside."""
    sax = series("sax", 10, places(), together=True)
    sort = sort_patient([*sax, *series("more", 20, [-GAP, GAP]), *others()])
    assert names(sort) == layout()
    deep = series("sax", 10, places(), 10, together=True)
    sort = sort_patient([*deep, *series("perfusion", 20, places(3), 9), *others()])
    assert set(names(sort).values()) == {image.what for image in deep}


@pytest.mark.parametrize("slices", [SLICES, SLICES + 3])
def test_late_enhancement_in_one_series_is_not_taken_for_the_cine(slices: int) -> None:
    """Two images at more places than the cine has, whose slices are series of their own."""
    sax = series("sax", 10, places(), 25)
    late = series("late", 40, places(slices), 2, together=True)
    sort = sort_patient([*late, *sax, *others()])
    assert set(names(sort).values()) == {image.what for image in sax}


def perfusion() -> list[Found]:
    """First pass: more images of a slice than the cine has, all at one time after the R wave, a heartbeat each."""
    images = series("perfusion", 20, places(), 12, together=True, trigger_time_ms=310.0)
    clocks = [f"1000{number % 12 * 2:02d}.{number // 12}" for number in range(len(images))]
    return [
        replace(image, record=replace(image.record, acquisition_time=clock))
        for image, clock in zip(images, clocks, strict=True)
    ]


def test_perfusion_does_not_land_for_end_diastole_and_end_systole(tmp_path: Path) -> None:
    """It is put aside with the reason, unless it is named, or there is no stack beside."""
    first_pass = [replace(image, path=described(tmp_path, "perfusion")) for image in perfusion()]
    drawn = series("drawn", 10, places(), 2, together=True, path=described(tmp_path, "sax"))
    sort = sort_patient([*drawn, *first_pass, *others()])
    assert set(names(sort).values()) == {image.what for image in drawn}
    assert reasons(sort)["perfusion"] == {
        "no cine: images of a slice were acquired 2.0 s apart, a heartbeat each, as in perfusion"
    }
    for sort in (sort_patient([*drawn, *first_pass], "perf"), sort_patient([*first_pass, *others()])):
        assert set(names(sort).values()) == {image.what for image in first_pass}


def test_what_is_named_need_be_no_cine(tmp_path: Path) -> None:
    """Two slices, or one image each; long axes that are named with them are left out, alone they are refused."""
    path = described(tmp_path, "CINE")
    lax = [replace(image, path=path) for image in others() if "lax" in image.what]
    for count, frames in ((SLICES, FRAMES), (2, FRAMES), (SLICES, 1)):
        sax = series("sax", 10, places(count), frames, path=path)
        assert len(sort_patient([*sax, *([] if frames == 1 else lax)], "cine").placed) == len(sax)
    (reason,) = {aside.reason for aside in sort_patient(lax, "cine").asides}
    assert reason == "3 of 3 series whose description fits source.series 'cine'; choose one with source.series"


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
