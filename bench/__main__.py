"""`python -m bench`: every benchmark of this folder, one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SKIP = {"__main__.py", "harness.py", "networks.py", "scale.py"}  # the last two take a quarter of an hour

for script in sorted(HERE.glob("*.py")):
    if script.name not in SKIP:
        print(f"\n== bench/{script.name}", flush=True)
        subprocess.run([sys.executable, str(script)], check=True)
