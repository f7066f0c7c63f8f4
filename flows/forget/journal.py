"""What a `forget` that was cut short needs to go on: whom it is about, whose lists were whose, what became of them.

The link that tells a patient's contours goes early, the records that name old lists are written anew, and which list
of `data/raw` took the place of which is otherwise told in the commit alone, which comes last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from cmrpipe.files import write_json

JOURNAL = Path(".dvc") / "tmp" / "cmrpipe-forget.json"


@dataclass(frozen=True, slots=True)
class Journal:
    """What was begun.

    Attributes
    ----------
    patient_id, originals : as of the `Person`
    lists : lists of folders that were this workspace's when it began
    renamed : versions of the raw folder, the list with the patient → the one without
    """

    patient_id: str
    originals: tuple[str, ...]
    lists: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)

    def noting(
        self, root: Path, *, lists: Iterable[str] = (), renamed: Mapping[str, str] = MappingProxyType({})
    ) -> Journal:
        """The journal with more in it, written to the disk."""
        more = replace(self, lists=self.lists | set(lists), renamed={**self.renamed, **renamed})
        value = {
            "patient_id": more.patient_id,
            "originals": list(more.originals),
            "lists": sorted(more.lists),
            "renamed": dict(more.renamed),
        }
        write_json(root / JOURNAL, value)
        return more


def read_journal(root: Path) -> Journal | None:
    """What was begun and not ended; None when nothing was."""
    path = root / JOURNAL
    if not path.is_file():
        return None
    value = json.loads(path.read_bytes())
    lists, renamed = frozenset(value.get("lists", ())), value.get("renamed", {})
    return Journal(value["patient_id"], tuple(value["originals"]), lists, renamed)


def end(root: Path) -> None:
    """The work is done."""
    (root / JOURNAL).unlink(missing_ok=True)
