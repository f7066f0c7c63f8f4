"""Two patients whose images are the same pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cmrpipe.catalog import Catalog
from cmrpipe.checks.alike import FEWEST, Look, check_alike, looks, picture
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.model import ImageRecord, Phase, Sample
from cmrpipe.params import IngestParams
from cmrpipe.progress import silent
from cmrpipe.samples import patient_samples, read_image
from cmrpipe.stages.ingest import ingest

Pixels = npt.NDArray[Any]
ALIKE = 0.9


def scene(seed: int, shape: tuple[int, int] = (160, 144)) -> Pixels:
    """An image of smooth blobs, 12 bits, with a little noise."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.random((20, 18)).astype(np.float32))
    blobs = np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC))
    return np.asarray((3000 * np.clip(blobs, 0, 1) + rng.normal(0, 20, shape)).clip(0, 4095), np.uint16)


def told(**images: list[Pixels]) -> list[tuple[str, str]]:
    """Who is said to be like whom."""
    return [(f.patient_id, str(f.evidence["other_patient"])) for f in check_alike(seen(images), set(), ALIKE)]


def seen(images: dict[str, list[Pixels]]) -> dict[str, list[Look]]:
    """What validation keeps of patients with these images."""
    return {name: looks([sample(name, i, image) for i, image in enumerate(own)]) for name, own in images.items()}


def sample(name: str, i: int, image: Pixels | None) -> Sample:
    """A contoured image without its contours, which have no part in it."""
    return Sample(ImageRecord(f"dicoms/{name}/{i}.dcm", "", 1, name, i), image, None, None, Phase.ED)


def window(image: Pixels, low: float, high: float, gamma: float = 1.0) -> Pixels:
    """8 bits between two percentiles."""
    a, b = np.percentile(image, (low, high))
    return np.asarray((255 * np.clip((image - a) / (b - a), 0, 1) ** gamma).round(), np.uint8)


def resized(image: Pixels, rows: int, cols: int) -> Pixels:
    """Another matrix, as wide as before."""
    return np.asarray(Image.fromarray(image.astype(np.float32)).resize((cols, rows), Image.Resampling.BILINEAR))


@pytest.fixture(scope="module")
def hearts(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Pixels]]:
    """The contoured images of the 30 real patients."""
    found: dict[str, list[Pixels]] = {}
    for name in ("final_data", "more_patients"):
        base = tmp_path_factory.mktemp(name)
        ingest(shared_data / name, base / "catalog", base / "state", IngestParams(), listen=silent, workers=2)
        book = Catalog(base / "catalog")
        for patient, originals in catalog_links(book).originals.items():
            drawn = patient_samples(link_patient(book, patient, originals))
            found[patient] = [read_image(s.record, shared_data / name) for s in drawn]
    return found


def noisy(image: Pixels) -> Pixels:
    """Noise of a tenth of the image's standard deviation."""
    values = image.astype(np.float64)
    return np.asarray(values + np.random.default_rng(9).normal(0, 0.1 * values.std(), values.shape))


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "8 bits": lambda image: window(image, 0, 100),
    "window": lambda image: window(image, 2, 98),
    "gamma": lambda image: window(image, 1, 99, 0.6),
    "scaled": lambda image: (image.astype(np.float64) * 0.13 - 70).round().astype(np.int16),
    "smaller": lambda image: resized(image, 120, 108),
    "larger": lambda image: resized(image, 320, 288),
    "noise": noisy,
    "dark pixels are 0": lambda image: window(image, 15, 100),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_person_exported_again_is_told_at_both_ids(change: str) -> None:
    """Whatever was done to brightness, size or noise; a third patient is left in peace."""
    own = [scene(n) for n in range(5)]
    assert told(a=own, b=[CHANGES[change](image) for image in own], c=[scene(n) for n in range(50, 55)]) == [
        ("a", "b"),
        ("b", "a"),
    ]


@pytest.mark.parametrize("change", CHANGES)
def test_real_hearts_are_like_themselves_alone(change: str, hearts: dict[str, list[Pixels]]) -> None:
    """Each of 30 people is told with its own copy, and none with another."""
    copies = {f"{name}-copy": [CHANGES[change](image) for image in own[::2]] for name, own in hearts.items()}
    found = list(check_alike(seen(hearts | copies), set(), ALIKE))
    assert len(hearts) == 30
    assert {f.patient_id for f in found} == hearts.keys() | copies.keys()
    for f in found:
        assert f.evidence["other_patient"] in (f"{f.patient_id}-copy", f.patient_id.removesuffix("-copy"))
        assert f.evidence["patients"] == 1


def test_images_that_say_nothing_are_like_nobody() -> None:
    """Blank ones, black with a bright spot, smaller than the grid, and such as nobody could read."""
    spot = np.zeros((64, 64), np.uint16)
    spot[30:34, 30:34] = 900
    for image in (np.zeros((64, 64), np.uint8), np.full((64, 64), 7.0), spot, scene(1)[:31]):
        assert picture(image) == ""
        assert told(a=[image] * 3, b=[image] * 3) == []
    assert looks([sample("a", 1, None), sample("a", 2, scene(1))])[0][0] == "dicoms/a/2.dcm"


def test_black_borders_alone_make_no_likeness() -> None:
    """Two hearts in the middle of black: what is flat in both does not count as agreement."""
    people = {
        name: [np.pad(scene(seed, (80, 72)), 40) for seed in seeds]
        for name, seeds in (("a", (1, 2, 3)), ("b", (4, 5, 6)))
    }
    assert all(len(own) == 3 for own in seen(people).values())
    assert told(**people) == []


def test_who_is_known_to_share_images_is_not_told_again() -> None:
    """In whichever order; who is like both is."""
    own = [scene(n) for n in range(3)]
    people = seen({"a": own, "b": own, "c": [window(image, 0, 100) for image in own]})
    found = list(check_alike(people, {("b", "a")}, ALIKE))
    assert [(f.patient_id, f.evidence["other_patient"]) for f in found] == [("a", "c"), ("b", "c"), ("c", "b")]
    assert found[2].evidence["patients"] == 2
    assert "and 1 further patient seem to be one person" in found[2].message
    assert list(check_alike(seen({"a": own}), set(), ALIKE)) == []
    assert list(check_alike({}, set(), ALIKE)) == []


def test_one_picture_in_common_is_enough_where_it_is_asked_for() -> None:
    """A patient whose other images were drawn elsewhere: the asked ones are held against all of the other's."""
    own = [scene(n) for n in range(9)]
    assert told(a=own, b=[scene(99), window(own[3], 0, 100)]) == [("a", "b"), ("b", "a")]


def test_a_picture_is_two_bits_a_cell_and_needs_enough_of_them() -> None:
    """1,024 cells twice; the brighter ones are among those that say something."""
    data = np.frombuffer(bytes.fromhex(picture(scene(3))), np.uint8).reshape(2, 128)
    says, brighter = (np.unpackbits(part) for part in data)
    assert says.size == 1024
    assert says.sum() >= FEWEST
    assert not (brighter & ~says & 1).any()
    assert 0.2 < brighter.sum() / says.sum() < 0.8
