"""Archives in place of folders: the same bytes for the same files, and never other bytes than those packed."""

import os
import random
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from cmrpipe.errors import ArchiveError
from cmrpipe.readers.archives import MEMBER_BYTES, RATIO, each, members, pack, read_member
from cmrpipe.readers.layouts import list_files, read_file

NAMES = st.lists(
    st.text(st.characters(min_codepoint=48, max_codepoint=0x24F, categories=("L", "N")), min_size=1, max_size=12),
    min_size=1,
    max_size=3,
).map("/".join)
FILES = st.dictionaries(NAMES, st.binary(max_size=300), max_size=8).filter(
    lambda files: not any(name.startswith(f"{other}/") for name in files for other in files)
)


def write(folder: Path, files: dict[str, bytes], seed: int) -> None:
    """Write files in an order and with times of their own."""
    folder.mkdir(parents=True)
    for name in random.Random(seed).sample(sorted(files), len(files)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
        os.utime(path, (seed, 1_000_000 + seed))


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A small archive."""
    write(tmp_path / "X", {f"{n}.dcm": bytes(range(40 + n)) for n in range(6)} | {"sub/a.txt": b"1 2\n" * 20}, 1)
    pack(tmp_path / "X", tmp_path / "X.zip")
    return tmp_path / "X.zip"


@given(FILES, st.integers(0, 99))
@effort(max_examples=60)
def test_the_same_files_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], seed: int
) -> None:
    """Whatever the order they were written in, their times and their place; and they come out as they went in."""
    archives = []
    for number in (seed, seed + 1):
        base = tmp_path_factory.mktemp("pack")
        write(base / "in", files, number)
        pack(base / "in", base / "out.zip")
        archives.append(base / "out.zip")
    assert archives[0].read_bytes() == archives[1].read_bytes()
    assert dict(each(archives[0])) == files
    assert [member.size for member in members(archives[0]).values()] == [len(files[name]) for name in sorted(files)]
    with zipfile.ZipFile(archives[0]) as other:
        assert {name: other.read(name) for name in other.namelist()} == files


def content(archive: Path) -> dict[str, bytes] | None:
    """All files of an archive, None where it is refused."""
    try:
        return dict(each(archive))
    except ArchiveError:
        return None


def test_a_flipped_bit_is_an_error_or_changes_nothing(packed: Path) -> None:
    """Wherever in the archive it is: what is read is what was packed, or nothing is."""
    whole, right = packed.read_bytes(), dict(each(packed))
    refused = 0
    for position in range(len(whole)):
        data = bytearray(whole)
        data[position] ^= 1 << position % 8
        packed.write_bytes(data)
        found = content(packed)
        assert found in (None, right), f"byte {position}"
        refused += found is None
    assert refused > len(whole) / 2


@given(st.data())
@effort(max_examples=200)
def test_harm_of_any_kind_is_an_error_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut short, zeros, pieces repeated or exchanged: never other files or other bytes."""
    base = tmp_path_factory.mktemp("harm")
    write(base / "in", {f"{n}.dcm": bytes(range(40 + n)) for n in range(6)}, 1)
    pack(base / "in", base / "x.zip")
    whole, right = (base / "x.zip").read_bytes(), dict(each(base / "x.zip"))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    harm = data.draw(st.sampled_from(("cut", "drop", "zero", "repeat", "noise")))
    middle = {
        "cut": b"",
        "drop": b"",
        "zero": bytes(end - start),
        "repeat": whole[start:end] * 2,
        "noise": random.Random(start).randbytes(end - start),
    }[harm]
    (base / "x.zip").write_bytes(whole[:start] + middle + (b"" if harm == "cut" else whole[end:]))
    assert content(base / "x.zip") in (None, right)


def test_a_directory_that_lost_an_entry_is_refused(packed: Path) -> None:
    """The end of the archive counts the entries; fewer are not taken for all."""
    data = packed.read_bytes()
    end = data.rfind(b"PK\5\6")
    _, _, _, count, total, size, offset, comment = struct.unpack("<4s4H2LH", data[end : end + 22])
    last = data.rfind(b"PK\1\2", 0, end)
    lost = end - last
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, total, size - lost, offset, comment)
    packed.write_bytes(data[:last] + tail)
    with pytest.raises(ArchiveError, match="as many entries"):
        members(packed)


def test_an_archive_made_elsewhere_is_read(tmp_path: Path) -> None:
    """Deflated, with folders, a comment, and sizes behind the data, as streams are packed."""
    files = {"case/1.dcm": b"abc" * 50, "case/2.dcm": random.Random(1).randbytes(500), "notes.txt": b""}
    with (tmp_path / "X.zip").open("wb") as stream:
        stream.seekable = lambda: False  # type: ignore[method-assign]
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
            out.mkdir("case")
            for name, data in files.items():
                out.writestr(name, data)
            out.comment = b"from a biobank"
    assert dict(each(tmp_path / "X.zip")) == files


def altered(info: zipfile.ZipInfo, data: bytes, tmp_path: Path, **changes: object) -> Path:
    """An archive of one file, its entry in the directory changed after it was written."""
    with zipfile.ZipFile(tmp_path / "X.zip", "w") as out:
        out.writestr(info, data)
        for name, value in changes.items():
            setattr(out.filelist[0], name, value)
    return tmp_path / "X.zip"


@pytest.mark.parametrize(
    "name", ["../7.dcm", "/etc/7.dcm", "a/../../7.dcm", "a\\7.dcm", "a//7.dcm", "./7.dcm", "a\n.dcm"]
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Before any file of such an archive is read."""
    archive = altered(zipfile.ZipInfo(name), b"x", tmp_path)
    with pytest.raises(ArchiveError, match="leads out of it"):
        members(archive)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"flag_bits": 1}, "encrypted"),
        ({"compress_type": zipfile.ZIP_BZIP2}, "method 12"),
        ({"external_attr": (stat.S_IFLNK | 0o777) << 16}, "link"),
        ({"file_size": MEMBER_BYTES + 1, "compress_size": MEMBER_BYTES + 1}, "more than"),
        ({"file_size": 9}, "another size"),
        ({"file_size": 9000, "compress_size": 9000}, "does not fit"),
    ],
)
def test_an_entry_that_is_a_trap_is_refused(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    """With the name of the file and the reason."""
    archive = altered(zipfile.ZipInfo("7.dcm"), b"pixels", tmp_path, **changes)
    with pytest.raises(ArchiveError, match=why) as caught:
        members(archive)
    assert "7.dcm" in str(caught.value)


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    """Nobody could tell which of the two is meant."""
    with zipfile.ZipFile(tmp_path / "X.zip", "w") as out:
        out.writestr("7.dcm", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("7.dcm", b"other")
    with pytest.raises(ArchiveError, match="two files of the name"):
        members(tmp_path / "X.zip")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """An archive that unpacks to more than RATIO times its size is not unpacked, nor one whose files overlap."""
    with zipfile.ZipFile(tmp_path / "X.zip", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("7.dcm", bytes(RATIO * 10_000))
    with pytest.raises(ArchiveError, match="would unpack to"):
        members(tmp_path / "X.zip")
    with zipfile.ZipFile(tmp_path / "Y.zip", "w") as out:
        out.writestr("7.dcm", bytes(100))
        out.writestr("8.dcm", bytes(100))
        out.filelist[1].header_offset = 0
    with pytest.raises(ArchiveError, match="does not fit"):
        members(tmp_path / "Y.zip")


def test_a_file_says_less_than_it_unpacks_to(tmp_path: Path) -> None:
    """It is not unpacked further than its size goes, and is an error."""
    with zipfile.ZipFile(tmp_path / "X.zip", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("7.dcm", bytes(5000))
        out.filelist[0].file_size = 100
    with pytest.raises(ArchiveError, match="not what it was"):
        read_member(tmp_path / "X.zip", "7.dcm")


def test_a_name_that_no_archive_can_have_is_told(tmp_path: Path) -> None:
    """When packing, with the folder and the name."""
    write(tmp_path / "X", {"a\\b": b"x"}, 1)
    with pytest.raises(ArchiveError, match=r"a\\\\b"):
        pack(tmp_path / "X", tmp_path / "X.zip")


def test_a_replaced_archive_is_read_anew(packed: Path, tmp_path: Path) -> None:
    """The directory that is kept is that of one state of the file."""
    assert read_member(packed, "3.dcm") == bytes(range(43))
    write(tmp_path / "Y", {"3.dcm": b"other"}, 1)
    pack(tmp_path / "Y", tmp_path / "Y.zip")
    (tmp_path / "Y.zip").replace(packed)
    assert read_member(packed, "3.dcm") == b"other"
    with pytest.raises(FileNotFoundError, match="No such file in the archive"):
        read_member(packed, "2.dcm")


@pytest.mark.parametrize("part", ["dicoms", "contourfiles"])
def test_real_folders_and_their_archives_are_the_same(final_data: Path, tmp_path: Path, part: str) -> None:
    """Names, sizes and bytes of five real patients, strays included."""
    for folder in sorted((final_data / part).iterdir()):
        shutil.copytree(folder, tmp_path / "in" / folder.name)
        (tmp_path / "in" / folder.name / "Thumbs.db").write_bytes(b"stray")
        (tmp_path / part).mkdir(exist_ok=True)
        pack(tmp_path / "in" / folder.name, tmp_path / part / f"{folder.name}.zip")
        unit = f"{part}/{folder.name}"
        ours, theirs = list_files(tmp_path, unit), list_files(final_data, unit)
        assert [entry[:2] for entry in ours.entries] == [entry[:2] for entry in theirs.entries]
        assert ours.stray == tuple(sorted((*theirs.stray, f"{unit}/Thumbs.db")))
        for entry in ours.entries:
            assert read_file(tmp_path, entry.path) == (final_data / entry.path).read_bytes()
