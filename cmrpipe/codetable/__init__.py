"""The one table of finding codes: what each means, how bad it is, how it is measured, and what to do about it."""

from cmrpipe.codetable.images import IMAGES
from cmrpipe.codetable.info import CodeInfo, Table
from cmrpipe.codetable.labels import LABELS
from cmrpipe.codetable.links import LINKS

__all__ = ["CODES", "CodeInfo"]

CODES: Table = {**LINKS, **IMAGES, **LABELS}
