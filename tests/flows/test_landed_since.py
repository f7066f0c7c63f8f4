"""What landed just before a kill, and is in no record, when git brings another one of the raw folder."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

import flows.folders
import flows.rawrecord
from flows.folders import UnrecordedError, listed
from flows.recording import record_raw
from tests.flows.clones import Clone, corrected_elsewhere, run_here


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
