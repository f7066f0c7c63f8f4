"""What to do about a file that is no usable image, where fetching it anew would not help."""

from __future__ import annotations

import re

from cmrpipe.readers.refusals import names_its_mend

DEFLATED = "the deflated transfer syntax is not supported"
SEVERAL = "one image a file is expected"
COLOUR = "a colour image ("
_UNDECODED = "missing dependencies"
"""In pydicom's message where no installed package decodes a transfer syntax; it names those that would."""
_PACKAGE = re.compile(r"pylibjpeg-\w+")

_ANEW = "Fetch it anew from its source."
_MENDS = {
    DEFLATED: "Convert it to Explicit VR Little Endian: dcmconv +te of DCMTK does.",
    SEVERAL: "Split it into single images (dcuncat of dicom3tools does), or export it so.",
    COLOUR: "Export it in grey, MONOCHROME2: colours are those of a screenshot.",
}


def with_mend(why: str) -> str:
    """A cause, as `cmrpipe.readers.dicom` and `cmrpipe.readers.pixels` give it, and what to do about it."""
    return f"{why}." if names_its_mend(why) else f"{why}. {_mend(why)}"


def _mend(why: str) -> str:
    if _UNDECODED in why:
        packages = " ".join(["pylibjpeg", *sorted(set(_PACKAGE.findall(why)))])
        return (
            f"`pip install {packages}` decodes it; remove the catalog then, so that it is read anew. Or decompress the "
            "files: gdcmconv --raw of GDCM does."
        )
    return next((text for cause, text in _MENDS.items() if cause in why), _ANEW)
