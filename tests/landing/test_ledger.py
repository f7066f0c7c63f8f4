"""The ledger: every folder that entered or changed has its line, and a changed patient's old bytes stay somewhere."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cmrpipe.connect.copying import copy_file, hash_tree
from cmrpipe.connect.source import Offer, content_digest
from cmrpipe.landing import Forgotten, Ledger, check_landed, land, recover, replaced, staging
from cmrpipe.landing.ledger import ledger_file
from cmrpipe.landing.underway import Landing
from cmrpipe.progress import Progress, silent
from cmrpipe.readers.layouts import patient_folders


@pytest.fixture
def source(raw: Path) -> Path:
    """The small phantom dressed as real patients."""
    (raw / "phantom.json").unlink()
    return raw


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A raw folder that is not there yet."""
    return tmp_path / "data" / "raw"


def patient(source: Path) -> str:
    """The first patient's folder."""
    return f"dicoms/{sorted(p.name for p in (source / 'dicoms').iterdir())[0]}"


def drop_one_image(source: Path, folder: str) -> None:
    """Change a patient."""
    sorted((source / folder).iterdir())[0].unlink()


@pytest.mark.parametrize("end", ["", ".zip"])
def test_a_changed_patient_leaves_its_old_bytes_and_a_line(source: Path, target: Path, end: str) -> None:
    """DVC does not have the old version: it is kept beside raw, and the ledger says old hash, new hash and where."""
    land(source, target, packing=end != "", listen=silent)
    folder = patient(source)
    before = hash_tree(target / f"{folder}{end}")
    drop_one_image(source, folder)
    land(source, target, packing=end != "", listen=silent)
    line = Ledger(target).last(folder)
    assert line is not None
    assert (line.event, line.old) == ("changed", content_digest(before))
    assert line.new == content_digest(hash_tree(target / f"{folder}{end}"))
    assert hash_tree(target.parent / line.kept) == before
    assert line.kept == f"{replaced(target).name}/{folder}/{line.old}{end}"


def test_what_dvc_has_is_not_kept_twice(source: Path, target: Path) -> None:
    """A replaced version that DVC has goes; the ledger says that DVC has it."""
    land(source, target, listen=silent)
    folder = patient(source)
    drop_one_image(source, folder)
    land(source, target, secured=lambda _: True, listen=silent)
    line = Ledger(target).last(folder)
    assert line is not None
    assert line.kept == "dvc"
    assert not replaced(target).exists()
    assert sorted(path.name for path in target.parent.iterdir()) == ["landings.csv", "raw"]


def test_a_version_that_comes_and_goes_is_kept_once(source: Path, target: Path) -> None:
    """To and fro, DVC having neither: both are kept, and what stands is the newest."""
    folder = patient(source)
    image = sorted((source / folder).iterdir())[0]
    data, digests = image.read_bytes(), []
    for there in (True, False, True, False, True):
        if there:
            image.write_bytes(data)
        else:
            image.unlink()
        assert land(source, target, listen=silent).whole
        digests.append(content_digest(hash_tree(target / folder)))
    whole, without = digests[:2]
    assert digests == [whole, without, whole, without, whole]
    assert {path.name for path in (replaced(target) / folder).iterdir()} == {whole, without}
    for digest in (whole, without):
        assert content_digest(hash_tree(replaced(target) / folder / digest)) == digest


def test_a_line_that_a_kill_cut_short_is_passed_over(source: Path, target: Path) -> None:
    """The ledger goes on after a torn line; what that was about gets another."""
    land(source, target, listen=silent)
    path = ledger_file(target)
    path.write_bytes(path.read_bytes()[:-30])
    whole = len(Ledger(target).entries)
    drop_one_image(source, patient(source))
    land(source, target, listen=silent)
    assert len(Ledger(target).entries) == whole + 2


def test_withdrawn_is_told_for_its_own_source_only(source: Path, target: Path, tmp_path: Path) -> None:
    """A patient gone from the source that brought it is told as withdrawn; one of another source is not."""
    folder = patient(source)
    other = tmp_path / "other"
    shutil.copytree(source / folder, other / "dicoms" / "elsewhere")
    land(source, target, listen=silent)
    land(other, target, listen=silent)
    shutil.rmtree(source / folder)
    landed = land(source, target, listen=silent)
    assert landed.withdrawn == (folder,)
    assert set(landed.not_in_source) == {folder, "dicoms/elsewhere"}
    assert (target / folder).is_dir()


def test_a_bad_folder_stops_no_other(source: Path, target: Path) -> None:
    """A dangling link, a pipe and an empty folder are told by name; everybody else lands."""
    names = sorted(p.name for p in (source / "dicoms").iterdir())
    (source / "dicoms" / names[0] / "999.dcm").symlink_to("nowhere.dcm")
    os.mkfifo(source / "dicoms" / names[1] / "998.dcm")
    (source / "dicoms" / "empty").mkdir()
    landed = land(source, target, listen=silent)
    assert set(landed.failed) == {f"dicoms/{name}" for name in (names[0], names[1], "empty")}
    assert "998.dcm" in landed.failed[f"dicoms/{names[1]}"]
    assert f"dicoms/{names[2]}" in landed.new
    assert not (target / "dicoms" / names[0]).exists()
    check_landed(target)
    (source / "dicoms" / names[2] / "999.dcm").symlink_to("nowhere.dcm")
    again = land(source, target, listen=silent)
    assert f"dicoms/{names[2]}" in again.failed
    assert (again.withdrawn, again.not_in_source) == ((), ())  # it is there
    assert (target / "dicoms" / names[2]).is_dir()


def test_a_patient_that_is_still_being_written_waits(source: Path, target: Path) -> None:
    """What changes during the settling time stays out, whole; the next landing takes it, and others land at once."""
    folder = patient(source)
    late = source / folder / "900.dcm"
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import time\nf = open({str(late)!r}, 'wb')\nfor _ in range(100):\n"
            "    f.write(b'x' * 9000); f.flush(); time.sleep(0.05)",
        ]
    )
    try:
        while not late.exists():
            time.sleep(0.01)
        landed = land(source, target, settle_s=1.0, listen=silent)
    finally:
        writer.kill()
        writer.wait()
    assert landed.unsettled == (folder,)
    assert not (target / folder).exists()
    assert landed.counts()["new"] == 2
    assert land(source, target, settle_s=1.0, listen=silent).new == (folder,)


def test_a_writer_in_bursts_is_waited_for(tiny: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A patient whose files lie still while they are fetched, and who grows within the settling time, stays out."""
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if seconds > 3000:  # the next burst
            (tiny / "dicoms" / "A" / "2.dcm").write_bytes(b"more")

    monkeypatch.setattr(time, "sleep", sleep)
    landed = land(tiny, target, settle_s=3600.0, listen=silent)
    assert waited == [pytest.approx(3600, abs=100)]
    assert (landed.unsettled, landed.new) == (("dicoms/A",), ("dicoms/B",))
    assert not (target / "dicoms" / "A").exists()


def test_bytes_that_change_without_a_trace_in_size_and_time_stay_out(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second reading compares hashes, not only sizes and times."""
    from cmrpipe.connect import folder as module

    monkeypatch.setattr(module, "_change", lambda _root, folder, _listing: (folder, 0.0))
    victim = sorted((source / patient(source)).iterdir())[0]

    def copied(path: Path, to: Path) -> str:
        digest = copy_file(path, to)
        if path == victim:
            data = bytearray(victim.read_bytes())
            data[-1] ^= 1
            victim.write_bytes(data)
        return digest

    monkeypatch.setattr(module, "copy_file", copied)
    assert land(source, target, listen=silent).unsettled == (patient(source),)


def test_what_has_been_quiet_is_not_waited_for(source: Path, target: Path) -> None:
    """A settling time that has passed already costs nothing."""
    time.sleep(1.2)
    start = time.monotonic()
    land(source, target, settle_s=1.0, listen=silent)
    again = time.monotonic()
    landed = land(source, target, settle_s=3600.0, listen=silent)
    assert time.monotonic() - again < 30
    assert landed.counts()["unchanged"] == 3
    assert again - start < 30


def test_placing_takes_no_more_time_than_fetching(tiny: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a look at the source takes as long as ten patients, they are placed by the ten, and none is left."""
    for i in range(38):
        shutil.copytree(tiny / "dicoms" / "A", tiny / "dicoms" / f"C{i}")
    clock, placings = [0.0], []
    fetch, place = Landing.fetch, Landing.place

    def fetching(self: Landing, offer: Offer) -> None:
        clock[0] += 1
        fetch(self, offer)

    def placing(self: Landing, *, only_quiet: bool) -> None:
        clock[0] += 10
        placings.append(len(self.waiting))
        place(self, only_quiet=only_quiet)

    monkeypatch.setattr(Landing, "fetch", fetching)
    monkeypatch.setattr(Landing, "place", placing)
    module = sys.modules["cmrpipe.landing.land"]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda _: None))
    landed = land(tiny, target, listen=silent)
    assert placings == [1, 10, 10, 10, 9]
    assert len(landed.new) == 40


@pytest.mark.parametrize(("settle_s", "slept", "placed"), [(25, [], [0, 0, 1, 3, 4]), (65, [15], [0, 0, 1, 1, 2])])
def test_while_others_are_fetched_what_has_settled_is_placed(
    tiny: Path, target: Path, monkeypatch: pytest.MonkeyPatch, settle_s: float, slept: list[float], placed: list[int]
) -> None:
    """At once what was quiet before, the rest when the settling time is over; the progress tells of each once."""
    from cmrpipe.connect import folder as module

    for name in "CDE":
        shutil.copytree(tiny / "dicoms" / "A", tiny / "dicoms" / name)
    quiet = ("dicoms/B", "dicoms/D")
    monkeypatch.setattr(module, "_change", lambda _root, folder, _listing: (folder, 0.0 if folder in quiet else 4e9))
    clock, fetch = [0.0], Landing.fetch
    waited: list[float] = []
    told: list[tuple[Progress, int]] = []

    def fetching(self: Landing, offer: Offer) -> None:
        clock[0] += 10
        fetch(self, offer)

    def listen(progress: Progress) -> None:
        told.append((progress, len(patient_folders(target))))

    monkeypatch.setattr(Landing, "fetch", fetching)
    clocks = SimpleNamespace(monotonic=lambda: clock[0], sleep=waited.append)
    monkeypatch.setattr(sys.modules["cmrpipe.landing.land"], "time", clocks)
    assert land(tiny, target, settle_s=settle_s, listen=listen).whole
    assert told == [(Progress("land", "ABCDE"[i], i + 1, 5), before) for i, before in enumerate(placed)]
    assert waited == slept


def test_the_forgotten_stay_out_with_their_rows(source: Path, target: Path, tmp_path: Path) -> None:
    """A forgotten patient does not land, however the id is spelt, and the landed link table does not name it."""
    folder = patient(source)
    name = folder.partition("/")[2]
    forgotten = Forgotten(tmp_path / "forgotten.csv")
    forgotten.add((f"dicoms/{name.lower()}",), "2026-01-01")
    landed = land(source, target, forgotten=Forgotten(tmp_path / "forgotten.csv").holds, listen=silent)
    assert landed.blocked == (folder,)
    assert not (target / folder).exists()
    assert name not in (target / "links" / "raw.csv").read_text()
    assert name in (source / "link.csv").read_text()
    assert name.lower() not in (tmp_path / "forgotten.csv").read_text()


def test_what_stands_of_the_forgotten_is_not_told_as_left_out(tiny: Path, target: Path) -> None:
    """A folder that stands all the same is unchanged: nobody is told that it is not there."""
    land(tiny, target, listen=silent)
    shutil.copytree(tiny / "dicoms" / "A", tiny / "dicoms" / "C")
    landed = land(tiny, target, forgotten=lambda folder: folder in ("dicoms/A", "dicoms/C"), listen=silent)
    assert (landed.unchanged, landed.blocked) == (("dicoms/A", "dicoms/B"), ("dicoms/C",))


def test_who_was_forgotten_is_asked_of_new_rows_and_of_what_does_not_stand(tiny: Path, target: Path) -> None:
    """Each question costs 20 ms: rows that have landed, and those of folders that stand, cost nothing; others leave."""
    rows = "patient_id,original_id\nA,C1\nX1,C2\n"
    asked: list[str] = []

    def forgotten(folder: str) -> bool:
        asked.append(folder)
        return folder == "dicoms/X3"

    for further, questions in (
        ("", {"dicoms/A", "dicoms/B", "contourfiles/C1", "dicoms/X1", "contourfiles/C2"}),
        ("B,C2\nX3,C1\n", {"contourfiles/C2", "dicoms/X3"}),
        ("", {"dicoms/X3"}),
    ):
        rows += further
        (tiny / "link.csv").write_text(rows)
        asked.clear()
        land(tiny, target, forgotten=forgotten, listen=silent)
        assert sorted(asked) == sorted(questions)
        assert (target / "links" / "tiny.csv").read_text() == rows.replace("X3,C1\n", "")


_LAND = """
import sys
from pathlib import Path
from cmrpipe.landing import land
from cmrpipe.progress import silent
land(Path(sys.argv[1]), Path(sys.argv[2]), listen=silent)
"""


@pytest.mark.slow
def test_killed_at_random_moments_it_loses_and_doubles_nothing(source: Path, target: Path) -> None:
    """After any kill a folder in raw is the old or the new version, whole; then the next landing ends as ever."""
    land(source, target, listen=silent)
    rng = random.Random(11)
    states = [hash_tree(source / "dicoms")]
    folders = sorted(p.name for p in (source / "dicoms").iterdir())
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", _LAND, source, target], check=True)
    seconds = time.monotonic() - start
    for _ in range(8):
        drop_one_image(source, f"dicoms/{rng.choice(folders)}")
        states.append(hash_tree(source / "dicoms"))
        process = subprocess.Popen([sys.executable, "-c", _LAND, source, target])
        time.sleep(rng.uniform(seconds / 2, seconds * 1.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if rng.random() < 1 / 2:
            recover(target)
            check_landed(target)
        else:
            land(source, target, listen=silent)
        for name in folders:
            here = hash_tree(target / "dicoms" / name)
            known = [{k.partition("/")[2]: v for k, v in s.items() if k.startswith(f"{name}/")} for s in states]
            assert here in known
    land(source, target, listen=silent)
    assert hash_tree(target / "dicoms") == states[-1]
    assert not staging(target).exists()
    now: dict[str, str] = {}
    for line in (entry for entry in Ledger(target).entries if not entry.folder.startswith("links/")):
        assert line.old == now.get(line.folder, ""), "a version without a line, or with two"
        now[line.folder] = line.new
