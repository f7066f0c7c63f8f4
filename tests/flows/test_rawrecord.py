"""Git brings another record of the raw folder: the folder is brought to that, and nobody's correction is lost."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

import flows.folders
import flows.rawrecord
from cmrpipe.landing import Forgotten
from cmrpipe.landing.ledger import ledger_file
from flows.dvc import DvcError
from flows.folders import UnrecordedError, listed
from flows.git import GitError, git, identity
from flows.kept import records_kept, written_by
from flows.rawrecord import settle_raw
from flows.recording import record_raw
from flows.steps import land_step

CONTOUR = "contourfiles/A/1.txt"


class Clone:
    """A workspace, its source, and what landing told; DVC runs in this process."""

    def __init__(self, root: Path, source: Path) -> None:
        self.root, self.source = root, source
        self.raw, self.record = root / "data" / "raw", root / "data" / "raw.dvc"
        self.told: list[str] = []
        self.counts: Mapping[str, Any] = {}

    def tell(self, _: str, event: Mapping[str, Any]) -> None:
        """Keep messages and counts."""
        if event["event"] == "log":
            self.told.append(event["message"])
        elif event["event"] == "landed":
            self.counts = event

    def land(self, source: bool = True) -> str:
        """Land, or only record; the record then."""
        self.told = []
        land_step(self.root, str(self.source) if source else None, self.tell)
        return self.record.read_text()

    def draw(self, text: str) -> None:
        """Draw the contour anew in the source."""
        (self.source / CONTOUR).write_text(text)

    @property
    def contour(self) -> str:
        """The contour that stands."""
        return (self.raw / CONTOUR).read_text()


def run_here(arguments: list[str], workspace: Path, *, look: Callable[[], None] | None = None, **_: object) -> None:
    """In the place of `run_dvc`: DVC in this process."""
    from dvc.cli import main

    own = warnings.catch_warnings(action="ignore")  # DVC's own
    with records_kept(workspace, written_by(arguments)), chdir(workspace), own:
        if main([*arguments, "-q"]):
            raise DvcError(" ".join(arguments), "failed", "See above")
        if look is not None:
            look()


@pytest.fixture
def bob(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """The source has landed and is recorded."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    for module in (flows.folders, flows.rawrecord):
        monkeypatch.setattr(module, "run_dvc", run_here)
    (tiny / CONTOUR).parent.mkdir(parents=True)
    (tiny / CONTOUR).write_text("1 1\n")
    (tiny / "contourfiles/A/2.txt").write_text("1 1\n")
    (tiny / "link.csv").write_text("patient_id,original_id\nA,A\n")
    root = tmp_path / "bob"
    (root / ".dvc" / "tmp").mkdir(parents=True)
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    (root / "params.yaml").write_text("source:\n  settle_s: 0.0\n")
    clone = Clone(root, tiny)
    clone.land()
    return clone


def corrected_elsewhere(bob: Clone) -> str:
    """A colleague's record with a corrected contour and table; its files are in the cache, and all is as before."""
    state, standing = (bob.root / ".dvc/tmp/cmrpipe-raw.json").read_bytes(), bob.root / "standing"
    first = bob.record.read_text()
    shutil.copytree(bob.raw, standing)
    (bob.raw / CONTOUR).write_text("2 2\n")
    (bob.raw / "links/tiny.csv").write_text("patient_id,original_id\nA,A\nB,B\n")
    run_here(["add", "data/raw"], bob.root)
    theirs = bob.record.read_text()
    shutil.rmtree(bob.raw)
    standing.rename(bob.raw)
    (bob.root / ".dvc/tmp/cmrpipe-raw.json").write_bytes(state)
    bob.record.write_text(first)
    return theirs


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


def killed_before_recording(bob: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source lands, and nothing records it."""

    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flows.steps.record_raw", kill)
        with pytest.raises(KeyboardInterrupt):
            bob.land()


@pytest.mark.parametrize("source", [True, False])
def test_what_landed_just_before_a_kill_stays_beside_a_colleagues_record(
    bob: Clone, monkeypatch: pytest.MonkeyPatch, source: bool
) -> None:
    """A new patient, a corrected one, and a contour that is gone: on top of what came, and recorded."""
    theirs = corrected_elsewhere(bob)
    shutil.copytree(bob.source / "dicoms/A", bob.source / "dicoms/D")
    (bob.source / "dicoms/A/1.dcm").write_text("anew")
    killed_before_recording(bob, monkeypatch)
    bob.record.write_text(theirs)
    bob.land(source)
    assert "is not recorded yet stays: dicoms/A, dicoms/D" in bob.told[0]
    assert bob.contour == "2 2\n"
    assert (bob.raw / "dicoms/A/1.dcm").read_text() == "anew"
    assert "B,B" in (bob.raw / "links/tiny.csv").read_text()
    recorded = bob.record.read_text()
    assert recorded != theirs
    assert (bob.land(), bob.told) == (recorded, [])


def object_of(bob: Clone, md5: str) -> Path:
    """Where the cache has an object."""
    return bob.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def test_what_another_command_finds_unrecorded_is_no_reason_to_check_out(
    bob: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cmrpipe forget`, say, which brings no record: `dvc checkout` would remove the patient who has landed."""
    theirs = corrected_elsewhere(bob)
    for number in range(6):
        shutil.copytree(bob.source / "dicoms/A", bob.source / f"dicoms/D{number}")
    killed_before_recording(bob, monkeypatch)
    bob.record.write_text(theirs)
    with pytest.raises(
        UnrecordedError, match=r"not recorded yet \(dicoms/D0, .*D4 and 1 more\).*`cmrpipe land`"
    ) as told:
        record_raw(bob.root, meant=lambda _: False)
    assert "checkout" not in str(told.value)
    bob.land()
    assert "dicoms/D4 and 1 more" in bob.told[0]


def test_a_list_that_a_landing_made_go_does_not_come_back(bob: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of images put aside: those of the corrected patient have all landed."""
    aside = bob.raw / "aside/A.csv"
    aside.parent.mkdir()
    aside.write_text("patient_id,what,series_uid,reason\nA,1.dcm,,no\n")
    bob.land(source=False)
    theirs = corrected_elsewhere(bob)
    (bob.source / "dicoms/A/1.dcm").write_text("anew")
    killed_before_recording(bob, monkeypatch)
    bob.record.write_text(theirs)
    bob.land(source=False)
    assert bob.told[0].endswith("stays: dicoms/A")
    assert (bob.contour, aside.exists()) == ("2 2\n", False)


def test_where_the_last_list_is_lost_nobody_can_tell_what_landed_since(bob: Clone) -> None:
    """Patients who are not in an older commit's record, say: they are no landing that was not recorded."""
    first = bob.record.read_text()
    shutil.copytree(bob.source / "dicoms/A", bob.source / "dicoms/D")
    second = bob.land()
    object_of(bob, second.partition("md5: ")[2].split()[0]).unlink()
    bob.record.write_text(first)
    with pytest.raises(UnrecordedError, match=r"dicoms/D/1\.dcm"):
        bob.land(source=False)
    assert bob.record.read_text() == first


def test_the_only_copy_of_a_recorded_file_stays(bob: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC would not remove it, either; the commands that are named help."""
    theirs = corrected_elsewhere(bob)
    shutil.copytree(bob.source / "dicoms/A", bob.source / "dicoms/D")
    killed_before_recording(bob, monkeypatch)
    cached = object_of(bob, hashlib.md5(b"1 1\n", usedforsecurity=False).hexdigest())
    cached.unlink()
    bob.record.write_text(theirs)
    with pytest.raises(UnrecordedError, match=r"DVC's cache neither: contourfiles/A/1\.txt\. Nothing was changed"):
        bob.land()
    assert bob.contour == "1 1\n"
    run_here(["add", "data/raw"], bob.root)
    bob.record.write_text(theirs)
    bob.land()
    assert (bob.contour, cached.is_file(), (bob.raw / "dicoms/D").exists()) == ("2 2\n", True, True)


def test_phantoms_of_the_record_do_not_come_back_beside_patients_who_made_them_go(
    bob: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before it was recorded that they had made way, while a colleague's record has them still."""
    theirs = corrected_elsewhere(bob)
    shutil.copytree(bob.source / "dicoms/A", bob.source / "dicoms/D")
    killed_before_recording(bob, monkeypatch)
    mark = {"phantom.json": "1"}
    monkeypatch.setattr(flows.rawrecord, "listed", lambda *args: ((found := listed(*args))[0] | mark, found[1]))
    bob.record.write_text(theirs)
    with pytest.raises(UnrecordedError, match=r"has what is in no record \(dicoms/D/1\.dcm\)"):
        bob.land(source=False)
    assert (bob.raw / "dicoms/D").exists()


def test_a_landing_that_only_removed_a_file_is_not_undone(bob: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its files is in both records; it stays, and where a colleague changed that contour set, it is told."""
    theirs = corrected_elsewhere(bob)
    (bob.source / "contourfiles/A/2.txt").unlink()
    killed_before_recording(bob, monkeypatch)
    bob.record.write_text(theirs)
    with pytest.raises(UnrecordedError, match=r"contourfiles/A/2\.txt"):
        bob.land()
    assert not (bob.raw / "contourfiles/A/2.txt").exists()


def test_a_link_table_that_landed_just_before_a_kill_is_recorded_without_its_source(
    bob: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger says that it landed."""
    first = bob.record.read_text()
    (bob.source / "link.csv").write_text("patient_id,original_id\nA,A\nB,B\n")
    killed_before_recording(bob, monkeypatch)
    assert bob.land(source=False) != first


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
    settle_raw(bob.root, bob.told.append)
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
        settle_raw(repository)
