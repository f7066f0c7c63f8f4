"""Fixtures: the real data set, a small clean phantom, and a raw folder made of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from cmrpipe.phantom import write_phantom
from cmrpipe.progress import silent
from tests.commands import workspace

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


STANDING = "tests/flows/deployed/"
"""Tests of the standing server; one process has all of them, and the only server."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The flows' files, which take longest, go first: at the end no process is left alone with one of them."""
    folders = (STANDING, "tests/flows/")
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in folders])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadfile`, which gives a file to one process, and all of `STANDING`, too."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return STANDING if nodeid.startswith(STANDING) else str(super()._split_scope(nodeid))

    return Scheduling(config, log)


def missing(what: str, mend: str) -> None:
    """Skip where something is not installed or not there; fail in CI, where it must be."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing in CI: {mend}")
    pytest.skip(f"{what} is missing: {mend}")


def copied(source: Path, target: Path) -> Path:
    """A copy that a test may change, of files that it may only read; `shutil.copytree` would copy that, too."""
    for path in source.rglob("*"):
        if path.is_file():
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
    return target


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with `final_data` and `more_patients`."""
    if not (SHARED_DATA / "final_data").is_dir():
        missing("the real data set", "put it into ../shared/data")
    return SHARED_DATA


@pytest.fixture(scope="session")
def final_data(shared_data: Path) -> Path:
    """5 real patients."""
    return shared_data / "final_data"


@pytest.fixture(scope="session")
def small_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 phantom patients, few and small slices; read only."""
    folder = tmp_path_factory.mktemp("phantom") / "source"
    write_phantom(folder, 3, 5, slices=4, frames=10, rows=64, columns=72, listen=silent)
    return folder


@pytest.fixture
def raw(small_phantom: Path, tmp_path: Path) -> Path:
    """A copy of the small phantom that a test may change."""
    shutil.copytree(small_phantom, tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture
def edit() -> Callable[[Path, bytes], None]:
    """Overwrite a file with other bytes, modification time included."""

    def write(path: Path, data: bytes) -> None:
        stat = path.stat()
        path.write_bytes(data)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))

    return write


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A source with the patients A and B, a file each, which nobody reads as an image."""
    for name in ("A", "B"):
        folder = tmp_path / "tiny" / "dicoms" / name
        folder.mkdir(parents=True)
        (folder / "1.dcm").write_bytes(name.encode())
    return tmp_path / "tiny"


@pytest.fixture
def bench(small_phantom: Path, tmp_path: Path) -> Path:
    """A workspace with landed patients and default parameters."""
    return workspace(tmp_path / "w", small_phantom)
