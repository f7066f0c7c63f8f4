"""Landing: how patients enter `data/raw`, whole or not at all, and how a replaced version leaves a trace."""

from cmrpipe.landing.forgotten import Forgotten
from cmrpipe.landing.land import Landed, land
from cmrpipe.landing.ledger import Ledger
from cmrpipe.landing.place import check_landed, content_of, recover, remove, replaced, staging
from cmrpipe.landing.words import describe_landing, landing_parts, troubles

__all__ = [
    "Forgotten",
    "Landed",
    "Ledger",
    "check_landed",
    "content_of",
    "describe_landing",
    "land",
    "landing_parts",
    "recover",
    "remove",
    "replaced",
    "staging",
    "troubles",
]
