"""Drills: harm done on purpose, and the count of what was noticed and mended. `make drill`."""
