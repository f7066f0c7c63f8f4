"""Contours that do not go with the heartbeat: exchanged phases, numbers off by frames."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cmrpipe.checks.fit import Image
from cmrpipe.checks.heartbeat import check_heartbeat
from cmrpipe.checks.misfit import measure_fits
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import ContourKind, ContourRecord, Finding, ImageRecord, Phase, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import circle, heart, sample, stack
from tests.stages.faulty import check, found

ANY_FIT = ValidateParams(fit=-1, fit_patient=-1)
"""Drawn walls are so even that exchanged contours fit nowhere, which has a finding of its own, here passed by."""


def findings(samples: list[Sample], limits: ValidateParams = ANY_FIT) -> list[Finding]:
    """What is said of drawn hearts, of whose cine nothing but these images is there."""
    contours = tuple(
        ContourRecord(
            f"contourfiles/O/{number}.txt",
            "",
            1,
            "O",
            number,
            ContourKind.ENDO,
            None if s.endo is None else s.endo.points,
        )
        for s in samples
        if (number := s.record.file_number) is not None
    )
    labels = PatientLabels("P", tuple(s.record for s in samples), contours, ("O",))

    def pixels(_: ImageRecord) -> Image | None:
        raise AssertionError("there is no cine to read")

    return list(check_heartbeat(labels, samples, measure_fits(samples), pixels, limits))


def exchanged(samples: list[Sample], slices: set[int]) -> list[Sample]:
    """The contours of both phases exchanged in these slices; images stay, and so do the phases of the file numbers."""
    endo = {(s.record.slice_index, s.phase): s.endo for s in samples}
    other = {Phase.ED: Phase.ES, Phase.ES: Phase.ED}
    return [
        Sample(s.record, s.image, endo[s.record.slice_index, other[s.phase]], None, s.phase)
        if s.record.slice_index in slices
        else s
        for s in samples
    ]


def test_contours_that_go_with_the_heartbeat() -> None:
    """Nothing is said."""
    assert findings(stack()) == []


def test_exchanged_phases_of_a_patient_are_one_finding() -> None:
    """And it takes the patient."""
    (said,) = findings(exchanged(stack(), set(range(7))))
    assert (said.code, said.path) == (Code.CONTOURS_OTHER_PHASE, "contourfiles/O")
    assert "end-diastole and end-systole are exchanged" in said.message


def test_exchanged_phases_of_a_slice_take_both_its_contours() -> None:
    """The rest of the patient stays."""
    said = findings(exchanged(stack(), {2}))
    assert sorted(item.path for item in said) == ["contourfiles/O/21.txt", "contourfiles/O/25.txt"]
    assert {item.evidence["slice_index"] for item in said} == {2}


def test_large_rings_count_for_more_than_small_ones() -> None:
    """The four slices next to the apex are exchanged, and less of the heart than the other three: they are told."""
    said = findings(exchanged(stack(), {3, 4, 5, 6}))
    assert {item.evidence.get("slice_index") for item in said} == {3, 4, 5, 6}


def test_a_slice_whose_contours_do_not_fit_is_told_for_that_alone() -> None:
    """What fits no image has a finding of its own, and tells nothing of the phase."""
    samples = exchanged(stack(), {2})
    fits = measure_fits(samples)
    assert max(fits[21], fits[25]) < ValidateParams().fit
    assert findings(samples, ValidateParams()) == []


def test_a_heart_that_does_not_beat_is_left_alone() -> None:
    """Where both contours are alike there is no ring to look at."""
    points, image = circle(50, 45, 20), heart(50, 45, 20)
    pairs = ((Phase.ED, points), (Phase.ES, points + 0.1))
    assert findings([sample(i, phase, endo, image) for i in range(5) for phase, endo in pairs]) == []


def test_few_slices_say_nothing() -> None:
    """Two rings are no patient."""
    assert findings(exchanged(stack(2), {0, 1})) == []


def test_a_flat_image_says_nothing() -> None:
    """No contrast, no ring."""
    flat = np.full(heart(50, 45, 20).shape, 7, np.int16)
    samples = [
        sample(i, phase, circle(50, 45, 20 if phase is Phase.ED else 12), flat)
        for i in range(5)
        for phase in (Phase.ED, Phase.ES)
    ]
    assert findings(samples) == []


def altered(source: Path, base: Path, number: Callable[[int], int]) -> list[Finding]:
    """Findings of a real set whose contours got other numbers."""
    raw = base / "set"
    for image in (source / "dicoms").rglob("*.dcm"):
        to = raw / image.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.symlink_to(image)
    for contour in (source / "contourfiles").rglob("*.txt"):
        name = re.sub(r"-(\d{4})-(?=[io]contour)", lambda m: f"-{number(int(m[1])):04d}-", contour.name)
        to = raw / contour.relative_to(source).with_name(name)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(contour, to)
    shutil.copyfile(source / "link.csv", raw / "link.csv")
    check(raw, base)
    return [item for item in found(base) if item.code is Code.CONTOURS_OTHER_PHASE]


def moved(step: int) -> Callable[[int], int]:
    """The number of the image some frames on in the same slice, of 20 frames."""
    return lambda n: (n - 1) // 20 * 20 + (n - 1 + step) % 20 + 1


@pytest.mark.parametrize("step", [3, 10])
def test_real_contours_at_other_frames_are_told(final_data: Path, tmp_path: Path, step: int) -> None:
    """Of all five patients, every contour, with the frames where end-diastole and end-systole are."""
    said = altered(final_data, tmp_path, moved(step))
    assert sorted(item.patient_id for item in said if item.path.count("/") == 1) == [
        f"SCD0000{n}01" for n in range(1, 6)
    ]
    assert all("about " in item.message and "larger contours at" in item.message for item in said)


@pytest.mark.parametrize("step", [19])
def test_a_frame_or_so_cannot_be_told(final_data: Path, tmp_path: Path, step: int) -> None:
    """Which the documentation says: nothing is claimed that the images do not show."""
    assert altered(final_data, tmp_path, moved(step)) == []


def test_real_contours_of_exchanged_phases_are_told(shared_data: Path, tmp_path: Path) -> None:
    """Of all 24 derived patients that fit, from the two images a slice that are there."""
    source = shared_data / "more_patients"
    frames: dict[tuple[str, int], set[int]] = {}
    for image in (source / "dicoms").rglob("*.dcm"):
        frames.setdefault((image.parent.name, (int(image.stem) - 1) // 20), set()).add(int(image.stem))
    pairs = [group for group in frames.values() if len(group) == 2]
    assert len(pairs) > 150
    links = dict(line.split(",") for line in (source / "link.csv").read_text().splitlines()[1:])
    folders = {original: patient for patient, original in links.items()}
    partner = {(p, n): next(iter(g - {n})) for (p, _), g in frames.items() if len(g) == 2 for n in g}
    raw = tmp_path / "set"
    shutil.copytree(source / "dicoms", raw / "dicoms")
    for contour in (source / "contourfiles").rglob("*.txt"):
        match = re.search(r"-(\d{4})-[io]contour", contour.name)
        assert match is not None
        number = int(match[1])
        new = partner.get((folders[contour.relative_to(source).parts[1]], number), number)
        to = raw / contour.relative_to(source).with_name(contour.name.replace(f"-{number:04d}-", f"-{new:04d}-"))
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(contour, to)
    shutil.copyfile(source / "link.csv", raw / "link.csv")
    check(raw, tmp_path)
    whole = {f.patient_id for f in found(tmp_path) if f.code is Code.CONTOURS_OTHER_PHASE and f.path.count("/") == 1}
    misfit = {f.patient_id for f in found(tmp_path) if f.code is Code.CONTOUR_MISFIT and f.path.count("/") == 1}
    assert len(whole) >= 20
    assert len(whole | misfit) == 25
