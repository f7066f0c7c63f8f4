"""What `forget` says: what there is of a patient and what went, what stays and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from cmrpipe.nouns import counted
from cmrpipe.workspace import Workspace
from flows.forget.history import commits_naming, is_shallow
from flows.forget.person import Person
from flows.forget.vault import Findings, part_of

out = Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a line."""
    out.print(text, markup=False)


def tell_objects(place: str, found: Findings, *, removed: bool = False) -> None:
    """What a cache or remote has, or had, of a patient, and what of it stays."""
    lead = "removed from " if removed else "  "
    say(
        f"{lead}{place}: {len(found.remove)} objects of theirs; {len(found.redacted)} versions of data/raw written anew"
    )
    tell_others(place, found)
    if found.shared:
        say(f"  {place}: {counted(len(found.shared), 'object')} of theirs left, which another workspace's lists need")


def tell_others(place: str, found: Findings) -> None:
    """What names the id on a shelf and is not this workspace's."""
    if found.foreign:
        say(
            f"  {place}: {counted(len(found.foreign), 'list')} of files left that have such an id and that no commit "
            "here knows: another workspace's, as it seems, which may mean somebody else (docs/forget.md)"
        )


def tell_models(root: Path, person: Person, models: Mapping[str, str]) -> None:
    """Which models have learnt from, or were judged on, a patient."""
    splits = Workspace(root).model / "splits.json"
    part = part_of(splits.read_bytes() if splits.is_file() else None, person)
    if part:
        say(f"stays: data/model had them in {part}; its weights and its split stay until the next `cmrpipe run`")
    for oid, where in sorted(models.items()):
        say(f"stays: model version {oid} (in DVC's cache or remote) had them in {where}")
    if not part and not models:
        say("no model here was trained, chosen or judged on them")


def tell_commit(names: Sequence[str], lines: Sequence[str]) -> None:
    """What was committed; which list took the place of which, where git does not keep that."""
    say(f"committed {', '.join(names)}" if names else "git: nothing to commit")
    for line in () if names else lines:
        say(f"  {line}")


def tell_history(root: Path, person: Person) -> None:
    """Git's history keeps hashes of data; only quarantine.csv and pathology.csv ever named anybody."""
    commits = commits_naming(root, (person.patient_id, *person.originals))
    if is_shallow(root):
        say("git: this clone is shallow, and only its own commits were looked at: `git fetch --unshallow`, then again")
    if commits:
        say(f"git: {len(commits)} commits name them (as a rule in quarantine.csv or pathology.csv); see docs/forget.md")
    else:
        say("git: no commit names them; it keeps hashes of their files, from which nothing can be had")
