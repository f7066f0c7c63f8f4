"""Per-patient incremental work."""

from pathlib import Path

import pytest

from cmrpipe.incremental import Refresh, Unit, Written, read_manifest, refresh
from cmrpipe.progress import Progress, silent


def write_text_unit(text: str, folder: Path) -> Written:
    """A unit's work: writes a file with `text`; "boom" fails."""
    if text == "boom":
        raise RuntimeError("boom")
    name = f"units/{text.split(':', maxsplit=1)[0]}"
    (folder / "units").mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return Written([name], {"length": len(text)})


def run(folder: Path, texts: list[str], workers: int = 1) -> Refresh:
    """Refresh with a unit a text; the part before the colon is its key, the whole its fingerprint."""
    units = [Unit(text.split(":")[0], text, text) for text in texts]
    return refresh("test", folder, units, write_text_unit, listen=silent, workers=workers)


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


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
    assert set(snapshot(tmp_path)) == {"manifest.json", "units/a"}


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


def test_failure_keeps_finished_units(tmp_path: Path) -> None:
    """When a unit fails, those that were finished are not done again."""
    with pytest.raises(RuntimeError, match="boom"):
        refresh("test", tmp_path, [Unit("a", "a:1", "a:1"), Unit("z", "z", "boom")], write_text_unit, listen=silent)
    assert set(read_manifest(tmp_path)) == {"a"}
    assert run(tmp_path, ["a:1", "z:1"]).done == ("z",)


def test_processes_give_the_same_bytes(tmp_path: Path) -> None:
    """One process or two: the same files, the same manifest."""
    texts = [f"{name}:1" for name in "abcdef"]
    run(tmp_path / "one", texts, workers=1)
    run(tmp_path / "two", texts, workers=2)
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


def test_damaged_manifest_costs_a_new_start_only(tmp_path: Path) -> None:
    """A manifest that is not JSON is not trusted: all units are made again."""
    run(tmp_path, ["a:1"])
    (tmp_path / "manifest.json").write_text("{")
    assert run(tmp_path, ["a:1"]).done == ("a",)


def test_progress_counts_what_is_done(tmp_path: Path) -> None:
    """Each unit that is done is told once, with the total of those to do."""
    told: list[Progress] = []
    units = [Unit(key, key, f"{key}:1") for key in "abc"]
    refresh("test", tmp_path, units, write_text_unit, listen=told.append)
    assert [(p.unit, p.done, p.total) for p in told] == [("a", 1, 3), ("b", 2, 3), ("c", 3, 3)]
