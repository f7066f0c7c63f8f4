"""SIGKILL at random moments of a rebuild of damaged files."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter

from drill.corruption import PER_ROUND, plant
from drill.kill import killed
from drill.warm import start
from drill.yard import Yard


def kill_rebuild(yard: Yard, times: int, seed: int, *, tell: bool = True) -> Counter[str]:
    """SIGKILL `rebuild` at random moments: no damaged patient is read then, and the next one brings all back.

    Returns
    -------
    counts of "late" (it had ended already), "wrong" (a damaged patient was read), "different" (not whole in the end)
    """
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    plant(yard, PER_ROUND, rng)
    begun = time.monotonic()
    yard.cmrpipe("rebuild", "--remote", codes=(0, 1))
    seconds = time.monotonic() - begun
    for number in range(1, times + 1):
        plant(yard, PER_ROUND, rng)
        process = start(("rebuild", "--remote"), cwd=yard.space, environment=yard.environment())
        counts["late"] += not killed(process, rng.uniform(0, seconds))
        seen = yard.loader()
        counts["wrong"] += any(yard.arrays[patient] != content for patient, content in seen.items())
        yard.cmrpipe("rebuild", "--remote", codes=(0, 1))
        counts["different"] += yard.look() != yard.whole
        if tell:
            sys.stderr.write(f"  rebuild ({yard.store_format}): kill {number} of {times}, {dict(counts)}\n")
    return counts
