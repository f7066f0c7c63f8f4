"""Contours as the Sunnybrook collection has them: one folder for all kinds, and papillary muscles beside."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from tests.commands import cmrpipe

OUTLINE = "30 30\n32 30\n32 32\n"


def tables(place: Path) -> tuple[str, list[dict[str, str]]]:
    """The clinical table, and all findings but those of what was not drawn."""
    found = csv.DictReader((place / "tables/findings.csv").read_text().splitlines())
    return (place / "tables/clinical.csv").read_text(), [row for row in found if row["code"] != "contour-not-drawn"]


def test_papillary_muscles_beside_the_contours_change_nothing(raw: Path) -> None:
    """They are told once a patient and not used, whatever is in their files, or whatever image they are of."""
    here = raw.parent
    assert cmrpipe(here, "validate", "raw", "--out", "plain").returncode == 0
    for number, folder in enumerate(sorted((raw / "contourfiles").iterdir())):
        flat = folder / "contours-manual" / "IRCCI-expert"
        flat.mkdir(parents=True)
        for path in folder.glob("*-contours/*.txt"):
            path.rename(flat / path.name)
        for kinds in folder.glob("*-contours"):
            shutil.rmtree(kinds)
        if number:
            image = sorted(flat.glob("*-icontour-*"))[0].name
            (flat / image.replace("icontour", "p1contour")).write_text(OUTLINE)
            (flat / image.replace("icontour", "p2contour")).write_text("none drawn")
            (flat / "IM-0001-9999-p1contour-manual.txt").write_text(OUTLINE)
    done = cmrpipe(here, "validate", "raw", "--out", "flat")
    assert done.returncode == 0, done.stderr
    (plain, clean), (flat_values, found) = tables(here / "plain"), tables(here / "flat")
    assert clean == []
    assert flat_values == plain
    assert [(row["severity"], row["code"], row["evidence"]) for row in found] == [
        ("info", "contour-of-papillary", '{"contours": 3}')
    ] * 2
    assert (here / "flat/quarantine.csv").read_text() == (here / "plain/quarantine.csv").read_text()
