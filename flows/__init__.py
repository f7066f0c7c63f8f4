"""Prefect flows and DVC around the stages. DVC decides what must run and records it; Prefect supervises and shows."""
