"""What cannot be read at the source is told by name, and stops nobody else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cmrpipe.landing import check_landed, staging
from cmrpipe.readers.layouts import contour_folders, patient_folders
from tests.plainuser import cmrpipe


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """Parameters of a source that need not hold still."""
    (tmp_path / "params.yaml").write_text("source: {settle_s: 0}\n")
    return tmp_path / "params.yaml"


@pytest.mark.parametrize("closed", ["dicoms/{}/3.dcm", "dicoms/{}"])
def test_a_file_that_cannot_be_read_stops_its_patient_only(
    raw: Path, tmp_path: Path, params: Path, closed: str
) -> None:
    """Its patient is told with the file, all others land, and the landing comes to its end; later it lands, too.

    The source lies beside the raw folder: whose fault it is does not hang on the place.
    """
    (raw / "phantom.json").unlink()
    source, target = tmp_path / "data" / "inbox", tmp_path / "data" / "raw"
    shutil.copytree(raw, source)
    victim, *others = patient_folders(source)
    path = source / closed.format(victim)
    mode = path.stat().st_mode
    path.chmod(0)
    done = cmrpipe("land", source, "--raw", target, "--params", params)
    path.chmod(mode)
    assert done.returncode == 1, done.stderr
    assert f"dicoms/{victim} not landed" in done.stderr
    assert str(path) in done.stderr
    assert "cannot be written" not in done.stderr
    assert patient_folders(target) == others
    assert contour_folders(target) == contour_folders(source)
    check_landed(target)
    assert not staging(target).exists()
    assert cmrpipe("land", source, "--raw", target, "--params", params).returncode == 0
    assert victim in patient_folders(target)


@pytest.mark.parametrize("name", ["dicoms/{}", "dicoms/{}.zip", "contourfiles/other"])
def test_a_link_to_where_we_may_not_look_stops_nobody_else(raw: Path, tmp_path: Path, params: Path, name: str) -> None:
    """It is told by name, as a folder that is closed itself is."""
    (raw / "phantom.json").unlink()
    victim, *others = patient_folders(raw)
    path, place = raw / name.format(victim), tmp_path / "closed"
    place.mkdir()
    if name.startswith("dicoms"):
        (raw / "dicoms" / victim).rename(place / victim)
    path.symlink_to(place / victim)
    place.chmod(0)
    done = cmrpipe("land", raw, "--raw", tmp_path / "data" / "raw", "--params", params)
    place.chmod(0o755)
    assert done.returncode == 1, done.stderr
    told = [line for line in done.stderr.splitlines() if " not landed: " in line and "Permission denied" in line]
    assert [line.partition(" ")[0] for line in told] == [name.format(victim).removesuffix(".zip")]
    landed = patient_folders(tmp_path / "data" / "raw")
    assert landed == (others if name.startswith("dicoms") else [victim, *others])


def test_a_raw_folder_that_cannot_be_written_is_told_as_such(raw: Path, tmp_path: Path, params: Path) -> None:
    """The other side of the copy: nothing can land, and the raw folder is what is named."""
    (raw / "phantom.json").unlink()
    target = tmp_path / "data" / "raw"
    assert cmrpipe("land", raw, "--raw", target, "--params", params).returncode == 0
    closed = staging(target) / "new"
    (closed / "dicoms").mkdir(parents=True)
    closed.chmod(0)
    next(raw.glob("dicoms/*/*.dcm")).unlink()
    done = cmrpipe("land", raw, "--raw", target, "--params", params)
    closed.chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
