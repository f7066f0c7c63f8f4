"""Contours and link table of a source that has images only: they come from a folder beside it."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.connect.folder import FolderSource, look_at, table_quiet
from cmrpipe.connect.source import Fetched, Offer
from cmrpipe.errors import LayoutError
from cmrpipe.readers.asides import Aside
from cmrpipe.readers.layouts import CONTOURS, contour_folders


class Beside:
    """contourfiles/ and link.csv of a folder; None: there are none.

    Raises
    ------
    LayoutError : the folder is not there
    """

    def __init__(self, root: Path | None, settle_s: float) -> None:
        if root is not None and not root.is_dir():
            raise LayoutError(
                root, "is not a folder", f"Name the folder with {CONTOURS}/ and link.csv: source.contours"
            )
        self._folder = None if root is None else FolderSource(root, settle_s=settle_s)
        self._settle_s = settle_s

    @property
    def name(self) -> str:
        """The folder's name, "" where there is none."""
        return "" if self._folder is None else self._folder.name

    def look(self) -> tuple[tuple[Offer, ...], dict[str, str]]:
        """Contour folders, and those that cannot be used."""
        if self._folder is None:
            return (), {}
        root = self._folder.root
        return look_at(root, [f"{CONTOURS}/{name}" for name in contour_folders(root)], self._settle_s)

    def asides(self) -> tuple[Aside, ...]:
        """What lies beside the contour folders and does not land."""
        found = () if self._folder is None else self._folder.asides()
        return tuple(aside for aside in found if aside.what.startswith(f"{CONTOURS}/"))

    def links(self) -> bytes | None:
        """The link table as it is now."""
        return None if self._folder is None else self._folder.links()

    def links_quiet(self) -> bool:
        """Whether it has not changed for the settling time."""
        return self._folder is None or table_quiet(self._folder.root, self._settle_s)

    def has(self, offer: Offer) -> bool:
        """Whether an offer is one of these contour folders."""
        return self._folder is not None and offer.folder.startswith(f"{CONTOURS}/")

    def same(self, offer: Offer, place: Path) -> bool:
        """See `Source.same`."""
        return self._folder is not None and self._folder.same(offer, place)

    def fetch(self, offer: Offer, target: Path) -> Fetched:
        """See `Source.fetch`."""
        assert self._folder is not None  # noqa: S101 asked only for what `has` says
        return self._folder.fetch(offer, target)

    def steady(self, offer: Offer, fetched: Fetched) -> bool:
        """See `Source.steady`."""
        return self._folder is not None and self._folder.steady(offer, fetched)
