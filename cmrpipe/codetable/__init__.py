"""The one table of finding codes: what each means, how bad it is, how it is measured, and what to do about it."""

from cmrpipe.codes import FindingCode
from cmrpipe.codetable.images import IMAGES
from cmrpipe.codetable.info import CodeInfo, Table
from cmrpipe.codetable.labels import LABELS
from cmrpipe.codetable.links import LINKS

__all__ = ["CODES", "CodeInfo", "in_words"]

CODES: Table = {**LINKS, **IMAGES, **LABELS}


def in_words(why: str) -> str:
    """A reason in words: the meaning of a code, or what a person wrote."""
    try:
        return CODES[FindingCode(why)].meaning
    except ValueError:
        return why
