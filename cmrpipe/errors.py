"""The error tree.

CmrpipeError                     root: everything the user can mend
├── InputError (ValueError)      a file or folder that cannot be used
│   ├── LayoutError              the folder is not in the expected layout
│   ├── DicomError               a DICOM file that cannot be read
│   ├── ArchiveError             a zip archive of a patient's files that is damaged
│   ├── StaleError               a raw file that is not the one that the catalog describes
│   ├── LinkError                a link table that cannot be read
│   ├── ManifestError            a stage's manifest that is not what the stage wrote
│   └── NewerError               what a newer cmrpipe wrote
├── SizeError (OSError)          a file that is larger than any that is read
├── ParamsError (ValueError)     params.yaml or a command-line value
├── StoreError (OSError)         a store that is missing, altered or of another schema
├── LandingError (RuntimeError)  a landing that was cut short, or would mix what must not be mixed
├── BusyError (TimeoutError)     somebody else holds the write lock
├── ExecutorError (ValueError)   workers that do not exist, cannot be started, or die
├── SourceError (OSError)        a source of patients that cannot be reached or refuses us
└── DiskError (OSError)          a disk that is full, or that does not let us write

Every message carries three things: the file (or value), the cause, and the mend.
"""

from __future__ import annotations

from pathlib import Path


class CmrpipeError(Exception):
    """Root of all errors that cmrpipe raises on purpose.

    Parameters
    ----------
    where : file, folder or value the error is about
    cause : what is wrong with it
    mend : what the user can do
    """

    def __init__(self, where: str | Path, cause: str, mend: str) -> None:
        super().__init__(f"{where}: {cause}. {mend}")
        self.where = str(where)
        self.cause = cause
        self.mend = mend

    def __reduce__(self) -> tuple[type[CmrpipeError], tuple[str, str, str]]:
        """Pickle by the three parts, so that the error survives a process pool."""
        return type(self), (self.where, self.cause, self.mend)


class InputError(CmrpipeError, ValueError):
    """A file or folder that cannot be used."""


class LayoutError(InputError):
    """A folder that is not in the expected layout."""


class DicomError(InputError):
    """A DICOM file that cannot be read."""


class ArchiveError(InputError):
    """A zip archive of a patient's files that is damaged, or nothing that may be read."""


class StaleError(InputError):
    """A raw file that is not the one that the catalog describes."""


class LinkError(InputError):
    """A link table that cannot be read."""


class SizeError(CmrpipeError, OSError):
    """A file that is larger than any that is read."""


class ParamsError(CmrpipeError, ValueError):
    """A parameter that is unknown or out of range."""


class StoreError(CmrpipeError, OSError):
    """A store that is missing, altered, or of a schema this version does not read."""


class LandingError(CmrpipeError, RuntimeError):
    """A landing that was cut short, or would mix what must not be mixed."""


class BusyError(CmrpipeError, TimeoutError):
    """Somebody else holds the write lock."""


class ManifestError(InputError):
    """A stage's manifest that is not what the stage wrote."""


class NewerError(InputError):
    """Something that a newer cmrpipe wrote, and that this one would spoil."""


class ExecutorError(CmrpipeError, ValueError):
    """Workers that do not exist, cannot be started, or die."""


class SourceError(CmrpipeError, OSError):
    """A source of patients that cannot be reached, refuses us, or sends what it should not."""


class DiskError(CmrpipeError, OSError):
    """A disk that is full, or that does not let us write."""
