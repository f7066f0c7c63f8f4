"""A clone of a workspace in which a source has landed: tests of the raw folder's record; DVC in this process."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

from flows.dvc import DvcError
from flows.rollback import records_kept, written_by
from flows.steps import land_step
from flows.told import Arrived, Said, Told

CONTOUR = "contourfiles/A/1.txt"


class Clone:
    """A workspace, its source, and what landing told; DVC runs in this process."""

    def __init__(self, root: Path, source: Path) -> None:
        self.root, self.source = root, source
        self.raw, self.record = root / "data" / "raw", root / "data" / "raw.dvc"
        self.told: list[str] = []
        self.counts: Mapping[str, Any] = {}

    def tell(self, _: str, told: Told) -> None:
        """Keep messages and counts."""
        if isinstance(told, Said):
            self.told.append(told.message)
        elif isinstance(told, Arrived):
            self.counts = told.counts

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
