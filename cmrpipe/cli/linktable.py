"""What is wrong with the link table of a source that has not landed, in the words of `cmrpipe validate`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from cmrpipe.checks.links import check_ambiguous, check_resolution, check_rows, check_tables
from cmrpipe.codes import Severity
from cmrpipe.connect.source import Look
from cmrpipe.errors import LinkError
from cmrpipe.linking import map_links
from cmrpipe.model import Finding, Link
from cmrpipe.readers.layouts import (
    CONTOURS,
    DICOMS,
    LINK_FOLDER,
    LINK_TABLE,
    contour_folders,
    link_tables,
    patient_folders,
)
from cmrpipe.readers.links import read_link_table


def check_link_table(
    look: Look, name: str, raw: Path, blocked: Iterable[str], forgotten: Callable[[str], bool]
) -> list[Finding]:
    """Hold a source's link table against the folders that it has, and that have landed; what is gravest comes first.

    Forgotten patients, who do not land, are passed over. A source without contours needs no table, nor does
    one whose contours a landed table may link.

    Parameters
    ----------
    look : what the source has
    name : the source's, after which its table is called once it has landed
    raw : the raw folder
    blocked : folders that the source has of forgotten patients
    forgotten : whether a folder is that of a forgotten patient
    """
    offered = {offer.folder for offer in look.offers} | set(look.bad)
    landed = [path for path in link_tables(raw) if path != f"{LINK_FOLDER}/{name}.csv"]
    contours = _below(CONTOURS, offered)
    if look.links is None:
        return [] if landed or not contours else list(check_tables([], []))
    try:
        table = read_link_table(look.links, LINK_TABLE)
    except LinkError as error:
        return list(check_tables([], [(LINK_TABLE, str(error))]))
    every = (
        sorted({*_below(DICOMS, offered), *patient_folders(raw)}),
        sorted({*contours, *contour_folders(raw)}),
    )
    ours = map_links(table.links, *every)
    linked = map_links([*table.links, *_rows(raw, landed)], *every)

    def stays(link: Link) -> bool:
        return not forgotten(f"{DICOMS}/{link.patient_id}") and not forgotten(f"{CONTOURS}/{link.original_id}")

    found = replace(
        ours,
        originals=linked.originals,
        no_patient=tuple(filter(stays, ours.no_patient)),
        no_contours=tuple(filter(stays, ours.no_contours)),
    )
    told = [
        *check_tables([table], []),
        *check_rows(table.links),
        *check_ambiguous(ours),
        *check_resolution(found, *(_below(kind, offered.difference(blocked)) for kind in (DICOMS, CONTOURS))),
    ]
    return sorted(told, key=lambda finding: list(Severity).index(finding.severity))


def _below(parent: str, folders: Iterable[str]) -> list[str]:
    """Names of the folders that lie in another one."""
    return sorted(folder.removeprefix(f"{parent}/") for folder in folders if folder.startswith(f"{parent}/"))


def _rows(raw: Path, paths: Sequence[str]) -> list[Link]:
    """Rows of the tables that have landed; what is no table has none, as validation will say."""
    links: list[Link] = []
    for path in paths:
        try:
            links += read_link_table((raw / path).read_bytes(), path).links
        except LinkError:
            continue
    return links
