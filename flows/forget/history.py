"""Git's side of forgetting: what its history names, and the commit of the new records."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from cmrpipe.workspace import HERE
from flows.forget.person import spellings

COMMITTED = (f"{HERE.raw}.dvc", *map(str, (HERE.lock, HERE.quarantine, HERE.pathology, HERE.forgotten)))


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],  # noqa: S607 the git that the user has on the path
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def commits_naming(root: Path, names: Iterable[str]) -> set[str]:
    """Commits whose change adds or removes one of these names, however spelt; none where there is no git."""
    found: set[str] = set()
    for spelling in set().union(*map(spellings, names)):
        found |= set(_git(root, "log", "--all", "--format=%h", f"-S{spelling}").stdout.split())
    return found


def commit(root: Path, message: str) -> tuple[str, ...]:
    """Commit the records, and nothing else; their names, none where there is no git or nothing changed.

    Raises
    ------
    CmrpipeError : git refuses
    """
    names = tuple(name for name in COMMITTED if (root / name).exists())
    if _git(root, "rev-parse").returncode:
        return ()
    for arguments in (("add", "--", *names), ("commit", "-q", "-m", message, "--", *names)):
        if arguments[0] == "commit" and not _git(root, "diff", "--cached", "--name-only", "--", *names).stdout.strip():
            return ()
        done = _git(root, *arguments)
        if done.returncode:
            mend = f"Mend that, then commit {', '.join(names)} yourself"
            raise CmrpipeError(f"git {arguments[0]}", done.stderr.strip() or "failed", mend)
    return names
