"""Commands that permissions bind, whoever runs the tests."""

from __future__ import annotations

import os
import shutil

from tests.conftest import missing


def bound() -> list[str]:
    """What to put before a command so that it may read and write no more than anybody; root may everything."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        missing("setpriv", "install util-linux, or do not run the tests as root")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
