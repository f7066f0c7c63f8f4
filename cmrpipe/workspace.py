"""Where everything lies in a workspace: the folder that holds dvc.yaml and params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of a workspace, as `dvc.yaml` has them."""

    root: Path

    @property
    def params(self) -> Path:
        """Parameters of all stages."""
        return self.root / "params.yaml"

    @property
    def raw(self) -> Path:
        """Landed patients, versioned by DVC."""
        return self.root / "data" / "raw"

    @property
    def forgotten(self) -> Path:
        """Who must not land again, as salted hashes; git keeps it."""
        return self.root / "forgotten.csv"

    @property
    def catalog(self) -> Path:
        """Output of ingest."""
        return self.root / "data" / "catalog"

    @property
    def findings(self) -> Path:
        """Output of validate."""
        return self.root / "data" / "findings"

    @property
    def tables(self) -> Path:
        """What validate found as whole tables, for people; made from `findings`, so that DVC need not keep it."""
        return self.root / "data" / "tables"

    @property
    def quarantine(self) -> Path:
        """What the store leaves out; edited by people."""
        return self.root / "quarantine.csv"

    @property
    def pathology(self) -> Path:
        """Table of the patients' pathology, for the split; edited by people."""
        return self.root / "pathology.csv"

    @property
    def overlays(self) -> Path:
        """Output of overlay."""
        return self.root / "data" / "overlays"

    @property
    def store(self) -> Path:
        """Output of store."""
        return self.root / "data" / "store"

    @property
    def model(self) -> Path:
        """Output of train."""
        return self.root / "data" / "model"

    @property
    def evaluation(self) -> Path:
        """Output of evaluate."""
        return self.root / "data" / "evaluation"

    @property
    def report(self) -> Path:
        """Output of report."""
        return self.root / "data" / "report"

    @property
    def crossvalidation(self) -> Path:
        """Output of crossvalidate, which is no stage."""
        return self.root / "data" / "crossvalidation"

    @property
    def suspects(self) -> Path:
        """Output of suspects, which is no stage."""
        return self.root / "data" / "suspects"

    @property
    def state(self) -> Path:
        """What was seen where on this machine; may be lost at any time."""
        return self.root / ".cmrpipe"
