"""Distances of borders, against MONAI, SciPy and scikit-image."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.surface_distance import compute_average_surface_distance
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from cmrpipe.learn.surfaces import (
    average_perpendicular_distance,
    border,
    border_distances,
    diagonal,
    perpendicular_distance,
)
from cmrpipe.model import Mask

SPACING = (1.4, 0.9)
SHAPE = (23, 31)


def disc(x: float, y: float, radius: float) -> Mask:
    """Pixels within a circle; it may leave the image."""
    row, col = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.asarray(np.hypot(col - x, row - y) <= radius)


def draw(seed: int, kind: str) -> Mask:
    """A mask of a kind."""
    rng = np.random.default_rng(seed)
    if kind == "full":
        return np.ones(SHAPE, bool)
    if kind == "noise":
        mask = rng.random(SHAPE) < rng.uniform(0.02, 0.9)
        mask[tuple(rng.integers(SHAPE))] = True
        return mask
    if kind == "corner":
        return disc(0, SHAPE[0] - 1, rng.uniform(2, 9))
    return disc(rng.uniform(8, 22), rng.uniform(8, 14), rng.uniform(2, 7))


KINDS = st.sampled_from(("disc", "noise", "corner", "full"))


def monai(mask: Mask) -> torch.Tensor:
    """As MONAI takes it: one sample, one class."""
    return torch.from_numpy(mask[None, None].astype(np.float32))


@pytest.mark.filterwarnings("ignore:monai.metrics.utils get_mask_edges:FutureWarning")  # MONAI's own call
@given(st.integers(0, 10**6), KINDS, KINDS)
def test_hausdorff_and_surface_distance_are_monais(seed: int, first: str, second: str) -> None:
    """On random masks, among them full ones, noise, and such that touch the border."""
    a, b = draw(seed, first), draw(seed + 1, second)
    found = border_distances(a, b, SPACING)
    hd95 = compute_hausdorff_distance(monai(a), monai(b), percentile=95, include_background=True, spacing=SPACING)
    asd = compute_average_surface_distance(monai(a), monai(b), symmetric=True, include_background=True, spacing=SPACING)
    assert found is not None
    assert found.hd95 == pytest.approx(float(hd95), rel=1e-5, abs=1e-6)
    assert found.asd == pytest.approx(float(asd), rel=1e-5, abs=1e-6)


@given(st.integers(0, 10**6), KINDS)
def test_the_border_is_what_an_erosion_takes_away(seed: int, kind: str) -> None:
    """As SciPy erodes, by the pixels that share an edge."""
    mask = draw(seed, kind)
    assert (border(mask) == (mask & ~binary_erosion(mask))).all()


@given(st.integers(0, 10**6), st.sampled_from(("disc", "corner", "full")), st.sampled_from(("disc", "corner", "full")))
def test_perpendicular_distance_is_that_to_the_outline(seed: int, first: str, second: str) -> None:
    """Against scikit-image's outlines and SciPy's nearest of many points on them."""
    a, b = draw(seed, first), draw(seed + 1, second)
    lines = []
    for mask in (a, b):
        line = max(find_contours(np.pad(mask.astype(float), 1), 0.5, fully_connected="low"), key=len)
        lines.append((line - 1) * SPACING)
    dense = np.concatenate([np.linspace(p, q, 200) for p, q in zip(lines[1][:-1], lines[1][1:], strict=True)])
    expected = cKDTree(dense).query(lines[0][:-1])[0].mean()
    assert average_perpendicular_distance(a, b, SPACING) == pytest.approx(expected, abs=0.01)


def test_a_circle_two_millimetres_wider_lies_two_millimetres_away() -> None:
    """Concentric circles, by their points."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    assert perpendicular_distance(12 * circle + 30, 10 * circle + 30, (1.0, 1.0)) == pytest.approx(2, abs=1e-3)
    assert perpendicular_distance(12 * circle, 10 * circle, (1.5, 1.5)) == pytest.approx(3, abs=1e-3)


def test_an_empty_mask_cannot_flatter() -> None:
    """Nothing against nothing has no distance; nothing against something has the largest there can be."""
    nothing, heart = np.zeros(SHAPE, bool), draw(0, "disc")
    far = diagonal(SHAPE, SPACING)
    assert far == pytest.approx(np.hypot(23 * 1.4, 31 * 0.9))
    assert border_distances(nothing, nothing, SPACING) is None
    assert average_perpendicular_distance(nothing, nothing, SPACING) is None
    for a, b in ((nothing, heart), (heart, nothing)):
        found = border_distances(a, b, SPACING)
        assert found is not None
        assert (found.hd95, found.asd) == (far, far)
        assert average_perpendicular_distance(a, b, SPACING) == far
    for seed in range(20):
        worst = border_distances(draw(seed, "noise"), draw(seed, "corner"), SPACING)
        assert worst is not None
        assert worst.hd95 < far
