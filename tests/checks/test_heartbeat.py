"""Contours that do not go with the heartbeat: exchanged phases, numbers off by frames."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from cmrpipe.checks.fit import Image
from cmrpipe.checks.heartbeat import check_heartbeat
from cmrpipe.checks.misfit import measure_fits
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import PatientLabels
from cmrpipe.model import Contour, ContourKind, ContourRecord, Finding, ImageRecord, Phase, Sample
from cmrpipe.params import ValidateParams
from tests.checks.drawn import circle, heart, sample, stack
from tests.stages.faulty import check, found

ANY_FIT = ValidateParams(fit=-1, fit_patient=-1)
"""Drawn walls are so even that exchanged contours fit nowhere, which has a finding of its own, here passed by."""


def findings(
    samples: Sequence[Sample],
    limits: ValidateParams = ANY_FIT,
    fits: Mapping[int, float] | None = None,
    cine: Mapping[ImageRecord, Image | None] | None = None,
) -> list[Finding]:
    """What is said of drawn hearts, of whose cine nothing but these images is there unless it is given."""
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
    labels = PatientLabels("P", tuple(cine or (s.record for s in samples)), contours, ("O",))

    def pixels(record: ImageRecord) -> Image | None:
        assert cine is not None, "there is no cine to read"
        return cine[record]

    return list(check_heartbeat(labels, samples, measure_fits(samples) if fits is None else fits, pixels, limits))


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
    assert said.evidence["slices"] == 7
    (said,) = findings(exchanged(stack(), set(range(7)))[:-1])
    assert said.evidence["slices"] == 6, "one has no pair"


def test_exchanged_phases_are_told_where_contours_fit_once_exchanged() -> None:
    """As they are they fit nowhere; where they would not fit then either, that alone is told, elsewhere."""
    samples = exchanged(stack(), set(range(7)))
    assert max(measure_fits(samples).values()) < ValidateParams().fit_patient
    assert [item.path for item in findings(samples, ValidateParams())] == ["contourfiles/O"]
    negative = [replace(s, image=500 - s.image) for s in stack() if s.image is not None]
    assert [item.path for item in findings(negative)] == ["contourfiles/O"]
    assert findings(negative, ValidateParams()) == []


def test_exchanged_phases_of_a_slice_take_both_its_contours() -> None:
    """The rest of the patient stays."""
    said = findings(exchanged(stack(), {2}))
    assert sorted(item.path for item in said) == ["contourfiles/O/21.txt", "contourfiles/O/25.txt"]
    assert {item.evidence["slice_index"] for item in said} == {2}
    assert all(
        "contracted in image 25, where the larger contour lies, and relaxed in image 21" in s.message for s in said
    )


@pytest.mark.parametrize(("fit_25", "told"), [(0.9, 2), (0.1, 0)])
def test_a_slice_is_told_where_both_its_contours_fit(fit_25: float, told: int) -> None:
    """One that does not is told for that."""
    samples = exchanged(stack(), {2})
    fits = dict.fromkeys(measure_fits(samples), 0.9) | {25: fit_25}
    assert len(findings(samples, ValidateParams(), fits)) == told


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
    """Two rings are no patient, three are one."""
    assert findings(exchanged(stack(2), {0, 1})) == []
    assert len(findings(exchanged(stack(3), {0, 1, 2}))) == 1


def third(a: Sample, b: Sample) -> list[Sample]:
    """Of three contoured images nobody knows which two are the phases."""
    return [a, b, replace(b, record=replace(b.record, frame=6, file_number=26))]


def cut(a: Sample, b: Sample) -> list[Sample]:
    """One image is of another size."""
    assert a.image is not None
    return [replace(a, image=a.image[:-1]), b]


def beside(a: Sample, b: Sample) -> list[Sample]:
    """A contour leaves its image."""
    return [replace(s, image=None if s.image is None else s.image[:58]) for s in (a, b)]


def unplaced(a: Sample, b: Sample) -> list[Sample]:
    """The images lie in no slice."""
    return [replace(s, record=replace(s.record, slice_index=None, frame=None)) for s in (a, b)]


def pointed(a: Sample, b: Sample) -> list[Sample]:
    """The smaller cavity has no pixel."""
    return [replace(a, endo=Contour(ContourKind.ENDO, circle(50.5, 45.5, 0.3))), b]


@pytest.mark.parametrize("spoil", [third, cut, beside, unplaced, pointed])
def test_a_slice_without_a_pair_of_cavities_has_no_ring(spoil: Callable[[Sample, Sample], list[Sample]]) -> None:
    """And two others are too few."""
    samples = exchanged(stack(3), {0, 1, 2})
    assert findings([*samples[:4], *spoil(*samples[4:])]) == []


def ringed(falls: Sequence[float], radius: float = 20.0, core: float = 12.0) -> list[Sample]:
    """Slices whose ring is darker in the smaller contour's image by so much of the contrast, which is 300."""
    samples = []
    for index, fall in enumerate(falls):
        for phase, r in ((Phase.ED, radius), (Phase.ES, core)):
            ring = 100 + 300 * max(0.0, fall if phase is Phase.ED else -fall)
            image = np.full(heart(50, 45, 20).shape, round(ring), np.int16)
            y, x = np.indices(image.shape)
            image[np.hypot(x - 50, y - 45) < core + 0.5] = 400
            samples.append(sample(index, phase, circle(50, 45, r), image))
    return samples


@pytest.mark.parametrize(("fall", "told"), [(-0.07, True), (-0.04, False), (0.5, False)])
def test_rings_of_a_patient_that_darken_a_little_are_none(fall: float, told: bool) -> None:
    """From a twentieth of the contrast on they are turned round, and said by how much."""
    said = findings(ringed([fall] * 4))
    assert [item.path for item in said] == ["contourfiles/O"] * told
    assert all(item.evidence["fall"] == pytest.approx(fall, abs=0.01) for item in said)


@pytest.mark.parametrize(("fall", "told"), [(-0.12, True), (-0.08, False)])
def test_a_ring_of_a_slice_that_darkens_a_little_is_none(fall: float, told: bool) -> None:
    """One slice varies more than a patient: it takes a tenth."""
    said = findings(ringed([0.5, fall, 0.5, 0.5]))
    assert sorted(item.path for item in said) == ["contourfiles/O/11.txt", "contourfiles/O/15.txt"] * told
    assert all(item.evidence["fall"] == pytest.approx(fall, abs=0.01) for item in said)


@pytest.mark.parametrize(("core", "told"), [(2.2, False), (1.2, True)])
def test_rings_of_a_few_pixels_say_nothing(core: float, told: bool) -> None:
    """Fourteen and less; two dozen do."""
    assert bool(findings(ringed([-0.5] * 4, 3.0, core))) == told


def test_a_flat_image_says_nothing() -> None:
    """No contrast, no ring."""
    flat = np.full(heart(50, 45, 20).shape, 7, np.int16)
    samples = [
        sample(i, phase, circle(50, 45, 20 if phase is Phase.ED else 12), flat)
        for i in range(5)
        for phase in (Phase.ED, Phase.ES)
    ]
    assert findings(samples) == []


FRAMES = 10


def beating(
    ends: Sequence[tuple[int, int]],
    without: tuple[int, int] | None = None,
    pixels: Mapping[tuple[int, int], Image | None] = MappingProxyType({}),
) -> list[Finding]:
    """What is said of a heart that is widest at frame 1 and narrowest at 6, slice i with these contours at `ends[i]`.

    Parameters
    ----------
    ends : frames, of the larger contour and of the smaller
    without : slice and frame of an image that is not there
    pixels : others, by slice and frame; None where they cannot be read
    """
    cine: dict[ImageRecord, Image | None] = {}
    samples = []
    for index, places in enumerate(ends):
        widths = [(18 - index) * (0.85 + 0.15 * math.cos(2 * math.pi * f / FRAMES)) for f in range(FRAMES)]
        for frame, width in enumerate(widths, 1):
            if (index, frame) == without:
                continue
            number = FRAMES * index + frame
            record = ImageRecord(f"dicoms/P/{number}.dcm", "", 0, "P", number, slice_index=index, frame=frame)
            cine[record] = image = heart(50, 45, width)
            if frame in places:
                contour = Contour(ContourKind.ENDO, circle(50, 45, max(widths) if frame == places[0] else min(widths)))
                samples.append(Sample(record, image, contour, None, Phase.ED if frame == places[0] else Phase.ES))
            cine[record] = pixels.get((index, frame), image)
    return findings(samples, cine=cine)


@pytest.mark.parametrize(("step", "told"), [(0, False), (1, False), (2, True), (4, True)])
def test_contours_some_frames_off_are_told_by_the_cine(step: int, told: bool) -> None:
    """With the frames where the heart is widest and narrowest, counted from 1, and those of the contours."""
    said = beating([(1 + step, 6 + step)] * 4)
    assert len(said) == told
    assert all(f"about 1 and 6 (larger contours at {1 + step}, smaller at {6 + step})" in s.message for s in said)
    assert all(item.evidence["slices"] == 4 for item in said)


def test_the_cine_of_the_largest_rings_decides() -> None:
    """Of three slices; what cannot be read in a fourth, or is drawn at other frames there, does not count."""
    off, right = (3, 8), (1, 6)
    assert len(beating([off, off, off, right, right, right])) == 1
    assert beating([right, right, right, off, off, off]) == []
    assert len(beating([off] * 4, pixels={(3, 1): None})) == 1
    assert len(beating([off] * 4, without=(3, 2))) == 1


def test_without_a_whole_cine_of_these_slices_nothing_is_said() -> None:
    """An image that cannot be read, of another size, or missing where another slice is drawn; nothing that moves."""
    off = [(3, 8)] * 4
    assert beating(off, pixels={(1, 2): None}) == beating(off, pixels={(1, 2): np.zeros((40, 40), np.int16)}) == []
    assert beating([(3, 8), (3, 8), (4, 8), (3, 8)], without=(2, 3)) == []
    assert len(beating(off, without=(1, 5))) == 1, "a frame that nobody has drawn"
    still = heart(50, 45, 12)
    assert beating(off, pixels={(s, f): still for s in range(4) for f in range(1, FRAMES + 1)}) == []


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
