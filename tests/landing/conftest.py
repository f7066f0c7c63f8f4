"""Two sites that land in one raw folder."""

from pathlib import Path

import pytest

from tests.landing.sites import Sites


@pytest.fixture
def sites(tmp_path: Path, small_phantom: Path) -> Sites:
    """Nothing has landed."""
    return Sites(tmp_path, small_phantom)


@pytest.fixture
def real(raw: Path) -> Path:
    """The phantom dressed as a real source: without the mark that it is one."""
    (raw / "phantom.json").unlink()
    return raw
