"""Per-patient incremental work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cmrpipe.errors import InputError, ManifestError
from cmrpipe.incremental.manifest import (
    pending,
    read_manifest,
    read_root,
    shard_file,
    shard_of,
    waiting_files,
)
from cmrpipe.incremental.refresh import Refresh, Unit, Written, refresh
from cmrpipe.progress import Progress, silent
from tests.snapshots import snapshot
from tests.textunits import contents, run, write_text_unit


def test_second_run_does_nothing(tmp_path: Path) -> None:
    """Unchanged units are kept, and no file is touched."""
    run(tmp_path, ["a:1", "b:1"])
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    result = run(tmp_path, ["a:1", "b:1"])
    assert (result.done, result.unchanged) == ((), ("a", "b"))
    assert times == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}


def test_only_the_changed_unit_is_redone(tmp_path: Path) -> None:
    """A changed fingerprint redoes its unit; the result is that of a fresh run."""
    run(tmp_path / "x", ["a:1", "b:1"])
    assert run(tmp_path / "x", ["a:1", "b:2"]).done == ("b",)
    run(tmp_path / "y", ["a:1", "b:2"])
    assert snapshot(tmp_path / "x") == snapshot(tmp_path / "y")


def test_gone_unit_is_removed_and_reported(tmp_path: Path) -> None:
    """The files of a unit that is no longer wanted go, and its name is told."""
    run(tmp_path, ["a:1", "b:1"])
    assert run(tmp_path, ["a:1"]).gone == ("b",)
    assert set(snapshot(tmp_path)) == {"manifest.json", shard_file(shard_of("a")), "units/a"}


def test_no_empty_folder_is_left(tmp_path: Path) -> None:
    """Where all files of a folder go, it goes, and so do those around it."""

    def write_deep(text: str, folder: Path) -> Written:
        name = f"units/{text[0]}/of/{text}"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
        return Written([name])

    for texts in (["a:1", "b:1"], ["b:1"]):
        refresh("test", tmp_path / "out", [Unit(t[0], t, t) for t in texts], write_deep, listen=silent)
    folders = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_dir()}
    assert folders == {"manifest", "units", "units/b", "units/b/of"}


def test_what_was_put_beside_the_output_goes(tmp_path: Path) -> None:
    """Also where nothing else is to be done: the folder holds what its manifest lists, and what its caller keeps."""
    units = [Unit("a", "a:1", "a:1")]
    refresh("test", tmp_path, units, write_text_unit, listen=silent)
    whole = snapshot(tmp_path)
    for name in ("units/b", "page.html"):
        (tmp_path / name).write_text("x")
    assert refresh("test", tmp_path, units, write_text_unit, listen=silent, beside=["page.html"]).unchanged == ("a",)
    assert snapshot(tmp_path) == {**whole, "page.html": b"x"}


@pytest.mark.parametrize("harm", ["flip", "delete", "truncate"])
def test_altered_output_is_made_again(tmp_path: Path, harm: str) -> None:
    """A kept file whose bytes are not those recorded is made again, size and time notwithstanding."""
    run(tmp_path, ["a:1", "b:1"])
    whole = snapshot(tmp_path)
    path = tmp_path / "units" / "a"
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(b"a:2" if harm == "flip" else b"a")
    result = run(tmp_path, ["a:1", "b:1"])
    assert (result.done, result.repaired) == (("a",), ("a",))
    assert snapshot(tmp_path) == whole


def write_known_later(text: str, folder: Path) -> Written:
    """Work that tells what it read."""
    return replace(write_text_unit(text, folder), fingerprint=f"read {text}")


def test_a_fingerprint_that_the_work_tells_is_what_counts_next_time(tmp_path: Path) -> None:
    """An empty one does the work; the one that it tells keeps it, and the one that was asked for does not."""
    folder = tmp_path / "out"
    for asked, done in (("", ("a",)), ("read a:1", ()), ("guess", ("a",)), ("read a:1", ()), ("", ("a",))):
        assert refresh("test", folder, [Unit("a", asked, "a:1")], write_known_later, listen=silent).done == done
        assert read_manifest(folder)["a"]["fingerprint"] == "read a:1"


def test_failure_leaves_the_old_output_and_keeps_finished_units(tmp_path: Path) -> None:
    """When a unit fails the folder is as it was; the next run takes over what was finished."""
    folder = tmp_path / "out"
    run(folder, ["a:0"])
    before = snapshot(folder)
    units = [Unit("a", "a:1", "a:1"), Unit("b", "b:1", "b:1"), Unit("z", "z", "boom")]
    with pytest.raises(RuntimeError, match="boom"):
        refresh("test", folder, units, write_text_unit, listen=silent)
    assert snapshot(folder) == before
    told: list[Progress] = []
    texts = ["a:1", "b:1", "z:1"]
    result = refresh("test", folder, [Unit(t[0], t, t) for t in texts], write_text_unit, listen=told.append)
    assert [p.unit for p in told] == ["z"]
    assert result.done == ("a", "b", "z")
    run(tmp_path / "fresh", texts)
    assert snapshot(folder) == snapshot(tmp_path / "fresh")
    assert not pending(folder).exists()


@pytest.mark.parametrize("harm", ["other version", "altered"])
def test_finished_unit_is_taken_over_only_when_it_is_what_is_wanted(tmp_path: Path, harm: str) -> None:
    """What waits of a run that failed is made again when its inputs changed since, or its bytes."""
    folder = tmp_path / "out"
    with pytest.raises(RuntimeError, match="boom"):
        refresh("test", folder, [Unit("a", "a:1", "a:1"), Unit("z", "z", "boom")], write_text_unit, listen=silent)
    if harm == "altered":
        (waiting_files(folder) / "units" / "a").write_text("a:9")
    wanted = "a:2" if harm == "other version" else "a:1"
    told: list[Progress] = []
    refresh("test", folder, [Unit("a", wanted, wanted)], write_text_unit, listen=told.append)
    assert [p.unit for p in told] == ["a"]
    assert (folder / "units" / "a").read_text() == wanted


@pytest.mark.parametrize("other", ["b:1", "b:2"])
def test_what_a_failed_run_has_finished_takes_no_kept_units_place(tmp_path: Path, other: str) -> None:
    """Where the sources are what they were before it again, whether or not something else is taken over."""
    folder = tmp_path / "out"
    run(folder, ["a:1", "b:1"])
    units = [Unit("a", "a:2", "a:2"), Unit("b", "b:2", "b:2"), Unit("z", "z", "boom")]
    with pytest.raises(RuntimeError, match="boom"):
        refresh("test", folder, units, write_text_unit, listen=silent)
    result = run(folder, ["a:1", other])
    assert result.unchanged == (("a", "b") if other == "b:1" else ("a",))
    assert contents(folder) == {"a": "a:1", "b": other}


def test_the_last_unit_sees_what_all_others_report(tmp_path: Path) -> None:
    """Those that were kept, taken over and made, by key; it is made anew when they change, and mended alone."""
    folder = tmp_path / "out"
    seen: list[list[str]] = []

    def index(reports: Mapping[str, Any]) -> Unit[str]:
        seen.append(list(reports))
        text = f"index:{sum(report['length'] for report in reports.values())}"
        return Unit("index", text, text)

    def made(*texts: str) -> Refresh:
        units = [Unit(text.split(":")[0], text, text) for text in texts]
        return refresh("test", folder, units, write_text_unit, listen=silent, last=index)

    assert made("c:1").done == ("c", "index")
    failing = [Unit("c", "c:1", "c:1"), Unit("b", "b:1", "b:1"), Unit("z", "z", "boom")]
    with pytest.raises(RuntimeError, match="boom"):
        refresh("test", folder, failing, write_text_unit, listen=silent)
    result = made("c:1", "b:1", "a:1")
    assert seen == [["c"], ["a", "b", "c"]]
    assert (result.done, result.unchanged) == (("b", "a", "index"), ("c",))
    assert (folder / "units" / "index").read_text() == "index:9"
    result = made("c:1", "b:1", "a:1")
    assert (result.done, result.unchanged) == ((), ("c", "b", "a", "index"))
    (folder / "units" / "index").write_text("index:8")
    result = made("c:1", "b:1", "a:1")
    assert (result.done, result.repaired) == (("index",), ("index",))


@pytest.mark.parametrize(
    ("was", "now"), [('"files"', '"filez"'), ('"info"', '"infn"'), ('"length": 3', '"length": 7'), ("{", "[")]
)
def test_an_altered_note_of_a_finished_unit_is_no_note(tmp_path: Path, was: str, now: str) -> None:
    """Of what it wrote or reports, a bit may be another by the next run: the unit is made again."""
    folder = tmp_path / "out"
    with pytest.raises(RuntimeError, match="boom"):
        refresh("test", folder, [Unit("a", "a:1", "a:1"), Unit("z", "z", "boom")], write_text_unit, listen=silent)
    (note,) = (pending(folder) / "units").iterdir()
    altered = note.read_text().replace(was, now)
    assert altered != note.read_text()
    note.write_text(altered)
    told: list[Progress] = []
    result = refresh("test", folder, [Unit("a", "a:1", "a:1")], write_text_unit, listen=told.append)
    assert [p.unit for p in told] == ["a"]
    assert result.info == run(tmp_path / "fresh", ["a:1"]).info
    assert read_manifest(folder) == read_manifest(tmp_path / "fresh")


@pytest.mark.parametrize("name", ["manifest.json", shard_file(shard_of("a"))])
def test_any_flipped_bit_of_the_manifest_is_found(tmp_path: Path, name: str) -> None:
    """A manifest with one bit flipped is refused by readers or reads the same; a writer makes anew what it lost."""
    folder = tmp_path / "out"
    run(folder, ["a:1", "b:1"])
    whole, seen = (folder / name).read_bytes(), (read_root(folder), read_manifest(folder))
    for bit in range(0, 8 * len(whole), 5):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        (folder / name).write_bytes(data)
        with suppress(ManifestError):
            assert (read_root(folder), read_manifest(folder)) == seen
    run(folder, ["a:1", "b:1"])
    assert (folder / name).read_bytes() == whole


def test_one_patient_more_rewrites_one_piece_of_the_manifest(tmp_path: Path) -> None:
    """Of 200 units' manifest, only the piece that the new one is in is written, and the root."""
    texts = [f"u{i}:1" for i in range(200)]
    run(tmp_path / "out", texts)
    before = snapshot(tmp_path / "out")
    run(tmp_path / "out", [*texts, "new:1"])
    after = snapshot(tmp_path / "out")
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"units/new", shard_file(shard_of("new")), "manifest.json"}


def test_processes_give_the_same_bytes(tmp_path: Path) -> None:
    """One process or two: the same files, the same manifest."""
    texts = [f"{name}:1" for name in "abcdef"]
    run(tmp_path / "one", texts, workers=1)
    run(tmp_path / "two", texts, workers=2)
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


@pytest.mark.parametrize("text", ["{", "[]", "7", "null", "{}"])
def test_damaged_manifest_costs_a_new_start_only(tmp_path: Path, text: str) -> None:
    """A manifest that is not JSON, or none of ours, is not trusted: all units are made again."""
    run(tmp_path, ["a:1"])
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        read_manifest(tmp_path)
    assert run(tmp_path, ["a:1"]).done == ("a",)


@pytest.mark.parametrize("name", ["notes.txt", "sub/page.html", "manifest.json", ".git/HEAD"])
def test_what_no_stage_wrote_is_never_removed(tmp_path: Path, name: str) -> None:
    """A folder with files of somebody's own is refused, and stays as it is, also with a manifest.json of its own."""
    folder = tmp_path / "home"
    for stranger in (name, "photo.jpg"):
        (folder / stranger).parent.mkdir(parents=True, exist_ok=True)
        (folder / stranger).write_text('{"name": "a web page"}')
    before = snapshot(folder)
    with pytest.raises(InputError, match=r"home: holds files that `cmrpipe test` did not write .* with --out"):
        run(folder, ["a:1"])
    assert snapshot(folder) == before


def test_another_stage_s_output_is_refused(tmp_path: Path) -> None:
    """A folder that one stage filled is not emptied by another."""
    run(tmp_path / "out", ["a:1"])
    before = snapshot(tmp_path / "out")
    with pytest.raises(InputError, match="is the output of `cmrpipe test`"):
        refresh("other", tmp_path / "out", [Unit("b", "b", "b:1")], write_text_unit, listen=silent)
    assert snapshot(tmp_path / "out") == before


@pytest.mark.parametrize("lost", ["manifest.json", "manifest", "all of an earlier layout"])
def test_our_own_folder_with_a_part_of_its_manifest_lost_is_filled_again(tmp_path: Path, lost: str) -> None:
    """What is left of a manifest says whose folder it is."""
    folder = tmp_path / "out"
    run(folder, ["a:1"])
    whole = snapshot(folder)
    if lost == "manifest.json":
        (folder / lost).unlink()
    else:
        shutil.rmtree(folder / "manifest")
    if lost.endswith("layout"):
        (folder / "manifest.json").write_text(json.dumps({"schema": 1, "stage": "test", "units": {}}))
    assert run(folder, ["a:1"]).done == ("a",)
    assert snapshot(folder) == whole


def test_progress_counts_what_is_done(tmp_path: Path) -> None:
    """Each unit that is done is told once, with the total of those to do."""
    told: list[Progress] = []
    units = [Unit(key, key, f"{key}:1") for key in "abc"]
    refresh("test", tmp_path, units, write_text_unit, listen=told.append)
    assert [(p.unit, p.done, p.total) for p in told] == [("a", 1, 3), ("b", 2, 3), ("c", 3, 3)]
