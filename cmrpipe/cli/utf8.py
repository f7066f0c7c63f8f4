"""Names of files are UTF-8, whatever the locale: they stand in results, whose bytes no environment decides."""

from __future__ import annotations

import os
import sys

_MODE = "PYTHONUTF8"


def in_utf8() -> None:
    """Start this command anew, in Python's UTF-8 mode, where the locale would have names read otherwise."""
    if sys.getfilesystemencoding() == "utf-8" or os.environ.get(_MODE) == "1":  # -X utf8=0 stands above the mode
        return
    os.environ[_MODE] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 our own interpreter
