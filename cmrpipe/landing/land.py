"""Landing: how patients enter `data/raw`, whole or not at all, and never altered afterwards.

Each folder that a source offers is copied beside the raw folder, made durable, and renamed into place once the source
has held still for the settling time: looked at and read again, it has the same files with the same hashes. Link tables
are kept word for word as `links/<source>.csv`. A folder that cannot be fetched, or still changes, is told and left for
the next landing; it stops no other. A changed folder takes the place of the old one, which DVC keeps, else a folder
beside raw; the ledger says so. A folder that is gone from the source stays and is reported. One that has the name of
another source's, and nothing else in common with it, is refused.

Folders may be packed on the way, each into one archive of the same files; an archive of the source lands as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cmrpipe.archives import pack
from cmrpipe.asides import write_asides
from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.folder import FolderSource, read_optional
from cmrpipe.connect.source import Fetched, Look, Offer, Source, content_digest
from cmrpipe.errors import ArchiveError, CmrpipeError, DiskError, LandingError
from cmrpipe.files import disk_trouble, sha256_bytes, sha256_file, write_bytes
from cmrpipe.landing.ledger import CHANGED, NEW, SAME, Entry, Ledger, now
from cmrpipe.landing.namesakes import check_namesake, check_table, naming
from cmrpipe.landing.phantoms import check_mix, make_way
from cmrpipe.landing.place import Placer, marked, never, remove
from cmrpipe.landing.plan import make_plan, nobody
from cmrpipe.landing.tables import rows_of, without_rows
from cmrpipe.layouts import CONTOURS, DICOMS, LINK_FOLDER, LINK_TABLE, PHANTOM, archive_file, standing
from cmrpipe.logger import Logger
from cmrpipe.progress import Listener, Progress

log = Logger(__name__)

_BATCH_S = 5.0
"""How often folders that have settled are placed while others are still being fetched, seconds."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What a landing did, by folder (`dicoms/<patient_id>`, `contourfiles/<original_id>`).

    Attributes
    ----------
    unsettled : still changing in the source; left for the next landing
    failed : could not be fetched, or would take the place of another source's patient, with the cause; left for the
        next landing
    blocked : of forgotten patients; left out
    withdrawn : landed from this source earlier and gone from it; nothing was removed
    not_in_source : patients of any origin that are not in this source
    made_way : phantom patients that were removed because others came
    aside : images that were not sorted into the layout
    """

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    not_in_source: tuple[str, ...]
    made_way: tuple[str, ...]
    unsettled: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    blocked: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    aside: int = 0

    def patients(self, folders: tuple[str, ...] | dict[str, str]) -> int:
        """How many of `folders` are patients."""
        return sum(folder.startswith(f"{DICOMS}/") for folder in folders)


class _Landing:
    """One landing under way."""

    def __init__(self, source: Source, raw: Path, ledger: Ledger, placer: Placer, work: Path, *, packing: bool) -> None:
        self._source, self._raw, self._ledger, self._placer = source, raw, ledger, placer
        self._new, self._packing = work / "new", packing
        self.new: list[str] = []
        self.changed: list[str] = []
        self.same: list[str] = []
        self.unsettled: list[str] = []
        self.failed: dict[str, str] = {}
        self.refused: set[str] = set()
        self.aside = 0
        self.waiting: list[tuple[Offer, Fetched]] = []

    def fetch(self, offer: Offer) -> None:
        """Copy one folder beside raw; whatever is wrong with it is its own trouble."""
        try:
            with disk_trouble(self._raw.parent):
                fetched = self._source.fetch(offer, self._new / offer.folder)
                if self._packing and fetched.files and not fetched.archive:
                    self._pack(offer, fetched)
        except DiskError:
            raise
        except (CmrpipeError, OSError) as error:
            self._fail(offer, str(error))
        else:
            self.waiting.append((offer, fetched))

    def _pack(self, offer: Offer, fetched: Fetched) -> None:
        """Put the copy into an archive, which then stands for it; what is in it is what was read from the source."""
        copy, archive = self._new / offer.folder, archive_file(self._new, offer.folder)
        pack(copy, archive)
        if hash_tree(archive) != fetched.files:
            raise LandingError(archive, "does not hold what was packed into it", "Check the disk and land again")
        remove(copy)

    def _drop(self, offer: Offer) -> None:
        """Remove the copy, in whatever form it is."""
        for copy in (self._new / offer.folder, archive_file(self._new, offer.folder)):
            remove(copy)

    def _fail(self, offer: Offer, cause: str) -> None:
        log.warning("not landed", folder=offer.folder, cause=cause)
        self.failed[offer.folder] = cause
        self._drop(offer)

    def place(self, *, only_quiet: bool) -> None:
        """Place what was fetched and has held still; all of it, or only what the source says has settled."""
        todo, self.waiting = self.waiting, []
        for offer, fetched in todo:
            if only_quiet and not offer.quiet:
                self.waiting.append((offer, fetched))
                continue
            try:
                steady = self._source.steady(offer, fetched)
            except (CmrpipeError, OSError) as error:
                self._fail(offer, str(error))
                continue
            if steady:
                self._place_own(offer, fetched)
            else:
                self.unsettled.append(offer.folder)
                self._drop(offer)
                log.warning("still changes in the source; left for the next landing", folder=offer.folder)

    def _place_own(self, offer: Offer, fetched: Fetched) -> None:
        """Place what does not take the place of another source's patient."""
        folder, address = offer.folder, self._source.address
        ours = not fetched.files or self._ledger.brought(folder, address)
        if not ours and content_of(self._raw, folder) not in ("", fetched.digest):
            try:
                check_namesake(folder, address, self._ledger.last(folder), self._raw, self._new)
            except LandingError as error:
                self.refused.add(folder)
                self._fail(offer, str(error))
                return
        self._place(offer, fetched)

    def remember(self, unchanged: Iterable[Offer]) -> None:
        """Write who has what stands already, so that it is known for this source's when it has a newer version."""
        for offer in unchanged:
            if not self._ledger.brought(offer.folder, self._source.address):
                digest = content_of(self._raw, offer.folder)
                self._ledger.add(Entry(now(), SAME, offer.folder, self._source.address, offer.token, digest, digest))

    def links(self, look: Look, forgotten: Callable[[str], bool], known: bytes | None) -> bytes | None:
        """The link table that may land: no row gives another source's folder to a patient of this one, or back.

        Of folders that may be this source's or not (they could not be read now, or still change) rows that stand
        already in the table `known` stay: a source that was moved is still the same.
        """
        if look.links is None:
            return None
        left = (*look.bad, *self.failed, *self.unsettled)
        offered = [offer.folder for offer in look.offers]
        refused = naming(self.refused, offered)
        foreign = naming({folder for folder in left if self._ledger.others(folder, self._source.address)}, offered)
        standing = rows_of(known or b"")

        def drop(patient: str, original: str) -> bool:
            folders = (f"{DICOMS}/{patient}", f"{CONTOURS}/{original}")
            if any(forgotten(folder) or refused(folder) for folder in folders):
                return True
            return any(map(foreign, folders)) and (patient, original) not in standing

        return without_rows(look.links, drop)

    def place_links(self, table: Path, known: bytes | None, links: bytes, *, steady: bool) -> None:
        """Write the link table, unless the one of that name that stands there is another source's."""
        unit, address = f"{LINK_FOLDER}/{self._source.name}", self._source.address
        old, new = "" if known is None else sha256_bytes(known), sha256_bytes(links)
        if old == new:
            if not self._ledger.brought(unit, address):
                self._ledger.add(Entry(now(), SAME, unit, address, "", old, new))
            return
        last = self._ledger.last(unit)
        if known is not None and last is not None and self._ledger.others(unit, address):
            try:
                check_table(table.name, address, last, known, links)
            except LandingError as error:
                log.warning("not landed", folder=LINK_TABLE, cause=str(error))
                self.failed[LINK_TABLE] = str(error)
                return
        if not steady:
            self.unsettled.append(LINK_TABLE)
            return
        write_bytes(table, links)
        self._ledger.add(Entry(now(), CHANGED if old else NEW, unit, address, "", old, new))
        log.info("link table landed", file=str(table))

    def _place(self, offer: Offer, fetched: Fetched) -> None:
        if offer.folder.startswith(f"{DICOMS}/"):
            write_asides(self._raw, offer.folder.partition("/")[2], fetched.asides)
            self.aside += len(fetched.asides)
        if not fetched.files:
            self._drop(offer)
            if fetched.asides:
                self.failed[offer.folder] = f"none of its {len(fetched.asides)} images could be sorted; see aside/"
            return
        old = content_of(self._raw, offer.folder)
        event = NEW if not old else SAME if old == fetched.digest else CHANGED
        entry = Entry(now(), event, offer.folder, self._source.address, offer.token, old, fetched.digest)
        if event == SAME:
            self._ledger.add(entry)
            self.same.append(offer.folder)
            self._drop(offer)
            return
        self._placer.place(entry)
        (self.changed if old else self.new).append(offer.folder)
        log.info("landed", folder=offer.folder, changed=bool(old))


def content_of(raw: Path, folder: str) -> str:
    """Hash of what stands in the raw folder: the same for a folder and an archive of the same files; "" for nothing."""
    place = standing(raw, folder)
    if place is None:
        return ""
    try:
        return content_digest(hash_tree(place))
    except ArchiveError:  # what it held nobody knows any more
        return sha256_file(place)


def _check_place(source: Source, raw: Path) -> None:
    where = Path(source.address)
    if raw.resolve() in (where.resolve(), *where.resolve().parents):
        raise LandingError(where, "is the raw folder itself", "Name the folder that new data arrive in")


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
    LandingError : `source` lies inside `raw`, or phantom patients would come to real ones
    DiskError : the disk is full
    """
    origin: Source = FolderSource(source, name, settle_s) if isinstance(source, Path) else source
    started = time.monotonic()
    _check_place(origin, raw)
    look = origin.look()
    check_mix(origin, raw)
    ledger = Ledger(raw)
    placer = Placer(raw, ledger, secured)
    with marked(raw, origin.address) as work:
        placer.recover()
        made_way = make_way(origin, raw, ledger)
        if origin.phantom is not None:
            write_bytes(raw / PHANTOM, origin.phantom)
        plan = make_plan(origin, look, raw, ledger, forgotten)
        landing = _Landing(origin, raw, ledger, placer, work, packing=packing)
        landing.remember(plan.unchanged)
        total, placed = len(look.offers), time.monotonic()
        for done, offer in enumerate(plan.todo, total - len(plan.todo) + 1):
            landing.fetch(offer)
            listen(Progress("land", offer.folder.rpartition("/")[2], done, total))
            settled = time.monotonic() - started >= settle_s
            if offer.quiet or (settled and time.monotonic() - placed >= _BATCH_S):
                landing.place(only_quiet=not settled)
                placed = time.monotonic()
        table = raw / LINK_FOLDER / f"{origin.name}.csv"
        known = read_optional(table)
        links = landing.links(look, forgotten, known)
        if landing.waiting or (links not in (None, known) and not look.links_quiet):
            time.sleep(max(0.0, started + settle_s - time.monotonic()))
            landing.place(only_quiet=False)
            links = landing.links(look, forgotten, known)
        if links is not None:
            landing.place_links(table, known, links, steady=look.links == origin.links())
        write_asides(raw, f"_{origin.name}", look.asides)
    return Landed(
        tuple(landing.new),
        tuple(landing.changed),
        (*(offer.folder for offer in plan.unchanged), *landing.same),
        plan.not_in_source,
        made_way,
        tuple(landing.unsettled),
        {**look.bad, **landing.failed},
        plan.blocked,
        plan.withdrawn,
        landing.aside + len(look.asides),
    )
