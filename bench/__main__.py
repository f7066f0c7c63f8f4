"""`python -m bench`: every benchmark of this folder that needs no model, one after the other.

Ends with exit code 1 where one of them failed, or missed an aim that it names. For options run one by itself:
`python bench/<name>.py --help`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SKIP = {
    "__main__.py",
    "harness.py",
    "mistakes.py",
    "networks.py",  # takes a quarter of an hour, as does the next
    "scale.py",
    "errors.py",  # needs a cross-validation, as does the next
    "study.py",
}

argparse.ArgumentParser(prog="python -m bench", description=__doc__).parse_args()
missed = []
for script in sorted(HERE.glob("*.py")):
    if script.name not in SKIP:
        print(f"\n== bench/{script.name}", flush=True)
        if subprocess.run([sys.executable, str(script)], check=False).returncode:
            missed.append(script.name)
if missed:
    sys.exit(f"\nfailed, or missed an aim: {', '.join(missed)}")
