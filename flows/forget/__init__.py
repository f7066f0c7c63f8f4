"""Right to erasure: a patient leaves raw data, outputs, DVC's cache and a remote, and does not come back."""
