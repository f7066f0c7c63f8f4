"""Git brings another record of the raw folder: the folder is brought to that, and nobody's correction is lost."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path

import pytest

from cmrpipe.landing import Forgotten
from cmrpipe.landing.ledger import ledger_file
from flows.folders import UnrecordedError
from flows.git import GitError, git, identity
from flows.rawrecord import bring_to_record
from flows.recording import record_raw
from flows.steps import land_step
from tests.flows.clones import CONTOUR, Clone, corrected_elsewhere, run_here


@pytest.mark.parametrize("source", [True, False])
def test_a_colleagues_correction_comes_and_stays(bob: Clone, source: bool) -> None:
    """By a landing of the source as it was, and by a run without one."""
    bob.record.write_text(theirs := corrected_elsewhere(bob))
    assert bob.land(source) == theirs
    assert (bob.contour, "B,B" in (bob.raw / "links/tiny.csv").read_text()) == ("2 2\n", True)
    assert "was brought to data/raw.dvc" in bob.told[0]
    assert bob.land() == theirs
    assert (bob.told, bob.counts["changed"]) == ([], 0)


def test_an_older_commit_is_not_written_over_and_its_corrections_land_again(bob: Clone) -> None:
    """`git checkout` alone, then with `dvc checkout`; the correction is landed only when its source is."""
    first = bob.record.read_text()
    bob.draw("2 2\n")
    second = bob.land()
    bob.record.write_text(first)
    assert bob.land(source=False) == first
    assert bob.contour == "1 1\n"
    assert bob.land() == second
    bob.record.write_text(first)
    run_here(["checkout", "data/raw.dvc"], bob.root)
    assert bob.land() == second
    assert bob.contour == "2 2\n"


def test_corrections_of_a_clone_land_again_on_a_record_that_lacks_them(bob: Clone) -> None:
    """What stood before them came by `dvc pull`, from no source of this workspace."""
    first, memory = bob.record.read_text(), bob.root / ".dvc/tmp/cmrpipe-raw.json"
    memory.unlink()
    ledger_file(bob.raw).unlink()
    bob.draw("2 2\n")
    (bob.source / "link.csv").write_text("patient_id,original_id\nA,A\nB,B\n")
    second = bob.land()
    bob.record.write_text(first)
    assert bob.land() == second
    assert (bob.contour, bob.counts["contours_changed"], bob.counts["table_changed"]) == ("2 2\n", 1, 1)


def test_what_landed_and_is_not_recorded_is_not_lost(bob: Clone) -> None:
    """Killed before it was recorded, while a colleague's record came: refused, with what to do, until somebody did."""
    theirs = corrected_elsewhere(bob)
    (bob.raw / "dicoms/C").mkdir()
    (bob.raw / "dicoms/C/1.dcm").write_text("C")
    bob.record.write_text(theirs)
    for source in (True, False):
        with pytest.raises(UnrecordedError, match=r"dicoms/C/1\.dcm.*dvc pull --force data/raw\.dvc"):
            bob.land(source)
    with pytest.raises(UnrecordedError, match=r"data/raw\.dvc is not what"):
        record_raw(bob.root, meant=lambda _: False)
    assert (bob.record.read_text(), bob.contour, (bob.raw / "dicoms/C/1.dcm").exists()) == (theirs, "1 1\n", True)


def test_a_checkout_that_was_cut_short_goes_on(bob: Clone) -> None:
    """What is in either record is nobody's own."""
    bob.record.write_text(theirs := corrected_elsewhere(bob))
    (bob.raw / "links/tiny.csv").write_text("patient_id,original_id\nA,A\nB,B\n")
    (bob.raw / "dicoms/A/1.dcm").unlink()
    assert bob.land(source=False) == theirs
    assert (bob.raw / "dicoms/A/1.dcm").exists()


def test_without_a_memory_the_ledger_does_not_take_the_record_back(bob: Clone) -> None:
    """Of a workspace of an older version; what stands at the record is taken as it is."""
    theirs, memory = corrected_elsewhere(bob), bob.root / ".dvc/tmp/cmrpipe-raw.json"
    memory.unlink()
    bob.land()
    memory.unlink()
    bob.record.write_text(theirs)
    with pytest.raises(UnrecordedError, match=r"dvc pull --force data/raw\.dvc"):
        bob.land()
    assert bob.record.read_text() == theirs
    ledger_file(bob.raw).unlink()
    with pytest.raises(UnrecordedError, match="altered"):
        bob.land(source=False)


def test_a_raw_folder_that_is_not_here_is_brought(bob: Clone) -> None:
    """A fresh clone: an older source does not take the record's place, and no phantom comes."""
    theirs, memory = corrected_elsewhere(bob), bob.root / ".dvc/tmp/cmrpipe-raw.json"
    bob.record.write_text(theirs)
    memory.unlink()
    ledger_file(bob.raw).unlink()
    shutil.rmtree(bob.raw)
    assert bob.land(source=False) == theirs
    assert bob.contour == "2 2\n"


def test_what_is_not_in_the_cache_is_fetched_with_its_list(bob: Clone) -> None:
    """A landing asks the cache whether it may drop what it replaces, and reads the list there."""
    with (bob.root / ".dvc/config").open("a") as config:
        config.write(f"    remote = box\n['remote \"box\"']\n    url = {bob.root.parent / 'box'}\n")
    bob.record.write_text(theirs := corrected_elsewhere(bob))
    run_here(["push", "data/raw.dvc"], bob.root)
    (listed,) = bob.root.glob(f".dvc/cache/files/md5/*/{theirs.partition('md5: ')[2].split()[0][2:]}")
    listed.unlink()
    bring_to_record(bob.root, bob.told.append)
    assert (bob.contour, listed.is_file()) == ("2 2\n", True)


def test_a_source_is_the_same_by_a_relative_path(bob: Clone) -> None:
    """As a deployment's parameter has it: what it has had is no correction of what a colleague corrected."""
    bob.record.write_text(corrected_elsewhere(bob))
    with chdir(bob.source.parent):
        land_step(bob.root, bob.source.name, bob.tell)
    assert (bob.contour, bob.counts["contours_kept"]) == ("2 2\n", 1)


def test_a_list_that_only_says_the_same_explains_nothing(bob: Clone) -> None:
    """A stale copy of the source has what stands there instead of the record."""
    stale = bob.root.parent / "stale"
    shutil.copytree(bob.source, stale)
    bob.draw("2 2\n")
    second = bob.land()
    (bob.raw / CONTOUR).write_text("1 1\n")
    with pytest.raises(UnrecordedError, match="altered"):
        land_step(bob.root, str(stale), bob.tell)
    assert bob.record.read_text() == second


def test_nobody_forgotten_comes_back(bob: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict was settled for a record that has them still; `forget`, which removes them, is not stopped."""
    Forgotten(bob.root / "forgotten.csv").add(("dicoms/B", "contourfiles/B"), "2026-01-01")
    with pytest.raises(UnrecordedError, match=r"holds dicoms/B, .*cmrpipe forget ID --yes"):
        bob.land(source=False)
    record_raw(bob.root, meant=lambda path: path == "dicoms/B")
    shutil.rmtree(bob.raw / "dicoms/B")
    record_raw(bob.root, meant=lambda path: path.startswith("dicoms/B"))
    monkeypatch.setattr(Forgotten, "holds", lambda *_: pytest.fail("all were tried with this list"))
    bob.land(source=False)


def test_a_conflict_in_the_record_is_told_as_such(repository: Path) -> None:
    """It is no damage, and `git checkout` would not mend it."""
    record, commit = repository / "data/raw.dvc", (*identity(repository), "commit", "-q", "-m", "x")
    git(repository, "add", "data/raw.dvc")
    git(repository, *commit)
    git(repository, "switch", "-q", "-c", "other")
    for branch, text in (("other", "theirs\n"), ("main", "mine\n")):
        git(repository, "switch", "-q", branch)
        record.write_text(text)
        git(repository, *commit, "data/raw.dvc")
    with pytest.raises(GitError):
        git(repository, *identity(repository), "merge", "other")
    with pytest.raises(GitError, match=r"data/raw\.dvc: changed here and elsewhere"):
        bring_to_record(repository)
