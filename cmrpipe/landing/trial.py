"""Whether a source can be used: one of its patients, fetched on trial before anybody makes way for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cmrpipe.connect.source import Look, Source
from cmrpipe.errors import CmrpipeError, DiskError, LandingError
from cmrpipe.files import disk_trouble
from cmrpipe.readers.layouts import DICOMS


def check_usable(source: Source, look: Look, work: Path, forgotten: Callable[[str], bool]) -> None:
    """Fetch patients until one could be had; the copy is dropped.

    Parameters
    ----------
    look : what the source offers
    work : folder beside raw, as the landing has it

    Raises
    ------
    LandingError : none of the patients can be had
    DiskError : the disk is full
    """
    trial = work / "trial"
    cause = next(iter(look.bad.values()), "it has no patient that may land")
    for offer in look.offers:
        if not offer.folder.startswith(f"{DICOMS}/") or forgotten(offer.folder):
            continue
        try:
            with disk_trouble(work.parent):
                if source.fetch(offer, trial / offer.folder).files:
                    return
            cause = f"none of the images of {offer.folder} could be sorted"
        except DiskError:
            raise
        except (CmrpipeError, OSError) as error:
            cause = str(error)
        finally:
            shutil.rmtree(trial, ignore_errors=True)
            with suppress(OSError):  # what a landing that was cut short left there stays
                work.rmdir()
    raise LandingError(
        source.address,
        f"gives no patient for whom the landed phantom patients could make way ({cause}); nothing was removed",
        "Mend that and land again",
    )
