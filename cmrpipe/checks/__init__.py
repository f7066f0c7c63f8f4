"""The checks: facts in, findings out. No check reads a file, and none mends anything."""
