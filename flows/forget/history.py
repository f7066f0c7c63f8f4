"""Git's side of forgetting: what its history names, and the commit of the new records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cmrpipe.workspace import HERE
from flows.forget.person import spellings
from flows.git import GitError, git, said

COMMITTED = (f"{HERE.raw}.dvc", *map(str, (HERE.lock, HERE.quarantine, HERE.pathology, HERE.forgotten)))


def commits_naming(root: Path, names: Iterable[str]) -> set[str]:
    """Commits whose change adds or removes one of these names, however spelt; none where there is no git."""
    found: set[str] = set()
    for spelling in set().union(*map(spellings, names)):
        found |= set(said(root, "log", "--all", "--format=%h", f"-S{spelling}").split())
    return found


def commit(root: Path, message: str) -> tuple[str, ...]:
    """Commit the records, and nothing else; their names, none where there is no git or nothing changed.

    Raises
    ------
    GitError : git refuses
    """
    names = tuple(name for name in COMMITTED if (root / name).exists())
    if not said(root, "rev-parse", "--git-dir"):
        return ()
    try:
        git(root, "add", "--", *names)
        if not git(root, "diff", "--cached", "--name-only", "--", *names):
            return ()
        git(root, "commit", "-q", "-m", message, "--", *names)
    except GitError as error:
        mend = f"Mend that, then commit {', '.join(names)} yourself"
        raise GitError(error.where, error.cause, mend) from error
    return names
