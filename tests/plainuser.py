"""The command as somebody whom permissions bind, whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import missing

_BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root without the rights to pass over permissions."""


def cmrpipe(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `cmrpipe`."""
    bound: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which(_BOUND[0]) is None:
            missing("setpriv", "apt-get install util-linux")
        bound = _BOUND
    command = [*bound, sys.executable, "-m", "cmrpipe", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)
