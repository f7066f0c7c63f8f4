"""A landing under way: folders are fetched beside the raw folder, wait until they have held still, and are placed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from cmrpipe.connect.copying import hash_tree
from cmrpipe.connect.source import Fetched, Look, Offer, Source
from cmrpipe.errors import CmrpipeError, DiskError, LandingError
from cmrpipe.files import disk_trouble, sha256_bytes, write_bytes
from cmrpipe.landing.ledger import CHANGED, NEW, SAME, Entry, Ledger, now
from cmrpipe.landing.namesakes import check_namesake, check_table, naming, partners, stranded
from cmrpipe.landing.place import Placer, content_of, remove
from cmrpipe.landing.tables import rows_of, without_rows
from cmrpipe.logger import Logger
from cmrpipe.readers.archives import pack
from cmrpipe.readers.asides import write_asides
from cmrpipe.readers.layouts import (
    CONTOURS,
    DICOMS,
    LINK_FOLDER,
    LINK_TABLE,
    archive_file,
    contour_folders,
    link_tables,
    patient_folders,
    standing,
)

log = Logger(__name__)


class Landing:
    """A landing under way.

    Parameters
    ----------
    source, look : where folders come from, and what it offers
    todo : of that what is new, or perhaps changed
    raw, ledger, placer : where they go, and what is written of it
    work : folder of this landing alone, beside raw
    packing : pack each folder that lands into an archive

    Attributes
    ----------
    new, changed, same : folders that have landed, and those that were what stands already
    kept : folders, and the link table, that are what this source had before something newer came from elsewhere
    table, unsettled, failed, aside : as in `cmrpipe.landing.land.Landed`
    waiting : fetched, and not yet placed
    """

    def __init__(
        self,
        source: Source,
        look: Look,
        todo: Iterable[Offer],
        raw: Path,
        ledger: Ledger,
        placer: Placer,
        work: Path,
        *,
        packing: bool,
    ) -> None:
        self._source, self._raw, self._ledger, self._placer = source, raw, ledger, placer
        self._look, self._offered = look, [offer.folder for offer in look.offers]
        self._new, self._packing = work / "new", packing
        self.new: list[str] = []
        self.changed: list[str] = []
        self.same: list[str] = []
        self.kept: list[str] = []
        self.table = ""
        self.unsettled: list[str] = []
        self.failed: dict[str, str] = {}
        self._refused: set[str] = set()
        self._unfetched = {offer.folder for offer in todo}
        tables = [(raw / path).read_bytes() for path in link_tables(raw)]
        self._partners = partners(tables, [*self._offered, *look.bad])
        self.aside = 0
        self.waiting: list[tuple[Offer, Fetched]] = []

    def fetch(self, offer: Offer) -> None:
        """Copy one folder beside raw; whatever is wrong with it is its own trouble."""
        self._unfetched.discard(offer.folder)
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
            if (only_quiet and not offer.quiet) or self._unfetched.intersection(self._partners.get(offer.folder, ())):
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
        """Place what neither takes the place of another source's patient nor would be linked to one."""
        folder, address = offer.folder, self._source.address
        stands = content_of(self._raw, folder)
        if stands not in ("", fetched.digest) and self._is_older(folder, fetched.digest):  # other times, the same bytes
            self.kept.append(folder)
            self._drop(offer)
            return
        try:
            if stands and fetched.files and stands != fetched.digest and not self._ledger.brought(folder, address):
                self._check_namesake(folder)
            for partner in () if stands else self._partners.get(folder, ()):
                if not self._ours(partner):
                    raise stranded(folder, partner, address)
        except LandingError as error:
            self._refused.add(folder)
            self._fail(offer, str(error))
            return
        self._place(offer, fetched, stands)

    def _is_older(self, folder: str, content: str) -> bool:
        """Whether this is what the source brought last, and something else has come since."""
        ours = self._ledger.older(folder, self._source.address)
        return ours is not None and ours.new == content

    def _check_namesake(self, folder: str) -> None:
        check_namesake(folder, self._source.address, self._ledger.last(folder), self._raw, self._new)

    def _ours(self, folder: str) -> bool:
        """Whether what stands of a folder, if anything does, is known to be what this source has under that name."""
        source = self._source.address
        if standing(self._raw, folder) is None or self._ledger.brought(folder, source):
            return True
        if self._ledger.older(folder, source):  # it was, and somebody corrected it
            return True
        if standing(self._new, folder) is None:  # it could not be looked at or fetched, still changes, or was refused
            return False
        try:
            self._check_namesake(folder)
        except LandingError:
            return False
        return True

    def remember(self, unchanged: Iterable[Offer]) -> None:
        """Write who has what stands already, so that it is known for this source's when it has a newer version."""
        for offer in unchanged:
            if not self._ledger.brought(offer.folder, self._source.address):
                digest = content_of(self._raw, offer.folder)
                self._ledger.add(Entry(now(), SAME, offer.folder, self._source.address, offer.token, digest, digest))

    def links(self, forgotten: Callable[[str], bool], known: bytes | None) -> bytes | None:
        """The link table that may land: no row gives another source's folder to a patient of this one, or back.

        Of folders that may be this source's or not (they could not be read now, or still change) rows that stand
        already in the table `known` stay: a source that was moved is still the same.

        Whether somebody was forgotten, which is slow to tell, is asked of new rows alone, and there of what does not
        stand: what has landed was asked of before.
        """
        if self._look.links is None:
            return None
        left = (*self._look.bad, *self.failed, *self.unsettled)
        refused = naming(self._refused, self._offered)
        foreign = naming({f for f in left if self._ledger.others(f, self._source.address)}, self._offered)
        landed = rows_of(known or b"")
        stand = {f"{DICOMS}/{name}" for name in patient_folders(self._raw)}
        stand |= {f"{CONTOURS}/{name}" for name in contour_folders(self._raw)}

        def drop(patient: str, original: str) -> bool:
            folders = (f"{DICOMS}/{patient}", f"{CONTOURS}/{original}")
            if any(map(refused, folders)):
                return True
            if (patient, original) in landed:
                return False
            return any(foreign(folder) or (folder not in stand and forgotten(folder)) for folder in folders)

        return without_rows(self._look.links, drop)

    def place_links(self, table: Path, known: bytes | None, links: bytes, *, steady: bool) -> None:
        """Write the link table, unless the one of that name that stands there is another source's."""
        unit, address = f"{LINK_FOLDER}/{self._source.name}", self._source.address
        old, new = "" if known is None else sha256_bytes(known), sha256_bytes(links)
        if old == new:
            if not self._ledger.brought(unit, address):
                self._ledger.add(Entry(now(), SAME, unit, address, "", old, new))
            return
        if known is not None and self._is_older(unit, new):
            self.kept.append(unit)
            self.table = "kept"
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
            self.table = "unsettled"
            return
        write_bytes(table, links)
        self.table = CHANGED if old else NEW
        self._ledger.add(Entry(now(), self.table, unit, address, "", old, new))
        log.info("link table landed", file=str(table))

    def _place(self, offer: Offer, fetched: Fetched, old: str) -> None:
        """Place a folder; `old` is the hash of what stands there, "" for nothing."""
        if offer.folder.startswith(f"{DICOMS}/"):
            write_asides(self._raw, offer.folder.partition("/")[2], fetched.asides)
            self.aside += len(fetched.asides)
        if not fetched.files:
            self._drop(offer)
            if fetched.asides:
                ((why, _),) = Counter(aside.reason for aside in fetched.asides).most_common(1)
                words = f"none of its {len(fetched.asides)} images could be sorted ({why}); see aside/"
                self.failed[offer.folder] = words
            return
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
