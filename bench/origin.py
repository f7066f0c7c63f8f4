"""The table in docs/contour-origin.md: which coordinate origin the endocardial contours of a data set were drawn with.

    python bench/origin.py ../shared/data/final_data

Contours are read as if their files counted from 0, so the shift that fits best is the origin with its sign turned.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from harness import DATA, print_table

from cmrpipe.model import ContourKind
from cmrpipe.origin import Response, Shift, edge_response, patient_shift, set_shift
from cmrpipe.readers.contours import FOLDERS, read_contour
from cmrpipe.readers.layouts import CONTOURS, DICOMS, link_tables
from cmrpipe.readers.links import read_link_table
from cmrpipe.readers.pixels import decode_pixels


def row(name: str, shift: Shift | None) -> list[str]:
    """A line of the table."""
    if shift is None:
        return [name, "", "none fits best", ""]
    return [
        name,
        str(shift.contours),
        f"{-shift.x:+.2f} ± {shift.error_x:.2f}",
        f"{-shift.y:+.2f} ± {shift.error_y:.2f}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=DATA, help="folder in the layout")
    source = parser.parse_args().source
    responses: dict[str, list[Response]] = defaultdict(list)
    seconds = []
    links = [
        link for table in link_tables(source) for link in read_link_table((source / table).read_bytes(), table).links
    ]
    folder = next(name for name, kind in FOLDERS.items() if kind is ContourKind.ENDO)
    for link in links:
        for path in sorted((source / CONTOURS / link.original_id / folder).glob("*.txt")):
            record = read_contour(path.read_bytes(), path.relative_to(source).as_posix(), 0.0)
            if record.contour is None or record.number is None:
                continue
            image_file = source / DICOMS / link.patient_id / f"{record.number}.dcm"
            image = decode_pixels(image_file.read_bytes(), image_file)
            start = time.perf_counter()
            response = edge_response(image, record.contour.points)
            seconds.append(time.perf_counter() - start)
            if response is not None:
                responses[link.patient_id].append(response)
    rows = [["patient", "contours", "origin x", "origin y"]]
    rows += [row(patient, patient_shift(found)) for patient, found in sorted(responses.items())]
    rows.append(row("all patients", set_shift(responses)))
    print_table(rows)
    print(f"{len(seconds)} contours, {1e3 * np.median(seconds):.2f} ms each (median)")


if __name__ == "__main__":
    main()
