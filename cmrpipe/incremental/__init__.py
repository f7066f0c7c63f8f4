"""Per-patient incremental work: what is unchanged is kept, what is new is committed whole."""
