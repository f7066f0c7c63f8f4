"""What to do about a file that is no usable image, where fetching it anew would not help."""

from __future__ import annotations

import re

from cmrpipe.readers.refusals import names_its_mend

NO_MARK = "not a DICOM file (no DICM mark at byte 128)"
NO_IMAGE = "no image in it"
"""How the cause begins of a DICOM object without pixels: a report, a presentation state."""
NO_SYNTAX = "its header names no transfer syntax"
DEFLATED = "the deflated transfer syntax is not supported"
SEVERAL = "one image a file is expected"
COLOUR = "a colour image ("
_UNDECODED = "missing dependencies"
"""In pydicom's message where no installed package decodes a transfer syntax; it names those that would."""
_PACKAGE = re.compile(r"pylibjpeg-\w+")

_ANEW = "Fetch it anew from its source."
_MENDS = {
    NO_MARK: "Remove it; where it is DICOM without the mark, dcmconv +te of DCMTK writes it anew.",
    NO_IMAGE: "Remove it: reports, presentation states and the like hold no image. An image is to be fetched anew.",
    NO_SYNTAX: "dcmconv +te of DCMTK writes it anew.",
    DEFLATED: "Convert it to Explicit VR Little Endian: dcmconv +te of DCMTK does.",
    SEVERAL: "Export it as single images (classic, not enhanced, DICOM), or split it: emf2sf of dcm4che does.",
    COLOUR: "Export it in grey, MONOCHROME2: colours are those of a screenshot.",
}


def with_mend(why: str) -> str:
    """A cause, as `cmrpipe.readers.dicom` and `cmrpipe.readers.pixels` give it, and what to do about it."""
    return f"{why}." if names_its_mend(why) else f"{why}. {_mend(why) or _ANEW}"


def in_full(why: str) -> str:
    """A cause, and what to do about it where fetching the file anew would not help."""
    mend = _mend(why).removesuffix(".")
    return f"{why}. {mend}" if mend else why


def _mend(why: str) -> str:
    """What to do about a cause, where it is another thing than fetching the file anew; else ""."""
    if _UNDECODED in why:
        packages = " ".join(["pylibjpeg", *sorted(set(_PACKAGE.findall(why)))])
        return (
            f"`pip install {packages}` decodes it; remove the catalog, if there is one, so that it is read anew. Or "
            "decompress the files: gdcmconv --raw of GDCM does."
        )
    return next((text for cause, text in _MENDS.items() if cause in why), "")
