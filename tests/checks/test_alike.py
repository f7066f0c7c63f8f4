"""Two patients whose images are the same pictures."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cmrpipe.catalog import Catalog
from cmrpipe.checks.alike import BANDS, BITS, CROWD, FEWEST, Look, check_alike, looks, picture
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.model import ImageRecord, Phase, Sample
from cmrpipe.samples import patient_samples, read_image

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
    return [(f.patient_id, str(f.evidence["other_patient"])) for f in check_alike(seen(images), ALIKE)]


def seen(images: dict[str, list[Pixels]]) -> dict[str, list[Look]]:
    """What validation keeps of patients with these images."""
    return {name: looks([sample(name, i, image) for i, image in enumerate(own)]) for name, own in images.items()}


def sample(name: str, i: int, image: Pixels | None) -> Sample:
    """A contoured image without its contours, which have no part in it."""
    record = ImageRecord(f"dicoms/{name}/{i}.dcm", "", 1, name, i)
    if image is not None:
        crc32, low, high = zlib.crc32(image.tobytes()), int(image.min()), int(image.max())
        rows, columns = image.shape
        record = replace(record, rows=rows, columns=columns, pixel_crc32=crc32, pixel_min=low, pixel_max=high)
    return Sample(record, image, None, None, Phase.ED)


def window(image: Pixels, low: float, high: float, gamma: float = 1.0) -> Pixels:
    """8 bits between two percentiles."""
    a, b = np.percentile(image, (low, high))
    return np.asarray((255 * np.clip((image - a) / (b - a), 0, 1) ** gamma).round(), np.uint8)


def resized(image: Pixels, rows: int, cols: int) -> Pixels:
    """Another matrix, as wide as before."""
    return np.asarray(Image.fromarray(image.astype(np.float32)).resize((cols, rows), Image.Resampling.BILINEAR))


@pytest.fixture(scope="module")
def hearts(shared_data: Path, real_catalogs: Mapping[str, Path]) -> dict[str, list[Pixels]]:
    """The contoured images of the 30 real patients."""
    found: dict[str, list[Pixels]] = {}
    for name, base in real_catalogs.items():
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
    copies = {}
    for name, own in hearts.items():
        again = [CHANGES[change](image) for image in own[::2]]
        same = sum(np.array_equal(image, copy) for image, copy in zip(own[::2], again, strict=True))
        if same < len(again):  # those of 8 bits are equal in 8 bits, and then told by that
            copies[f"{name}-copy"] = again
    found = list(check_alike(seen(hearts | copies), ALIKE))
    assert len(hearts) == 30
    assert len(copies) >= 5
    assert {f.patient_id for f in found} == copies.keys() | {name.removesuffix("-copy") for name in copies}
    for f in found:
        assert f.evidence["other_patient"] in (f"{f.patient_id}-copy", f.patient_id.removesuffix("-copy"))
        assert f.evidence["patients"] == 1


def test_images_that_say_nothing_are_like_nobody() -> None:
    """Blank ones, black with a bright spot, smaller than the grid, and such as nobody could read."""
    spot = np.zeros((64, 64), np.uint16)
    spot[30:34, 30:34] = 900
    for image in (np.zeros((64, 64), np.uint8), np.full((64, 64), 7.0), spot, scene(1)[:31]):
        assert picture(image) is None
        assert told(a=[image] * 3, b=[image] * 3) == []
    assert picture(scene(1)[:, :31]) is None
    assert picture(scene(1, (32, 32))) is not None
    assert looks([sample("a", 1, None), sample("a", 2, scene(1))])[0][0] == "dicoms/a/2.dcm"


def test_black_borders_alone_make_no_likeness() -> None:
    """Two hearts in the middle of black: what is flat in both does not count as agreement."""
    people = {
        name: [np.pad(scene(seed, (80, 72)), 40) for seed in seeds]
        for name, seeds in (("a", (1, 2, 3)), ("b", (4, 5, 6)))
    }
    assert all(len(own) == 3 for own in seen(people).values())
    assert told(**people) == []


def corner(cells: int) -> Pixels:
    """A picture in so many cells along rows and columns, beside black."""
    image = np.zeros((320, 320), np.uint16)
    image[: 10 * cells, : 10 * cells] = scene(1, (320, 320))[: 10 * cells, : 10 * cells]
    return image


def test_what_is_nearly_flat_says_nothing() -> None:
    """A little noise beside a picture; a picture that is small beside black says too little."""
    assert picture(corner(9)) is None
    cells, _ = picture(corner(18)) or ("", ())
    faint = corner(18) + np.random.default_rng(2).normal(0, 3, (320, 320))
    with_noise, _ = picture(faint) or ("", ())
    says, noisy_says = (int.from_bytes(bytes.fromhex(c)[:128]).bit_count() for c in (cells, with_noise))
    assert FEWEST <= says <= 20 * 20
    assert noisy_says == pytest.approx(says, rel=0.1)


def test_equal_pixels_are_anothers_business_and_hide_nothing() -> None:
    """Patients with equal images alone are none of it; one equal image does not hide that the others are alike."""
    own = [scene(n) for n in range(5)]
    again = [window(image, 0, 100) for image in own]
    assert told(a=own, b=own) == []
    for i in range(5):
        mixed = [*again[:i], own[i], *again[i + 1 :]]
        assert told(a=own, b=mixed) == [("a", "b"), ("b", "a")]


def test_whoever_is_like_several_is_told_with_the_likest() -> None:
    """And with how many there are."""
    own = [scene(n) for n in range(3)]
    people = {"a": own, "b": [window(image, 0, 100) for image in own], "c": [noisy(image) for image in own[:2]]}
    found = {f.patient_id: f for f in check_alike(seen(people), ALIKE)}
    assert {name: f.evidence["patients"] for name, f in found.items()} == {"a": 2, "b": 2, "c": 2}
    assert found["a"].evidence["other_patient"] == "b"
    assert found["a"].evidence["alike"] == 3
    assert "and 1 further patient seem to be one person: 3 contoured images" in found["a"].message
    assert list(check_alike(seen({"a": own}), ALIKE)) == []
    assert list(check_alike({}, ALIKE)) == []


def test_a_crowd_of_one_person_is_told_of_each() -> None:
    """Whoever of them is asked about whom."""
    rng = np.random.default_rng(1)
    own = [scene(n) for n in range(3)]
    people = {f"p{k:02d}": [image + rng.normal(0, 9, image.shape) for image in own] for k in range(CROWD * 2)}
    assert {f.patient_id for f in check_alike(seen(people), ALIKE)} == people.keys()


def test_one_picture_in_common_is_told_of_the_image() -> None:
    """A third of a patient's images and less condemn these, in both patients, not the patients."""
    own, others = [scene(n) for n in range(9)], [scene(n) for n in range(60, 69)]
    others[3] = window(own[3], 0, 100)
    found = list(check_alike(seen({"a": own, "b": others}), ALIKE))
    assert [(f.patient_id, f.path, f.evidence["same_as"]) for f in found] == [
        ("a", "dicoms/a/3.dcm", "dicoms/b/3.dcm"),
        ("b", "dicoms/b/3.dcm", "dicoms/a/3.dcm"),
    ]


@pytest.mark.parametrize(("images", "patients"), [(7, False), (6, True)])
def test_half_of_the_images_make_two_patients_one(images: int, patients: bool) -> None:
    """Three pictures in common of seven are told of the images, three of six of the patients."""
    own, others = [scene(n) for n in range(images)], [scene(60 + n) for n in range(images + 2)]
    others[:3] = [window(image, 0, 100) for image in own[:3]]
    found = list(check_alike(seen({"a": own, "b": others}), ALIKE))
    paths = (
        [f"dicoms/{name}" for name in "ab"]
        if patients
        else [f"dicoms/{name}/{i}.dcm" for i in range(3) for name in "ab"]
    )
    assert [f.path for f in found] == paths


def test_a_picture_is_two_bits_a_cell_and_needs_enough_of_them() -> None:
    """1,024 cells twice; the brighter ones are among those that say something."""
    cells, keys = picture(scene(3)) or ("", ())
    says, brighter = (np.unpackbits(part) for part in np.frombuffer(bytes.fromhex(cells), np.uint8).reshape(2, 128))
    assert says.size == 1024
    assert says.sum() >= FEWEST
    assert not (brighter & ~says & 1).any()
    assert 0.2 < brighter.sum() / says.sum() < 0.8
    assert len(keys) == BANDS
    assert all(0 <= key < 2**BITS for key in keys)


def look(
    path: str, says: int = 1024, other: int = 0, mark: str = "", keys: tuple[int, ...] = (1, 2, 3, 4, 5), seed: int = 1
) -> Look:
    """A picture of which the first `says` cells say something, the first `other` of these otherwise than usual."""
    brighter = np.random.default_rng(seed).random(1024) < 0.5
    brighter[:other] ^= True
    heard = np.arange(1024) < says
    return Look(path, mark, b"".join(np.packbits(b).tobytes() for b in (heard, brighter & heard)).hex(), keys)


def unlike(name: str, count: int) -> list[Look]:
    """Pictures that are like no other."""
    seeds = [zlib.crc32(f"{name}{i}".encode()) for i in range(count)]
    return [look(f"{name}-{i}", seed=seed, keys=(seed,) * BANDS) for i, seed in enumerate(seeds)]


def pairs(**looks_of: list[Look]) -> list[tuple[str, str]]:
    """Who is told with which path."""
    return [(f.patient_id, f.path) for f in check_alike(looks_of, ALIKE)]


BOTH = [("a", "dicoms/a"), ("b", "dicoms/b")]


@pytest.mark.parametrize(("other", "expected"), [(51, BOTH), (52, [])])
def test_agreement_is_cells_that_agree_less_those_that_do_not(other: int, expected: list[tuple[str, str]]) -> None:
    """Of 1,024: nine tenths with 51 that do not."""
    found = list(check_alike({"a": [look("1")], "b": [look("2", other=other)]}, ALIKE))
    assert [(f.patient_id, f.path) for f in found] == expected
    assert all(f.evidence["agreement"] == pytest.approx(1 - 2 * other / 1024, abs=1e-4) for f in found)


@pytest.mark.parametrize(("says", "expected"), [(FEWEST - 1, []), (FEWEST, BOTH)])
def test_cells_that_say_something_in_both_are_enough_or_tell_nothing(
    says: int, expected: list[tuple[str, str]]
) -> None:
    """However well they agree."""
    assert pairs(a=[look("1", says)], b=[look("2")]) == pairs(a=[look("1")], b=[look("2", says)]) == expected


def test_one_key_at_its_place_is_enough() -> None:
    """Any of five; the same number at another place is none, nor is one of two images of one patient."""
    for band in range(BANDS):
        keys = tuple(5 if at == band else 10 + at for at in range(BANDS))
        assert pairs(a=[look("1", keys=keys)], b=[look("2", keys=(5,) * BANDS)]) == BOTH
    assert pairs(a=[look("1", keys=(1, 2, 3, 4, 5))], b=[look("2", keys=(2, 3, 4, 5, 1))]) == []
    assert pairs(a=[look("1"), look("2")], b=unlike("b", 3)) == []


def test_images_of_unknown_pixels_are_not_equal() -> None:
    """What nobody decoded has no mark; what has one is compared by it first, and counts for nothing then."""
    assert pairs(a=[look("1")], b=[look("2")]) == BOTH
    assert pairs(a=[look("1", mark="x")], b=[look("2", mark="x")]) == []
    equal = [one._replace(mark=f"m{i}") for i, one in enumerate(unlike("e", 3))]
    a, b = [*equal, *unlike("a", 4), look("1")], [*equal, *unlike("b", 4), look("2")]
    assert pairs(a=a, b=b) == [("a", "1"), ("b", "2")]


def test_who_has_fewer_images_decides() -> None:
    """Whatever their names: two of four are half of the one patient, and two of nine little of the other."""
    few, many = ([look("1", seed=1), look("2", seed=2), *unlike(name, count)] for name, count in (("f", 2), ("m", 7)))
    assert pairs(a=few, b=many) == pairs(a=many, b=few) == BOTH
    found = list(check_alike({"a": few, "b": many}, ALIKE))
    assert [f.evidence["contoured_images"] for f in found] == [4, 9]


def test_the_likest_pair_is_told() -> None:
    """Of two that are alike."""
    a, b = [look("1", seed=1), look("2", seed=2)], [look("3", other=20, seed=1), look("4", seed=2)]
    assert [f.evidence["agreement"] for f in check_alike({"a": a, "b": b}, ALIKE)] == [1.0, 1.0]


def test_an_image_like_those_of_several_patients_is_told_once() -> None:
    """As is each of those."""
    found = pairs(**{name: [look(f"{name}-like"), *unlike(name, 5)] for name in "abc"})
    assert sorted(found) == [(name, f"{name}-like") for name in "abc"]


def test_everyone_of_a_few_is_counted() -> None:
    """Five people who are one."""
    found = list(check_alike({name: [look(name)] for name in "abcde"}, ALIKE))
    assert [f.evidence["patients"] for f in found] == [4] * 5
