"""Git's side of forgetting: what its history names, and the commit of the new records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cmrpipe.workspace import HERE
from flows.forget.person import spellings
from flows.git import GitError, git, identity, is_repository, refuse_uncommittable, said
from flows.updating import recover

COMMITTED = (f"{HERE.raw}.dvc", *map(str, (HERE.lock, HERE.quarantine, HERE.pathology, HERE.forgotten)))


def commits_naming(root: Path, names: Iterable[str]) -> set[str]:
    """Commits whose change adds or removes one of these names, however spelt; none where there is no git."""
    found: set[str] = set()
    for spelling in set().union(*map(spellings, names)):
        found |= set(said(root, "log", "--all", "--format=%h", f"-S{spelling}").split())
    return found


def is_shallow(root: Path) -> bool:
    """Whether git has only the newest commits here."""
    return said(root, "rev-parse", "--is-shallow-repository") == "true"


def ready(root: Path) -> None:
    """See to it that the records can be committed; asked before anything goes. The caller holds the write lock.

    Raises
    ------
    GitError : git refuses to work here; a rebase, a merge or the like is under way; no branch is checked out; files
        are not merged
    """
    if not said(root, "rev-parse", "--git-dir"):
        if is_repository(root):
            raise GitError(root, "git has nothing to say of this checkout", "`git status` there says why")
        return
    recover(root)
    refuse_uncommittable(root)


def commit(root: Path, subject: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Commit the records, and nothing else; their names, none where there is no git or nothing to say.

    Parameters
    ----------
    lines : what must be found in the history, in this commit or in one that there is already

    Raises
    ------
    GitError : git refuses
    """
    if not said(root, "rev-parse", "--git-dir"):
        return ()
    names = tuple(name for name in COMMITTED if (root / name).exists())
    try:
        git(root, "add", "--", *names)
        if not git(root, "diff", "--cached", "--name-only", "--", *names):
            told = said(root, "log", "--all", "--format=%B").splitlines() if lines else ()
            if set(lines) <= set(told):
                return ()
        message = "\n".join([subject, "", "Older versions of data/raw without them:", *lines] if lines else [subject])
        options = ("--quiet", "--no-verify", "--allow-empty", "-m", message)
        git(root, *identity(root), "commit", *options, "--", *names)
    except GitError as error:
        raise GitError(error.where, error.cause, "Mend that, then the same again: it goes on from here") from error
    return names
