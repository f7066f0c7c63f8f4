"""What must be constant within a series."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEGLosslessSV1

from cmrpipe.checks.images import check_files
from cmrpipe.checks.series import check_series
from cmrpipe.codes import FindingCode as Code
from cmrpipe.codes import Severity
from cmrpipe.model import ImageRecord
from cmrpipe.params import ValidateParams
from cmrpipe.readers.mends import COLOUR, DEFLATED, NO_IMAGE, NO_MARK, NO_SYNTAX, SEVERAL
from cmrpipe.readers.refusals import own_trouble

LIMITS = ValidateParams()


def series(*spacings: tuple[float, float]) -> list[ImageRecord]:
    """An image of each pixel spacing."""
    return [
        ImageRecord(f"dicoms/P/{i}.dcm", "", 1, "P", file_number=i, rows=64, columns=72, pixel_spacing_mm=spacing)
        for i, spacing in enumerate(spacings, 1)
    ]


@pytest.mark.parametrize(
    ("spacing", "told"), [((1.25, 1.25), False), ((1.262, 1.262), False), ((1.264, 1.264), True), ((1.0, 1.0), True)]
)
def test_a_spacing_that_changes_is_told_and_rounding_is_not(spacing: tuple[float, float], told: bool) -> None:
    """Up to 1 %: the image whose pixels are of another size than its series' has a finding."""
    usual = (1.25, 1.25)
    found = list(check_series("P", series(usual, spacing, usual), LIMITS))
    assert [(f.code, f.path) for f in found] == ([(Code.SIZE_CHANGES, "dicoms/P/2.dcm")] if told else [])
    images = [*series(usual, spacing, usual), *(replace(i, pixel_spacing_mm=None) for i in series(*[usual] * 4))]
    codes = [f.code for f in check_series("P", images, LIMITS)]
    assert (Code.SIZE_CHANGES in codes) == told, "images without spacing have no say"


def test_a_size_that_changes_is_told() -> None:
    """Whatever the spacing says."""
    images = series((1.25, 1.25), (1.25, 1.25), (1.25, 1.25))
    images[2] = replace(images[2], columns=70)
    assert [(f.code, f.path) for f in check_series("P", images, LIMITS)] == [(Code.SIZE_CHANGES, "dicoms/P/3.dcm")]


def test_images_without_spacing_are_told_once() -> None:
    """One by its number, several of the patient."""
    images = series(*[(1.25, 1.25)] * 3)
    for count, place in ((1, (1, "dicoms/P/1.dcm")), (2, (None, "dicoms/P"))):
        some = [replace(i, pixel_spacing_mm=None) if (i.file_number or 0) <= count else i for i in images]
        (found,) = (f for f in check_series("P", some, LIMITS) if f.code is Code.SPACING_MISSING)
        assert ((found.instance_number, found.path), found.evidence["images"]) == (place, count)
        assert f"{count} of 3 images" in found.message
    assert list(check_series("P", images, LIMITS)) == []


@pytest.mark.parametrize("ratio", [1.5, 1 / 1.5])
def test_pixels_that_are_not_square_are_told(ratio: float) -> None:
    """Once where all images agree, else of each; a difference within the limit is none."""
    long, nearly = (1.2 * ratio, 1.2), (1.2 * (1 + 0.9 * LIMITS.square), 1.2)
    assert {f.code for f in check_series("P", series(nearly, nearly), LIMITS)} == set()
    (found,) = check_series("P", series(long, long, long), LIMITS)
    assert (found.code, found.path, found.instance_number) == (Code.SPACING_NOT_SQUARE, "dicoms/P", None)
    assert (found.evidence["row_mm"], found.evidence["column_mm"], found.evidence["images"]) == (*long, 3)
    some = [f for f in check_series("P", series((1.2, 1.2), long), LIMITS) if f.code is Code.SPACING_NOT_SQUARE]
    assert [(f.path, f.instance_number, f.evidence["images"]) for f in some] == [("dicoms/P/2.dcm", 2, 1)]
    assert Code.SIZE_CHANGES not in {f.code for f in check_series("P", series((1.2, 1.2), long), LIMITS)}
    lenient = LIMITS.model_copy(update={"square": 0.6})
    assert list(check_series("P", series((1.2, 1.2 * ratio), (1.2, 1.2 * ratio), (1.2 * ratio, 1.2)), lenient)) == []


def test_a_file_that_the_system_refuses_is_not_to_be_fetched_anew(tmp_path: Path) -> None:
    """Its permissions and disk are named; what is damaged is to be fetched."""
    why = own_trouble(PermissionError(13, "Permission denied"), tmp_path / "1.dcm", tmp_path)
    causes = {1: why, 2: "the file is empty"}
    images = [ImageRecord(f"dicoms/P/{n}.dcm", "", 0, "P", error=text) for n, text in causes.items()]
    refused, damaged = (f.message for f in check_files(images))
    assert refused.endswith("cannot be used: it cannot be read (Permission denied; see its permissions and its disk).")
    assert damaged.endswith("cannot be used: the file is empty. Fetch it anew from its source.")


def tilted(degrees: float, several: bool) -> list[ImageRecord]:
    """Four slices of three images, the third turned, in a series of its own each or all in one."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        replace(
            image,
            path=f"dicoms/P/{3 * at + n}.dcm",
            series_uid=f"1.{at}" if several else "1",
            position_mm=(0.0, 0.0, 8.0 * at),
            orientation=(1.0, 0.0, 0.0, 0.0, cosine, sine) if at == 2 else (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        )
        for at in range(4)
        for n, image in enumerate(series(*[(1.25, 1.25)] * 3), 1)
    ]


def test_series_turned_a_little_against_each_other_are_told_once() -> None:
    """A warning up to 2.6 degrees, where all images of the series are turned; one image of a series is an error."""
    (found,) = check_series("P", tilted(1.5, several=True), LIMITS)
    assert (found.code, found.severity, found.path) == (Code.SERIES_TILTED, Severity.WARNING, "dicoms/P")
    assert (found.evidence["images"], found.evidence["angle_deg"]) == (3, 1.5)
    assert [f.code for f in check_series("P", tilted(1.5, several=False), LIMITS)] == [Code.ORIENTATION_CHANGES] * 3
    assert {f.code for f in check_series("P", tilted(3.0, several=True), LIMITS)} >= {Code.SERIES_MIXED}
    images = tilted(0.0, several=True)
    images[4] = replace(images[4], orientation=(1.0, 0.0, 0.0, 0.0, 0.9994, 0.0346))
    assert [(f.code, f.path) for f in check_series("P", images, LIMITS)] == [(Code.ORIENTATION_CHANGES, images[4].path)]


def about(image: ImageRecord, axis: str, degrees: float) -> ImageRecord:
    """The same turned about its rows' direction, its columns', or the normal."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ways = {
        "rows": (1.0, 0.0, 0.0, 0.0, c, s),
        "columns": (c, 0.0, s, 0.0, 1.0, 0.0),
        "normal": (c, s, 0.0, -s, c, 0.0),
    }
    return replace(image, orientation=ways[axis])


@pytest.mark.parametrize("axis", ["rows", "columns", "normal"])
def test_an_image_turned_about_any_axis_is_told(axis: str) -> None:
    """With its angle; images without orientation have no say, and nothing is said of them."""
    images = tilted(0.0, several=False)
    images[4] = about(images[4], axis, 2.0)
    images += [replace(i, path=f"{i.path}x", orientation=None) for i in images * 2]
    found = [f for f in check_series("P", images, LIMITS) if f.code is Code.ORIENTATION_CHANGES]
    assert [(f.path, f.evidence["angle_deg"]) for f in found] == [(images[4].path, 2.0)]


def test_of_several_tilted_series_the_steepest_is_named() -> None:
    """In one finding, with all images."""
    images = tilted(1.5, several=True)
    images[:3] = [about(image, "rows", 2.0) for image in images[:3]]
    (found,) = check_series("P", images, LIMITS)
    assert (found.evidence["images"], found.evidence["angle_deg"]) == (6, 2.0)
    assert any(image.path in found.message for image in images[:3])


@pytest.mark.parametrize("degrees", [3.0, 10.0])
def test_a_series_turned_in_its_plane_does_not_belong_to_the_stack(degrees: float) -> None:
    """Rows and columns run elsewhere: planning slices anew does not do that, and each image is an error."""
    images = [about(i, "normal", degrees) if i.series_uid == "1.2" else i for i in tilted(0.0, several=True)]
    found = [f.code for f in check_series("P", images, LIMITS)]
    assert found == [Code.ORIENTATION_CHANGES] * 3


@pytest.mark.parametrize("direction", [0.0, 0.5, 0.999])
def test_one_orientation_throughout_is_no_turn(direction: float) -> None:
    """Also where it is a filler, or its vectors are of another length than 1."""
    turned = [replace(i, orientation=(direction, 0.0, 0.0, 0.0, direction, 0.0)) for i in series(*[(1.25, 1.25)] * 3)]
    assert list(check_series("P", turned, LIMITS.model_copy(update={"angle_deg": 0.0}))) == []


def test_a_slice_acquired_with_another_matrix_has_its_mend_told() -> None:
    """That of the store, which holds one size a patient; an image that differs within its series has none."""
    images = [replace(i, rows=60) if i.series_uid == "1.2" else i for i in tilted(0.0, several=True)]
    found = list(check_series("P", images, LIMITS))
    assert [f.code for f in found] == [Code.SIZE_CHANGES] * 3
    assert all("the store holds images of one size a patient" in f.message for f in found)
    images = tilted(0.0, several=True)
    images[0] = replace(images[0], rows=60)
    (found_one,) = check_series("P", images, LIMITS)
    assert "store" not in found_one.message


@pytest.mark.parametrize(
    ("why", "what"),
    [
        (f"the header cannot be read: {DEFLATED}", "dcmconv"),
        (f"a multi-frame object of 9 frames; {SEVERAL}", "Export it as single images"),
        (f"{NO_IMAGE} (Rows and Columns are absent or 0)", "Remove it"),
        (NO_MARK, "dcmconv"),
        (NO_SYNTAX, "dcmconv"),
        (f"{COLOUR}3 samples a pixel)", "Export it in grey"),
        ("truncated: it ends before its pixels", "Fetch it anew"),
    ],
)
def test_a_file_of_another_kind_has_its_mend_told(why: str, what: str) -> None:
    """Fetching it anew would not help."""
    (found,) = check_files([ImageRecord("dicoms/P/1.dcm", "", 9, "P", error=why)])
    assert what in found.message
    assert found.code is (Code.IMAGE_TRUNCATED if why.startswith("truncated") else Code.IMAGE_UNREADABLE)
    assert ("Fetch it anew" in found.message) == (what == "Fetch it anew")


def test_what_decodes_compressed_pixels_is_named() -> None:
    """By pydicom's own words on a transfer syntax for which nothing is installed."""
    missing = get_decoder(JPEGLosslessSV1).missing_dependencies
    why = f"pixel data because all plugins are missing dependencies: {' '.join(missing)}"
    (found,) = check_files([ImageRecord("dicoms/P/1.dcm", "", 9, "P", error=why)])
    assert "`pip install pylibjpeg pylibjpeg-libjpeg` decodes it" in found.message


def test_one_modality_throughout_is_told_once() -> None:
    """With what to set where these are MR all the same; a single image of another kind is told by its path."""
    images = [replace(i, modality="OT") for i in series(*[(1.25, 1.25)] * 3)]
    (found,) = check_files(images)
    assert (found.code, found.path, found.evidence["images"]) == (Code.IMAGE_NOT_MR, "dicoms/P", 3)
    assert "validate.quarantine" in found.message
    (unsaid,) = check_files([replace(i, modality="") for i in images])
    assert "the Modality of all 3 images is absent" in unsaid.message
    assert list(check_files([replace(i, modality="MR") for i in images])) == []
    images[1:] = [replace(i, modality="MR") for i in images[1:]]
    assert [f.path for f in check_files(images)] == ["dicoms/P/1.dcm"]
    (unsaid,) = check_files([replace(images[0], modality=""), *images[1:]])
    assert unsaid.message == "dicoms/P/1.dcm is not MR: its Modality is absent."


@pytest.mark.parametrize(
    ("low", "high", "told"), [(0, 0, True), (7, 7, True), (0, 7, False), (7, 8, False), (None, None, False)]
)
def test_an_image_of_one_value_is_told(low: int | None, high: int | None, told: bool) -> None:
    """Zero or not; of pixels that nobody decoded nothing is known."""
    (image,) = series((1.25, 1.25))
    found = list(check_files([replace(image, modality="MR", pixel_min=low, pixel_max=high)]))
    assert [(f.code, f.path, f.evidence["value"]) for f in found] == [(Code.IMAGE_CONSTANT, image.path, low)] * told


def test_one_image_beside_a_file_that_cannot_be_used_is_told_by_itself() -> None:
    """Of a single image nothing is throughout: the folder is not to blame."""
    images = [
        ImageRecord("dicoms/P/1.dcm", "", 9, "P", modality="OT"),
        ImageRecord("dicoms/P/2.dcm", "", 9, "P", error="truncated"),
    ]
    assert [(f.code, f.path) for f in check_files(images)] == [
        (Code.IMAGE_NOT_MR, "dicoms/P/1.dcm"),
        (Code.IMAGE_TRUNCATED, "dicoms/P/2.dcm"),
    ]
