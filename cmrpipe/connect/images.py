"""A folder in the layout that has images only, with contours and link table from a folder beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cmrpipe.connect.beside import Beside
from cmrpipe.connect.folder import FolderSource, table_quiet
from cmrpipe.connect.source import Fetched, Look, Offer


class ImageFolder:
    """A folder with dicoms/ and without contourfiles/.

    Parameters
    ----------
    root : the folder; its own link table counts where the folder beside it has none
    beside : contours and link table
    name : names the link table
    settle_s : time without change after which a folder counts as complete, seconds
    """

    def __init__(self, root: Path, beside: Beside, *, name: str = "", settle_s: float = 0.0) -> None:
        self._images = FolderSource(root, name or beside.name, settle_s)
        self._beside = beside
        self._settle_s = settle_s
        self.name, self.address = self._images.name, self._images.address

    @property
    def phantom(self) -> bytes | None:
        """The mark of synthetic patients."""
        return self._images.phantom

    def look(self) -> Look:
        """All folders of both places with their state.

        Raises
        ------
        LayoutError : the folder holds no patient
        """
        images = self._images.look()
        contours, bad = self._beside.look()
        quiet = self._beside.links_quiet() and table_quiet(self._images.root, self._settle_s)
        return replace(
            images,
            offers=(*contours, *images.offers),
            links=self.links(),
            links_quiet=quiet,
            bad={**bad, **images.bad},
        )

    def links(self) -> bytes | None:
        """The link table as it is now."""
        beside = self._beside.links()
        return self._images.links() if beside is None else beside

    def _of(self, offer: Offer) -> Beside | FolderSource:
        return self._beside if self._beside.has(offer) else self._images

    def same(self, offer: Offer, place: Path) -> bool:
        """See `Source.same`."""
        return self._of(offer).same(offer, place)

    def fetch(self, offer: Offer, target: Path) -> Fetched:
        """See `Source.fetch`."""
        return self._of(offer).fetch(offer, target)

    def steady(self, offer: Offer, fetched: Fetched) -> bool:
        """See `Source.steady`."""
        return self._of(offer).steady(offer, fetched)
