"""Polygons to masks: area bias, place and time of ours, Pillow, scikit-image and OpenCV on every contour of a data set.

    python bench/raster.py ../shared/data/final_data

Bias is (mask pixels / shoelace area - 1) in percent, over all contours; off is how far the masks' centroids lie from
those of the polygons on average, in pixels (x, y).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from harness import DATA, compare
from PIL import Image, ImageDraw
from skimage.draw import polygon2mask

from cmrpipe.geometry import centroid, polygon_area
from cmrpipe.model import Points
from cmrpipe.raster import area_mask
from cmrpipe.readers.contours import read_contour

SHAPE = (256, 256)
ORIGIN = 1.0
CV_SHIFT = 4
"""Fractional bits of OpenCV's fixed-point coordinates."""


def pillow(points: Points, outline: int) -> np.ndarray:
    """Pillow's polygon with or without its outline."""
    image = Image.new("1", SHAPE[::-1])
    ImageDraw.Draw(image).polygon(points.ravel().tolist(), fill=1, outline=outline)
    return np.asarray(image)


def opencv(points: Points) -> np.ndarray:
    """OpenCV's fillPoly with subpixel coordinates."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(points * (1 << CV_SHIFT)).astype(np.int32)], 1, cv2.LINE_8, CV_SHIFT)
    return mask


WAYS: dict[str, Callable[[Points], np.ndarray]] = {
    "cmrpipe area_mask": lambda points: area_mask(points, SHAPE),
    "Pillow polygon, outline=0": lambda points: pillow(points, 0),
    "Pillow polygon, outline=1": lambda points: pillow(points, 1),
    "scikit-image polygon2mask": lambda points: polygon2mask(SHAPE, points[:, ::-1]),
    "OpenCV fillPoly": opencv,
}


def off(way: Callable[[Points], np.ndarray], contours: list[Points]) -> str:
    """Mean distance of the masks' centroids from the polygons', x and y."""
    apart = [np.argwhere(way(points)).mean(axis=0)[::-1] - centroid(points) for points in contours]
    return " ".join(f"{mean:+.2f}" for mean in np.mean(apart, axis=0))


def draw_all(way: Callable[[Points], np.ndarray], contours: list[Points]) -> None:
    """Draw every contour once."""
    for points in contours:
        way(points)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=DATA, help="folder with contourfiles/")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    contours = []
    for path in sorted((args.source / "contourfiles").rglob("*.txt")):
        contour = read_contour(path.read_bytes(), path.as_posix(), ORIGIN).contour
        if contour is not None:
            contours.append(contour.points)
    areas = np.array([polygon_area(points) for points in contours])
    columns: dict[str, list[str]] = {"mean bias %": [], "95 % within %": [], "worst %": [], "off px": []}
    for way in WAYS.values():
        bias = 100 * (np.array([way(points).sum() for points in contours]) / areas - 1)
        columns["mean bias %"].append(f"{bias.mean():+.2f}")
        columns["95 % within %"].append(f"{np.percentile(np.abs(bias), 95):.2f}")
        columns["worst %"].append(f"{bias[np.abs(bias).argmax()]:+.2f}")
        columns["off px"].append(off(way, contours))
    compare(
        f"{len(contours)} contours on {SHAPE[0]} x {SHAPE[1]} pixels, a contour",
        {name: partial(draw_all, way, contours) for name, way in WAYS.items()},
        reference="cmrpipe area_mask",
        rounds=args.rounds,
        columns=columns,
        per=len(contours),
        unit="us",
    )


if __name__ == "__main__":
    main()
