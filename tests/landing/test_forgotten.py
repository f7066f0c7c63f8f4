"""The list of the forgotten: whom it holds, and what of them it does not keep."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from cmrpipe.errors import InputError
from cmrpipe.landing import Forgotten

FOLDERS = ("dicoms/SC-HF-I-01", "contourfiles/P_2")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list of two folders."""
    path = tmp_path / "forgotten.csv"
    Forgotten(path).add(FOLDERS, "2026-01-01")
    return path


def test_it_holds_a_folder_however_its_id_is_written_and_nobody_else(path: Path) -> None:
    """An id of images is none of contours."""
    known = Forgotten(path)
    assert len(known) == 2
    assert all(map(known.holds, (*FOLDERS, "dicoms/sc-hf-i-1", "contourfiles/p-2")))
    assert not any(map(known.holds, ("contourfiles/SC-HF-I-01", "dicoms/P_2", "dicoms/SC-HF-I-11", "dicoms/")))
    assert not Forgotten().holds(FOLDERS[0])


def test_ids_that_are_nothing_but_signs_are_several(path: Path) -> None:
    """Normalised, nothing is left of them."""
    Forgotten(path).add(("dicoms/--",), "2026-01-02")
    assert Forgotten(path).holds("dicoms/--")
    assert not Forgotten(path).holds("dicoms/__-")


def test_a_folder_is_written_once_and_held_at_once(path: Path) -> None:
    """In whatever form it comes again, to a list that was read before as well."""
    known = Forgotten(path)
    known.add(("dicoms/sc-hf-i-1", "dicoms/new", "dicoms/NEW"), "2026-01-02")
    assert known.holds("dicoms/new")
    assert len(known) == len(Forgotten(path)) == 3


def test_a_list_has_one_salt_and_shares_no_hash_with_another(path: Path, tmp_path: Path) -> None:
    """So a look costs one hash, whoever tries ids has to try them for each workspace, and no id can be read."""
    Forgotten(path).add(("dicoms/new",), "2026-01-02")
    Forgotten(tmp_path / "other.csv").add(FOLDERS, "2026-01-01")
    mine, others = (list(csv.DictReader(name.read_text().splitlines())) for name in (path, tmp_path / "other.csv"))
    assert len({row["salt"] for row in mine}) == 1
    assert not {row["salt"] for row in mine} & {row["salt"] for row in others}
    assert not {row["hash"] for row in mine} & {row["hash"] for row in others}
    assert len({row["hash"] for row in mine}) == 3
    assert [row["kind"] for row in mine] == ["dicoms", "contourfiles", "dicoms"]
    assert not any(word in path.read_text().lower() for word in ("hf", "p_2", "p-2", "new"))


@pytest.mark.parametrize(
    "harm",
    [
        lambda _: "",
        lambda text: text.partition("\n")[2],
        lambda text: text.replace("salt,hash", "hash,salt"),
        lambda text: text.replace(",2026-01-01", ""),
        lambda text: text + "ab,SC-HF-I-1,dicoms,2026-01-01\n",
        lambda text: text + "P,ab,dicoms,2026-01-01\n",
        lambda text: text + "\udcff",
    ],
)
def test_a_damaged_list_is_refused(path: Path, harm: Callable[[str], str]) -> None:
    """Nobody comes back because a line of it cannot be read."""
    path.write_text(harm(path.read_text()), errors="surrogateescape")
    with pytest.raises(InputError, match=r"forgotten\.csv: is no list of forgotten patients"):
        Forgotten(path)
