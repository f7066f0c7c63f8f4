"""What landing asks of a source of patients, whatever kind it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from cmrpipe.files import canonical_json, sha256_bytes
from cmrpipe.readers.asides import Aside

Hashes: TypeAlias = dict[str, str]
"""SHA-256 of each file of a folder, by its name relative to the folder (forward slashes)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One folder that a source has: a patient's images or a set of contours.

    Attributes
    ----------
    folder : where it belongs, `dicoms/<patient_id>` or `contourfiles/<original_id>`
    token : another one as soon as the source has other content; the same as long as it has the same
    quiet : the source itself can tell that nothing changed for the settling time
    """

    folder: str
    token: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What a source has at one moment.

    Attributes
    ----------
    offers : its folders, contours first, so that images never stand without contours that the source has
    links : the link table word for word, None where there is none
    links_quiet : the link table has not changed for the settling time
    asides : what belongs to no patient
    bad : folders that could not be looked at, with the cause
    unread : files and folders of unsorted images that could not be read, with the cause: whose they are nobody knows
    """

    offers: tuple[Offer, ...]
    links: bytes | None = None
    links_quiet: bool = False
    asides: tuple[Aside, ...] = ()
    bad: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched: the hashes of the bytes as they were read, and what was put aside meanwhile.

    Attributes
    ----------
    archive : SHA-256 of the archive that the files came in, "" where the source had a folder
    """

    files: Hashes
    asides: tuple[Aside, ...] = ()
    archive: str = ""

    @property
    def digest(self) -> str:
        """One hash of all files under their names."""
        return content_digest(self.files)


class Source(Protocol):
    """A source of patients. It is only read."""

    @property
    def name(self) -> str:
        """Names its link table."""

    @property
    def address(self) -> str:
        """Where it is: a path or a URL, without user, password or token."""

    @property
    def phantom(self) -> bytes | None:
        """Its `phantom.json` when its patients are synthetic."""

    def look(self) -> Look:
        """Say what is there now; a folder that cannot be looked at stops no other.

        Raises
        ------
        LayoutError, SourceError : the source as a whole cannot be used
        """

    def links(self) -> bytes | None:
        """The link table as it is now."""

    def same(self, offer: Offer, place: Path) -> bool:
        """Whether the landed folder `place` plainly is what is offered; False when in doubt."""

    def fetch(self, offer: Offer, target: Path) -> Fetched:
        """Copy an offer's files below the new folder `target`, or its archive into the place of that; durable.

        Raises
        ------
        SourceError : it could not be read whole
        OSError : the copy could not be written
        """

    def steady(self, offer: Offer, fetched: Fetched) -> bool:
        """Whether the source, looked at and read again, still has what was offered and fetched."""


def content_digest(files: Mapping[str, str]) -> str:
    """One hash for a folder's content: names and SHA-256s."""
    return sha256_bytes(canonical_json(dict(files)))
