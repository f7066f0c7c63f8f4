"""What learning needs of the place that samples come from."""

from __future__ import annotations

from typing import Protocol

from cmrpipe.store import PatientData


class Source(Protocol):
    """Patients with their images and labels; `cmrpipe.store.Store` is one."""

    @property
    def patients(self) -> tuple[str, ...]:
        """Ids, sorted."""

    @property
    def fingerprint(self) -> str:
        """Changes with any byte of any patient."""

    def count(self, patient_id: str) -> int:
        """How many samples a patient has."""

    def load(self, patient_id: str) -> PatientData:
        """All samples of a patient."""
