"""A series that is no cine is refused though nothing lies beside it; cines with few or strange tags are taken.

The series are phantoms' files, written anew as scanners write perfusion, late enhancement and the like.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.valuerep import TM

from cmrpipe.predict.judge import Judged, judge
from cmrpipe.predict.source import find_patients
from tests.predict.oracle import FRAMES, PATIENT

TAGS = ("ScanningSequence", "SequenceVariant", "SeriesDescription", "AcquisitionTime", "CardiacNumberOfImages")
Change = Callable[[Dataset, int, int], None]
"""Alters a header; slice from 0, frame from 1."""


def series(source: Path, out: Path, change: Change, frames: range = range(1, FRAMES + 1)) -> Judged:
    """What is judged of a phantom's files after a change."""
    out.mkdir()
    for path in sorted((source / "dicoms" / PATIENT).glob("*.dcm")):
        ds = pydicom.dcmread(path)
        index, frame = divmod(int(path.stem) - 1, FRAMES)
        if frame + 1 in frames:
            change(ds, index, frame + 1)
            ds.save_as(out / path.name)
    (patient,) = find_patients(out)
    return judge(patient.records(), 20)


def clock(seconds: float) -> TM:
    """A time of the day."""
    minutes, rest = divmod(36_000.0 + seconds, 60.0)
    return TM(f"{int(minutes // 60):02d}{int(minutes % 60):02d}{rest:09.6f}")


def still(ds: Dataset, index: int, frame: int) -> None:  # noqa: ARG001
    """As of images that all lie at one time after the R wave, with a header that says nothing else."""
    ds.TriggerTime = 310.0 + 80 * index
    for tag in TAGS:
        delattr(ds, tag)


def perfusion(ds: Dataset, index: int, frame: int) -> None:
    """First pass: each frame of a slice in a heartbeat of its own."""
    still(ds, index, frame)
    ds.ScanningSequence, ds.CardiacNumberOfImages = "GR", 1
    ds.AcquisitionTime = clock(0.87 * frame + 0.15 * index)


def perfusion_without_geometry(ds: Dataset, index: int, frame: int) -> None:
    """Trigger times that run on from beat to beat, and a description; no word of where the images lie."""
    bare(ds, index, frame)
    ds.TriggerTime, ds.SeriesDescription = 870.0 * frame, "SAX perf rest"


def by_type(*values: str) -> Change:
    """By ImageType."""

    def change(ds: Dataset, index: int, frame: int) -> None:
        still(ds, index, frame)
        ds.ImageType = ["ORIGINAL", "PRIMARY", *values]

    return change


def by_tag(name: str, value: object) -> Change:
    """By one tag alone."""

    def change(ds: Dataset, index: int, frame: int) -> None:
        still(ds, index, frame)
        setattr(ds, name, value)

    return change


ONE, TWO = range(1, 2), range(1, 3)


@pytest.mark.parametrize(
    ("change", "frames", "reason"),
    [
        (perfusion, range(1, FRAMES + 1), "no cine: images of a slice were acquired 0.9 s apart, a heartbeat each"),
        (perfusion_without_geometry, range(1, FRAMES + 1), "no cine, by its SeriesDescription 'SAX perf rest'"),
        (by_type("M", "PERFUSION"), range(1, FRAMES + 1), "perfusion, by its ImageType"),
        (by_type("OTHER", "R", "IR"), TWO, "inversion recovery (late enhancement or mapping), by its ImageType"),
        (by_type("M_IR", "M"), ONE, "inversion recovery (late enhancement or mapping), by its ImageType"),
        (by_type("M", "ND", "PSIR"), ONE, "phase-sensitive inversion recovery, by its ImageType"),
        (by_type("R", "ND"), TWO, "the real part of a complex image"),
        (by_tag("ScanningSequence", ["GR", "IR"]), TWO, "inversion recovery (late enhancement or mapping), by its Sc"),
        (by_tag("ScanningSequence", "SE"), ONE, "a spin echo, by its ScanningSequence"),
        (by_tag("InversionTime", 310.0), TWO, "no cine: inversion recovery (late enhancement or mapping), by its Inv"),
        (by_tag("SequenceName", "*tfl2d1_23"), ONE, "no cine: perfusion, late enhancement or a spin echo, by its Seq"),
        (by_tag("SequenceName", "*epfid2d1_60"), range(1, 9), "no cine: perfusion, late enhancement or a spin echo"),
        (by_tag("SeriesDescription", "SAX_perf_stress"), range(1, FRAMES + 1), "no cine, by its SeriesDescription"),
        (by_tag("SeriesDescription", "PSIR sax"), TWO, "no cine, by its SeriesDescription 'PSIR sax'"),
        (by_tag("SeriesDescription", "de_LGE_sa"), ONE, "no cine, by its SeriesDescription 'de_LGE_sa'"),
        (by_tag("SeriesDescription", "Delayed Enhancement"), ONE, "no cine, by its SeriesDescription"),
        (by_tag("SeriesDescription", "MOLLI 5(3)3"), range(1, 9), "no cine, by its SeriesDescription"),
    ],
)
def test_what_is_no_cine_by_its_own_tags_is_refused(
    small_phantom: Path, tmp_path: Path, change: Change, frames: range, reason: str
) -> None:
    """Alone in its folder, with slices and orientation as a cine has them; every image with the reason."""
    found = series(small_phantom, tmp_path / "alone", change, frames)
    assert found.stack == ()
    assert reason in found.reason
    assert len(found.refused) == 4 * len(frames)
    assert all(item.reason.startswith(reason) for item in found.refused)


def plain(ds: Dataset, index: int, frame: int) -> None:
    """No change."""


def named(name: str, value: object) -> Change:
    """One tag of a cine is another."""
    return lambda ds, index, frame: setattr(ds, name, value)  # noqa: ARG005


def each_frame_later(ds: Dataset, index: int, frame: int) -> None:
    """Times of acquisition as a program writes them that stamps each image."""
    ds.AcquisitionTime = clock(60 * index + frame)


def in_one_breath(ds: Dataset, index: int, frame: int) -> None:
    """No trigger times; times of acquisition that are those of the slices, or of the frames in the beat."""
    del ds.TriggerTime
    ds.AcquisitionTime = clock(15 * index + 0.04 * frame)


def told_twice(ds: Dataset, index: int, frame: int) -> None:
    """No trigger times; full seconds, in which several images were made."""
    del ds.TriggerTime
    ds.AcquisitionTime = clock(15 * index + frame // 4)


def bare(ds: Dataset, index: int, frame: int) -> None:
    """Hardly a tag, as the derived patients have them."""
    still(ds, index, frame)
    for tag in ("TriggerTime", "ImagePositionPatient", "ImageOrientationPatient"):
        delattr(ds, tag)
    ds.ImageType = ["DERIVED", "SECONDARY"]


@pytest.mark.parametrize(
    ("change", "frames"),
    [
        (plain, range(1, FRAMES + 1)),
        (plain, range(1, FRAMES, 4)),  # end-diastole and end-systole alone, and one between
        (plain, ONE),
        (still, range(1, FRAMES + 1)),
        (bare, range(1, FRAMES + 1)),
        (bare, TWO),
        (each_frame_later, range(1, FRAMES + 1)),
        (in_one_breath, range(1, FRAMES + 1)),
        (told_twice, range(1, FRAMES + 1)),
        (named("InversionTime", 310.0), range(1, FRAMES + 1)),
        (named("InversionTime", 0.0), TWO),
        (named("SequenceName", "*tfi2d1_15"), ONE),
        (named("SequenceName", "*tfl2d1_15"), range(1, FRAMES + 1)),
        (named("SeriesDescription", "sax after LGE"), range(1, FRAMES + 1)),
        (named("SeriesDescription", "cine_sax_post_perfusion"), ONE),
        (named("SeriesDescription", "perfect SAX, plgem"), ONE),
        (named("ScanningSequence", ["SE", "GR"]), ONE),
        (named("ScanningSequence", ["EP", "GR"]), TWO),
    ],
)
def test_a_cine_is_taken_whatever_it_is_called(
    small_phantom: Path, tmp_path: Path, change: Change, frames: range
) -> None:
    """Where trigger times run through a heartbeat, or nothing speaks against it; single frames of one, too."""
    found = series(small_phantom, tmp_path / "alone", change, frames)
    assert len(found.stack) == 4 * len(frames)
    assert (found.refused, found.reason) == ((), "")


def test_late_enhancement_beside_a_cine_is_told_by_its_own_tags(small_phantom: Path, tmp_path: Path) -> None:
    """And takes no volumes, though it has slices where the cine has none."""

    def mixed(ds: Dataset, index: int, frame: int) -> None:
        if index == 3:
            by_tag("InversionTime", 310.0)(ds, index, frame)
            ds.SeriesInstanceUID = "1.2.3"

    found = series(small_phantom, tmp_path / "both", mixed)
    assert (len(found.stack), found.incomplete) == (3 * FRAMES, "")
    assert {item.reason.partition(",")[0] for item in found.refused} == {
        "no cine: inversion recovery (late enhancement or mapping)"
    }


def test_perfusion_of_another_study_costs_nobody(small_phantom: Path, tmp_path: Path) -> None:
    """Exported with the cine under a StudyInstanceUID of its own: the patient is not one of two cines."""
    out = tmp_path / "two"
    series(small_phantom, out, perfusion)
    for path in sorted(out.glob("*.dcm")):
        ds = pydicom.dcmread(path)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.4"
        ds.save_as(out / f"9{int(path.stem):04}.dcm")
        shutil.copy(small_phantom / "dicoms" / PATIENT / path.name, path)
    (patient,) = find_patients(out)
    found = judge(patient.records(), 20)
    assert len(found.stack) == len(found.refused) == 4 * FRAMES
    assert found.incomplete == ""


@pytest.mark.parametrize("name", ["final_data", "more_patients"])
def test_every_real_patient_is_taken_whole(shared_data: Path, name: str) -> None:
    """5 whole cines, and 25 derived patients whose headers hold hardly a tag."""
    for patient in find_patients(shared_data / name):
        records = patient.records()
        found = judge(records, 20)
        assert len(found.stack) == len(records)
        assert found.refused == ()
