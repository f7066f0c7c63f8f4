"""What a source has had since long does not take the place of what came from elsewhere since."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cmrpipe.landing import Forgotten, Landed, Ledger, content_of, describe_landing, land, recover
from cmrpipe.landing.ledger import Entry
from cmrpipe.progress import silent
from tests.commands import cmrpipe

FOLDER = "contourfiles/A"


class Pair:
    """Two copies of one source, both landed, and the raw folder."""

    def __init__(self, x: Path, raw: Path) -> None:
        self.x, self.raw = x, raw
        self.y = x.parent / "other" / x.name
        contours = x / FOLDER
        contours.mkdir(parents=True)
        for number in (1, 2):
            (contours / f"{number}.txt").write_text("1 1\n")
        (x / "link.csv").write_text("patient_id,original_id\nA,A\n")
        shutil.copytree(x, self.y)
        for source in (self.x, self.y):
            self.land(source)

    def land(self, source: Path) -> Landed:
        """Land one of them."""
        return land(source, self.raw, listen=silent)

    def text(self, name: str = f"{FOLDER}/1.txt") -> str:
        """What stands of a file."""
        return (self.raw / name).read_text()

    def bring(self, text: str) -> None:
        """Another version of the contour is brought by git and DVC."""
        (self.raw / FOLDER / "1.txt").write_text(text)
        Ledger(self.raw).take(FOLDER, content_of(self.raw, FOLDER), "data/raw.dvc")


@pytest.fixture
def pair(tiny: Path, tmp_path: Path) -> Pair:
    """Both have landed."""
    return Pair(tiny, tmp_path / "data" / "raw")


def test_a_correction_stays_when_a_stale_copy_of_the_source_lands(pair: Pair) -> None:
    """Contours and link table, with the copy's times or with others; what the copy corrects itself lands."""
    (pair.x / FOLDER / "1.txt").write_text("2 2\n")
    (pair.x / "link.csv").write_text("patient_id,original_id\nA,A\nB,B\n")
    assert pair.land(pair.x).changed == (FOLDER,)
    for _ in range(2):
        landed = pair.land(pair.y)
        assert (landed.changed, landed.kept, landed.failed) == ((), (FOLDER, "links/tiny"), {})
        assert told(landed).endswith("; link table: older in this source, kept as it is")
        os.utime(pair.y / FOLDER / "1.txt", (1, 1))
    assert pair.text() == "2 2\n"
    assert "B,B" in pair.text("links/tiny.csv")
    assert pair.land(pair.x).kept == ()
    (pair.y / FOLDER / "1.txt").write_text("3 3\n")
    assert pair.land(pair.y).changed == (FOLDER,)
    assert (pair.text(), pair.land(pair.x).kept) == ("3 3\n", (FOLDER,))


def test_what_was_removed_by_hand_lands_again_from_whoever_has_it(pair: Pair) -> None:
    """An older version is better than none, with other times, too."""
    (pair.x / FOLDER / "1.txt").write_text("2 2\n")
    pair.land(pair.x)
    shutil.rmtree(pair.raw / FOLDER)
    os.utime(pair.y / FOLDER / "1.txt", (1, 1))
    assert pair.land(pair.y).new == (FOLDER,)
    assert pair.text() == "1 1\n"


def test_a_correction_lands_again_after_an_older_version_was_brought(pair: Pair) -> None:
    """Its source has had it since the version that stands, though it is what that source landed last."""
    (pair.x / FOLDER / "1.txt").write_text("2 2\n")
    pair.land(pair.x)
    pair.bring("1 1\n")
    assert pair.land(pair.y).kept == ()
    assert pair.land(pair.x).changed == (FOLDER,)
    assert pair.text() == "2 2\n"


def test_a_colleagues_correction_stays(pair: Pair) -> None:
    """No source here has ever had it; one that comes to have it, or another one, is believed."""
    pair.bring("2 2\n")
    assert pair.land(pair.x).kept == (FOLDER,)
    assert pair.text() == "2 2\n"
    (pair.x / FOLDER / "1.txt").write_text("2 2\n")
    landed = pair.land(pair.x)
    assert (landed.kept, landed.changed) == ((), ())
    (pair.x / FOLDER / "1.txt").write_text("3 3\n")
    assert pair.land(pair.x).changed == (FOLDER,)


def test_contours_and_link_table_are_told_beside_the_patients(pair: Pair) -> None:
    """Corrected alone, and gone from the source: nothing of it is "unchanged" and no more."""
    (pair.x / FOLDER / "1.txt").write_text("2 2\n")
    (pair.x / "link.csv").write_text("patient_id,original_id\nA,A\nB,B\n")
    assert told(pair.land(pair.x)) == "2 unchanged; contour sets: 1 changed; link table: changed"
    shutil.rmtree(pair.x / FOLDER)
    (pair.x / "link.csv").unlink()
    said = "2 unchanged; contour sets: 1 gone from the source (still learnt from); link table: gone from the source"
    assert told(pair.land(pair.x)) == said
    assert pair.text() == "2 2\n"


def told(landed: Landed) -> str:
    """The words of a landing."""
    return describe_landing(landed.counts())


def test_contours_of_a_patient_whose_images_were_corrected_elsewhere_land(pair: Pair) -> None:
    """The images were this source's: contours that it has later are not refused as somebody else's."""
    (pair.x / "link.csv").write_text("patient_id,original_id\nA,A\nA,A2\n")
    pair.land(pair.x)
    image = next((pair.raw / "dicoms" / "A").iterdir())
    image.write_bytes(image.read_bytes() + b"corrected")
    Ledger(pair.raw).take("dicoms/A", content_of(pair.raw, "dicoms/A"), "data/raw.dvc")
    shutil.copytree(pair.x / FOLDER, pair.x / "contourfiles" / "A2")
    landed = pair.land(pair.x)
    assert (landed.new, landed.kept, landed.failed) == (("contourfiles/A2",), ("dicoms/A",), {})


@pytest.mark.parametrize("renamed", [False, True])
def test_what_dvc_brought_after_a_kill_is_no_landing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, renamed: bool
) -> None:
    """A person who pulls before the landing is completed: the correction lands again, what it replaced is kept."""
    (pair.x / FOLDER / "1.txt").write_text("2 2\n")
    rename = Path.rename

    def dying(self: Path, target: Path) -> Path:
        if "new" in self.parts and Path(target).is_relative_to(pair.raw):
            raise KeyboardInterrupt
        return rename(self, target)

    def dead(_: Ledger, __: Entry) -> None:
        raise KeyboardInterrupt

    if renamed:
        monkeypatch.setattr(Ledger, "add", dead)
    else:
        monkeypatch.setattr(Path, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        pair.land(pair.x)
    monkeypatch.undo()
    assert (pair.raw / FOLDER).exists() == renamed
    (pair.raw / FOLDER).mkdir(exist_ok=True)
    (pair.raw / FOLDER / "1.txt").write_text("9 9\n")
    assert recover(pair.raw)
    assert pair.text() == "9 9\n"
    (kept,) = pair.raw.parent.glob(".raw-replaced/contourfiles/A/*/1.txt")
    assert kept.read_text() == "1 1\n"
    assert pair.land(pair.x).changed == (FOLDER,)
    assert pair.text() == "2 2\n"


def test_what_will_not_land_is_told_and_is_nothing_to_land(pair: Pair, tmp_path: Path) -> None:
    """`sources`: of a stale copy, and of somebody who was forgotten."""
    (pair.x / FOLDER / "1.txt").write_text("2 2\n")
    pair.land(pair.x)
    shutil.rmtree(pair.raw / "dicoms/B")
    Forgotten(tmp_path / "forgotten.csv").add(("dicoms/B",), "2026-01-01")
    looked = cmrpipe(tmp_path, "sources", str(pair.y))
    assert f"{FOLDER}  older than what stands, will not land" in looked.stdout
    assert "dicoms/B  forgotten, will not land" in looked.stdout
    assert looked.returncode == 0
    (pair.y / "dicoms/A/1.dcm").write_text("anew")
    assert cmrpipe(tmp_path, "sources", str(pair.y)).returncode == 1
