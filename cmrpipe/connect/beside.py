"""A source that has images only, with contours and link table from a folder beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cmrpipe.connect.folder import FolderSource, look_at, table_quiet
from cmrpipe.connect.source import Fetched, Look, Offer, Source
from cmrpipe.errors import LayoutError
from cmrpipe.readers.layouts import CONTOURS, contour_folders


class WithContours:
    """A source of images, and a folder's contourfiles/ and link.csv.

    Parameters
    ----------
    images : where patients come from; its own link table counts where the folder has none
    folder : None: there are no contours
    name : names the link table; by default the folder's own name, else that of `images`
    settle_s : time without change after which a contour folder or the table counts as complete, seconds

    Raises
    ------
    LayoutError : the folder is not there
    """

    def __init__(self, images: Source, folder: Path | None, *, name: str = "", settle_s: float = 0.0) -> None:
        if folder is not None and not folder.is_dir():
            raise LayoutError(
                folder, "is not a folder", f"Name the folder with {CONTOURS}/ and link.csv: source.contours"
            )
        self._images = images
        self._beside = None if folder is None else FolderSource(folder, settle_s=settle_s)
        self._settle_s = settle_s
        self.name = name or (images if self._beside is None else self._beside).name
        self.address = images.address

    @property
    def phantom(self) -> bytes | None:
        """The mark of synthetic patients."""
        return self._images.phantom

    def look(self) -> Look:
        """All folders of both places with their state; of what does not land, what lies beside images or contours.

        Raises
        ------
        LayoutError, SourceError : see the source of the images
        """
        images = self._images.look()
        if self._beside is None:
            return images
        root = self._beside.root
        contours, bad = look_at(root, [f"{CONTOURS}/{name}" for name in contour_folders(root)], self._settle_s)
        asides = [aside for aside in self._beside.asides() if aside.what.startswith(f"{CONTOURS}/")]
        return replace(
            images,
            offers=(*contours, *images.offers),
            links=self.links(),
            links_quiet=images.links_quiet and table_quiet(root, self._settle_s),
            asides=(*images.asides, *asides),
            bad={**bad, **images.bad},
        )

    def links(self) -> bytes | None:
        """The link table as it is now."""
        beside = None if self._beside is None else self._beside.links()
        return self._images.links() if beside is None else beside

    def _of(self, offer: Offer) -> Source:
        """Which of the two an offer is of."""
        contours = offer.folder.startswith(f"{CONTOURS}/")
        return self._beside if self._beside is not None and contours else self._images

    def same(self, offer: Offer, place: Path) -> bool:
        """See `Source.same`."""
        return self._of(offer).same(offer, place)

    def fetch(self, offer: Offer, target: Path) -> Fetched:
        """See `Source.fetch`."""
        return self._of(offer).fetch(offer, target)

    def steady(self, offer: Offer, fetched: Fetched) -> bool:
        """See `Source.steady`."""
        return self._of(offer).steady(offer, fetched)
