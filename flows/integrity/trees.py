"""DVC's record of a folder: a JSON list of paths and MD5s, itself an object named by its MD5 and `.dir`.

A damaged one can often be made again from what is left of it and from what lies in the workspace: its name proves it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice
from typing import TypeAlias

from cmrpipe.dvclist import list_bytes, md5_bytes
from flows.integrity.objects import md5_of

Entries: TypeAlias = dict[str, str]
"""Path relative to the folder → MD5."""

_PAIR = re.compile(r'\{"md5": "([^"]{1,40})", "relpath": "((?:[^"\\]|\\.)*)"\}')
_MD5 = re.compile(r"[0-9a-f]{32}")
_TRIES = 4000


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder's record, proven by its name."""

    oid: str
    data: bytes
    entries: Entries


def proven(oid: str, data: bytes | None) -> Tree | None:
    """The record in an object's bytes; None when they are not those of its name."""
    if data is None or md5_bytes(data) != md5_of(oid):
        return None
    return Tree(oid, data, {entry["relpath"]: entry["md5"] for entry in json.loads(data)})


def remains(data: bytes) -> Entries:
    """What can be read of a damaged record."""
    found: Entries = {}
    for md5, text in _PAIR.findall(data.decode("utf-8", errors="replace")):
        try:
            path = json.loads(f'"{text}"')
        except ValueError:
            continue
        if _MD5.fullmatch(md5):
            found[path] = md5
    return found


def _options(
    here: Mapping[str, str], left: Mapping[str, str], further: Mapping[str, Iterable[str]]
) -> dict[str, list[str | None]]:
    """What each path may have been, likeliest first; None: not in the folder."""
    found: dict[str, list[str | None]] = {}
    for path in here.keys() | left.keys() | further.keys():
        choices: list[str | None] = [here.get(path), left.get(path), *further.get(path, ())]
        known: list[str | None] = [md5 for md5 in dict.fromkeys(choices) if md5]
        agreed = path in here and here[path] == left.get(path)
        found[path] = known if agreed else [*known, None]
    return found


def _changes(options: Mapping[str, Sequence[str | None]]) -> Iterator[tuple[tuple[str, str | None], ...]]:
    """Departures from the likeliest choice: none, single ones, pairs, and so on."""
    single = [(path, choice) for path, choices in sorted(options.items()) for choice in choices[1:]]
    return chain.from_iterable(combinations(single, count) for count in range(min(len(single), 6) + 1))


def rebuilt(
    oid: str, here: Mapping[str, str], damaged: Iterable[bytes], further: Mapping[str, Iterable[str]] | None = None
) -> Tree | None:
    """Make a folder's record again.

    Parameters
    ----------
    oid : its name, which decides
    here : MD5s of the files in the workspace
    damaged : bytes of copies that are not whole
    further : other MD5s that a path may have had
    """
    for left in [*map(remains, damaged), {}]:
        options = _options(here, left, further or {})
        likeliest = {path: choices[0] for path, choices in options.items()}
        for change in islice(_changes(options), _TRIES):
            chosen = likeliest | dict(change)
            data = list_bytes({path: md5 for path, md5 in chosen.items() if md5 is not None})
            tree = proven(oid, data)
            if tree is not None:
                return tree
    return None
