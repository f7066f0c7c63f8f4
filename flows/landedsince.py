"""Of what stands in the raw folder and is in no record, what landed: the ledger tells it from what somebody altered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cmrpipe.files import sha256_file
from cmrpipe.landing import Ledger, content_of
from cmrpipe.readers.layouts import ASIDE, DICOMS, LINK_FOLDER, PHANTOM, folder_of
from flows.integrity.trees import Entries


def unexplained(raw: Path, paths: Iterable[str]) -> list[str]:
    """Those of the changed files whose folder is not what was put there last, by the ledger."""
    ledger = Ledger(raw)
    landed: dict[str, bool] = {}
    found = []
    for path in paths:
        folder = folder_of(path)
        if folder not in landed:
            landed[folder] = _explained(raw, ledger, folder)
        if not landed[folder]:
            found.append(path)
    return found


def _explained(raw: Path, ledger: Ledger, folder: str) -> bool:
    """Whether a folder, or a link table with its suffix, is what was put there last, by the ledger."""
    if folder.startswith(f"{LINK_FOLDER}/"):
        last = ledger.placed(folder.removesuffix(".csv"))
        return last is not None and (raw / folder).is_file() and last.new == sha256_file(raw / folder)
    last = ledger.placed(folder)
    return last is not None and last.new == content_of(raw, folder)


def landed_since(raw: Path, now: Entries, known: Entries, mine: Entries) -> tuple[set[str], list[str]]:
    """What is in no record: folders and link tables that landed here since, on what both records have; other files.

    Of a patient who landed since, the list of images put aside stays as it is, also where it is gone.

    Parameters
    ----------
    now, known : what stands, and what the record says that git has brought
    mine : what was recorded here last; nothing where its list is lost (`dvc gc`), so that nobody can tell what landed
        since
    """
    ledger = Ledger(raw)
    kept: set[str] = set()
    left: list[str] = []
    stand, theirs, ours = by_folder(now), by_folder(known), by_folder(mine)
    for folder, files in sorted(stand.items()):
        if files in (theirs.get(folder), ours.get(folder)):
            continue
        own = [path for path, md5 in sorted(files.items()) if md5 not in (known.get(path), mine.get(path))]
        if folder.startswith(f"{ASIDE}/") or _explained(raw, ledger, folder):
            if mine and theirs.get(folder) == ours.get(folder):
                kept.add(folder)
            else:
                left += own or sorted(files.keys() ^ ours.get(folder, {}).keys()) or sorted(files)
        else:
            left += own
    if (PHANTOM in now) != (PHANTOM in known):  # phantom and real patients never stand in one set
        left += [path for path in sorted(now) if folder_of(path) in kept]
    lists = {f"{ASIDE}/{folder.partition('/')[2]}.csv" for folder in kept if folder.startswith(f"{DICOMS}/")}
    kept |= {path for path in lists - stand.keys() if theirs.get(path) == ours.get(path)}
    return kept, left


def by_folder(entries: Entries) -> dict[str, Entries]:
    """The files of each patient, contour set, link table or list."""
    found: dict[str, Entries] = {}
    for path, md5 in entries.items():
        found.setdefault(folder_of(path), {})[path] = md5
    return found
