"""Landing: how patients enter `data/raw`, whole or not at all, and never altered afterwards.

Each folder that a source offers is copied beside the raw folder, made durable, and renamed into place once the source
has held still for the settling time: looked at and read again, it has the same files with the same hashes. Link tables
are kept word for word as `links/<source>.csv`. A folder that cannot be fetched, or still changes, is told and left for
the next landing; it stops no other. A changed folder takes the place of the old one, which DVC keeps, else a folder
beside raw; the ledger says so. One that has not changed in its source since it landed does not take the place of what
came from elsewhere meanwhile. A folder that is gone from the source stays and is reported. One that has the name of
another source's, and nothing else in common with it, is refused.

Folders may be packed on the way, each into one archive of the same files; an archive of the source lands as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

from cmrpipe.connect.folder import FolderSource, read_optional
from cmrpipe.connect.source import Source
from cmrpipe.landing.apart import check_apart, check_text
from cmrpipe.landing.ledger import Ledger
from cmrpipe.landing.phantoms import check_mix, check_way, make_way, take_mark
from cmrpipe.landing.place import Placer, marked, never
from cmrpipe.landing.plan import make_plan, nobody
from cmrpipe.landing.underway import Landing
from cmrpipe.progress import Listener, Progress
from cmrpipe.readers.asides import write_asides
from cmrpipe.readers.layouts import CONTOURS, DICOMS, LINK_FOLDER

_BATCH_S = 5.0
"""How often folders that have settled are placed while others are still being fetched, seconds; those that were quiet
before may be at once. Neither again before as much time has passed as the last placing took, in which a source may have
been looked at as a whole: so that placing takes no more time than fetching, however many patients there are."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What a landing did, by folder (`dicoms/<patient_id>`, `contourfiles/<original_id>`).

    Attributes
    ----------
    kept : this source has them as it had them, and something newer has come from elsewhere: that stays
    unsettled : still changing in the source; left for the next landing
    failed : could not be fetched, or would take the place of another source's patient, with the cause; left for the
        next landing
    blocked : of forgotten patients; left out
    withdrawn : landed from this source earlier and gone from it; nothing was removed
    not_in_source : patients of any origin that are not in this source
    made_way : phantom patients that were removed because others came
    aside : images that were not sorted into the layout
    unread : files and folders of unsorted images that could not be read, with the cause: who has landed may lack them
    table : what became of the source's link table: new, changed, withdrawn, kept, unsettled; "" where nothing did
    """

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    not_in_source: tuple[str, ...]
    made_way: tuple[str, ...]
    kept: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    blocked: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    aside: int = 0
    unread: dict[str, str] = field(default_factory=dict)
    table: str = ""

    @property
    def whole(self) -> bool:
        """Whether all that the source has, and may land, has landed."""
        return not self.left

    @property
    def left(self) -> int:
        """How much was left for the next landing or could not be read, contours and the link table counted too."""
        return len(self.failed) + len(self.unsettled) + len(self.unread)

    def counts(self) -> dict[str, int]:
        """How many, by attribute: patients of those that name folders, files and folders of `aside` and `unread`.

        Beside them contour folders, by what became of them (contours_new, ...), and whether the link table did
        (table_new, ...).
        """
        named = {own.name: getattr(self, own.name) for own in fields(self) if own.name not in _NO_FOLDERS}
        patients = {name: _of(DICOMS, what) for name, what in named.items()}
        contours = {f"contours_{part}": _of(CONTOURS, named[part]) for part in _BESIDE}
        table = {f"table_{part}": int(self.table == part) for part in _TABLE}
        return patients | {"aside": self.aside, "unread": len(self.unread)} | contours | table


_NO_FOLDERS = ("aside", "unread", "table")
_BESIDE = ("new", "changed", "kept", "unsettled", "failed", "blocked", "withdrawn")
"""What is told of contour folders, too."""
_TABLE = ("new", "changed", "withdrawn", "kept", "unsettled")


def _of(kind: str, folders: Iterable[str]) -> int:
    return sum(folder.startswith(f"{kind}/") for folder in folders)


def land(
    source: Path | Source,
    raw: Path,
    *,
    name: str = "",
    settle_s: float = 0.0,
    packing: bool = False,
    secured: Callable[[str], bool] = never,
    forgotten: Callable[[str], bool] = nobody,
    listen: Listener,
) -> Landed:
    """Bring patients from a source into the raw folder.

    The caller holds the write lock.

    Parameters
    ----------
    source : a source, or a folder in the layout; only read
    raw : the raw folder; made when it is not there
    name : the source's name, for its link table; the folder's own name by default
    settle_s : how long a folder must have held still, seconds
    packing : pack each folder that lands now into an archive; what has landed stays as it is
    secured : whether DVC has a landed folder as it stands, so that a newer version may replace it
    forgotten : whether a folder is that of a forgotten patient

    Raises
    ------
    LayoutError : `source` holds no patient
    SourceError : the source cannot be used at all
    LandingError : `source` and `raw` overlap; `source` has a name that is no text; phantom patients would come to
        real ones, or make way for nobody, or together with others
    DiskError : the disk is full
    """
    origin: Source = FolderSource(source, name, settle_s) if isinstance(source, Path) else source
    started = time.monotonic()
    check_apart(origin.address, raw)
    check_text(origin.address, origin.name)
    look = origin.look()
    check_mix(origin, raw)
    check_way(origin, look, raw, forgotten)
    ledger = Ledger(raw)
    placer = Placer(raw, ledger, secured)
    with marked(raw, origin.address) as work:
        placer.recover()
        made_way = make_way(origin, raw, ledger)
        take_mark(origin, raw)
        plan = make_plan(origin, look, raw, ledger, forgotten)
        landing = Landing(origin, look, plan.todo, raw, ledger, placer, work, packing=packing)
        landing.remember(plan.unchanged)
        total, placed, took = len(look.offers), time.monotonic(), 0.0
        for done, offer in enumerate(plan.todo, total - len(plan.todo) + 1):
            landing.fetch(offer)
            listen(Progress("land", offer.folder.rpartition("/")[2], done, total))
            now = time.monotonic()
            settled = now - started >= settle_s
            if (offer.quiet or settled) and now - placed >= max(took, 0.0 if offer.quiet else _BATCH_S):
                landing.place(only_quiet=not settled)
                placed = time.monotonic()
                took = placed - now
        landing.place(only_quiet=True)
        table = raw / LINK_FOLDER / f"{origin.name}.csv"
        known = read_optional(table)
        links = landing.links(forgotten, known)
        if landing.waiting or (links not in (None, known) and not look.links_quiet):
            time.sleep(max(0.0, started + settle_s - time.monotonic()))
            landing.place(only_quiet=False)
            links = landing.links(forgotten, known)
        if look.links is None and known is not None and ledger.brought(f"{LINK_FOLDER}/{origin.name}", origin.address):
            landing.table = "withdrawn"
        if links is not None:
            landing.place_links(table, known, links, steady=look.links == origin.links())
        write_asides(raw, f"_{origin.name}", look.asides)
    return Landed(
        tuple(landing.new),
        tuple(landing.changed),
        (*(offer.folder for offer in plan.unchanged), *landing.same),
        plan.not_in_source,
        made_way,
        (*plan.kept, *landing.kept),
        tuple(landing.unsettled),
        {**look.bad, **landing.failed},
        plan.blocked,
        plan.withdrawn,
        landing.aside + len(look.asides),
        dict(look.unread),
        landing.table,
    )
