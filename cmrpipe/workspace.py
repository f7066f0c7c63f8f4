"""Where everything lies in a workspace, and what makes a folder one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cmrpipe.errors import CmrpipeError

MARKS = (".dvc", "flows")
"""Folders that make one a workspace. Where dvc.yaml is missing beside them, that is damage, and told as such."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of a workspace, as `dvc.yaml` has them."""

    root: Path

    @property
    def lacking(self) -> tuple[str, ...]:
        """Those of `MARKS` that are not there; a workspace lacks none, and all that writes to one goes through DVC."""
        return tuple(mark for mark in MARKS if not (self.root / mark).is_dir())

    def check(self, mend: str = "Run this in your checkout, or name it with --workspace") -> None:
        """Refuse a folder that is no workspace.

        Raises
        ------
        CmrpipeError : it lacks one of `MARKS`
        """
        if self.lacking:
            cause = f"is no cmrpipe workspace (it has no {' and '.join(self.lacking)})"
            raise CmrpipeError(self.root.absolute(), cause, mend)

    @property
    def pipeline(self) -> Path:
        """The stages, for DVC."""
        return self.root / "dvc.yaml"

    @property
    def lock(self) -> Path:
        """What DVC has recorded of the stages."""
        return self.root / "dvc.lock"

    @property
    def params(self) -> Path:
        """Parameters of all stages."""
        return self.root / "params.yaml"

    @property
    def data(self) -> Path:
        """All that came in and all that was made of it."""
        return self.root / "data"

    @property
    def raw(self) -> Path:
        """Landed patients, versioned by DVC."""
        return self.data / "raw"

    @property
    def phantom(self) -> Path:
        """The synthetic source that lands where no other is given."""
        return self.data / "phantom"

    @property
    def forgotten(self) -> Path:
        """Who must not land again, as salted hashes; git keeps it."""
        return self.root / "forgotten.csv"

    @property
    def catalog(self) -> Path:
        """Output of ingest."""
        return self.data / "catalog"

    @property
    def findings(self) -> Path:
        """Output of validate."""
        return self.data / "findings"

    @property
    def tables(self) -> Path:
        """What validate found as whole tables, for people; made from `findings`, so that DVC need not keep it."""
        return self.data / "tables"

    @property
    def quarantine(self) -> Path:
        """What the store leaves out; edited by people."""
        return self.root / "quarantine.csv"

    @property
    def pathology(self) -> Path:
        """Table of the patients' pathology and visits of one person, for the split; edited by people."""
        return self.root / "pathology.csv"

    @property
    def overlays(self) -> Path:
        """Output of overlay."""
        return self.data / "overlays"

    @property
    def store(self) -> Path:
        """Output of store."""
        return self.data / "store"

    @property
    def model(self) -> Path:
        """Output of train."""
        return self.data / "model"

    @property
    def models(self) -> Path:
        """Every model that was judged, versioned by DVC."""
        return self.data / "models"

    @property
    def evaluation(self) -> Path:
        """Output of evaluate."""
        return self.data / "evaluation"

    @property
    def report(self) -> Path:
        """Output of report."""
        return self.data / "report"

    @property
    def crossvalidation(self) -> Path:
        """Output of crossvalidate, which is no stage."""
        return self.data / "crossvalidation"

    @property
    def suspects(self) -> Path:
        """Output of suspects, which is no stage."""
        return self.data / "suspects"

    @property
    def state(self) -> Path:
        """What was seen where on this machine; may be lost at any time."""
        return self.root / ".cmrpipe"


HERE = Workspace(Path())
"""The workspace that is the current folder; its paths are those that DVC and git know, relative to any workspace."""
