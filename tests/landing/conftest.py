"""Two sites that land in one raw folder."""

from pathlib import Path

import pytest

from tests.landing.sites import Sites


@pytest.fixture
def sites(tmp_path: Path, small_phantom: Path) -> Sites:
    """Nothing has landed."""
    return Sites(tmp_path, small_phantom)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A source with the patients A and B, a file each, which nobody reads as an image."""
    for name in ("A", "B"):
        folder = tmp_path / "tiny" / "dicoms" / name
        folder.mkdir(parents=True)
        (folder / "1.dcm").write_bytes(name.encode())
    return tmp_path / "tiny"
