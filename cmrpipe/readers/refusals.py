"""What the system refuses to read: one file's or one patient's trouble, as long as the folder of all patients is there.

A share that is gone must not look like patients who were removed, or like files that are damaged: it stops the run.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from cmrpipe.errors import InputError, SizeError

_SEE = "see its permissions and its disk"
_NOT_ITS_OWN = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What is gone since it was listed (somebody moves things, or takes a disk away), and what we have too little of."""


def own_trouble(error: OSError, place: Path, shared: Path) -> str:
    """Why a file or a folder cannot be read, in words.

    Parameters
    ----------
    place : the file or folder
    shared : the folder in which all patients' folders lie

    Raises
    ------
    InputError : it is not the trouble of this file or folder alone
    """
    if isinstance(error, SizeError):
        return error.cause
    try:
        if error.errno in _NOT_ITS_OWN:
            raise error
        with os.scandir(shared) as scan:
            next(scan, None)
    except OSError as wider:
        where = place if wider is error else shared
        raise InputError(where, f"cannot be read ({wider.strerror})", "Check the disk and its permissions") from error
    return f"it cannot be read ({error.strerror}; {_SEE})"


def names_its_mend(why: str) -> bool:
    """Whether a cause, as `own_trouble` gives it, is the system's refusal, and says what to see to."""
    return _SEE in why
