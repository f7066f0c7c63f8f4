"""Raw data as the catalog knows them, SHA-256 by path: what is left to go by where DVC's list of them is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cmrpipe.catalog import Catalog
from cmrpipe.errors import CmrpipeError
from cmrpipe.model import Link
from cmrpipe.readers.archives import SUFFIX
from cmrpipe.readers.layouts import folder_of
from cmrpipe.store.verify import Digest, State
from cmrpipe.workspace import HERE


def cataloged(root: Path) -> dict[str, str]:
    """SHA-256 by path relative to `data/raw`, of all images and contours; {} where the catalog cannot be read."""
    try:
        book = Catalog(root / HERE.catalog)
        rows = [(row.path, row.sha256) for name in book.patients() for row in book.images(name)]
        rows += [(row.path, row.sha256) for name in book.original_ids() for row in book.contours(name)]
    except CmrpipeError:
        return {}
    return dict(rows)


def cataloged_links(root: Path) -> list[Link]:
    """Whose contours were whose; none where the catalog cannot be read."""
    try:
        return Catalog(root / HERE.catalog).links()
    except CmrpipeError:
        return []


def unlike_catalog(root: Path, here: Mapping[str, Digest | None]) -> Iterator[tuple[str, State]]:
    """Raw files that are not what the catalog read, but for archives' that are there.

    Parameters
    ----------
    here : hashes of the files that are there, by path relative to the workspace, as are the results'
    """
    for name, sha256 in sorted(cataloged(root).items()):
        path = f"{HERE.raw}/{name}"
        if f"{HERE.raw}/{folder_of(name)}{SUFFIX}" not in here:
            found = here.get(path)
            if found is None or found.sha256 != sha256:
                yield path, State.ALTERED if path in here else State.MISSING
