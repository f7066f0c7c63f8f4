"""Two sites that land in one raw folder, and what happens to a source between two landings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom

from cmrpipe.landing import Landed, land
from cmrpipe.progress import silent
from cmrpipe.readers.layouts import link_tables
from cmrpipe.readers.links import read_link_table


class Sites:
    """Two sites with a patient each, and the raw folder that both land in."""

    def __init__(self, root: Path, phantom: Path) -> None:
        self.raw = root / "data" / "raw"
        self.root = root
        self.people = [
            (link.patient_id, link.original_id)
            for link in read_link_table((phantom / "link.csv").read_bytes(), "link.csv").links
        ]
        self.phantom = phantom

    def site(self, name: str, person: int, patient: str, original: str) -> Path:
        """A source with one of the phantom's patients under ids of its own."""
        images, contours = self.people[person]
        folder = self.root / name
        shutil.copytree(self.phantom / "dicoms" / images, folder / "dicoms" / patient)
        shutil.copytree(self.phantom / "contourfiles" / contours, folder / "contourfiles" / original)
        (folder / "link.csv").write_text(f"patient_id,original_id\n{patient},{original}\n")
        return folder

    def land(self, source: Path) -> Landed:
        """Land one of them."""
        return land(source, self.raw, listen=silent)

    def rows(self) -> set[tuple[str, str]]:
        """What the landed link tables say."""
        return {
            (link.patient_id, link.original_id)
            for path in link_tables(self.raw)
            for link in read_link_table((self.raw / path).read_bytes(), path).links
        }


def rewrite_contours(folder: Path) -> None:
    """Draw every contour anew, a pixel further."""
    for path in sorted(folder.rglob("*.txt")):
        rows = [line.split() for line in path.read_text().splitlines()]
        path.write_text("".join(f"{float(x) + 1:.2f} {float(y):.2f}\n" for x, y in rows))


def export_again(folder: Path) -> None:
    """Every image with other bytes, of the same study."""
    for path in sorted(folder.rglob("*.dcm")):
        image = pydicom.dcmread(path)
        image.SeriesDescription = "exported again"
        image.save_as(path)


def drop_an_image(source: Path) -> None:
    """The patient as it was before its last image came."""
    sorted(source.glob("dicoms/*/*.dcm"))[0].unlink()


def edit_a_contour(source: Path) -> None:
    """One contour drawn anew."""
    rewrite_contours(sorted(source.glob("contourfiles/*/*/*.txt"))[0].parent)


def without(source: Path, kind: str) -> Path:
    """The source before its images, or its contours, were there."""
    shutil.rmtree(source / kind)
    (source / kind).mkdir()
    return source
