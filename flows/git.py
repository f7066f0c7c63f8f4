"""Git in a workspace: commands run to their end, and what state the checkout is in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from flows.child import stream

_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
_IDENTITY = ("cmrpipe", "cmrpipe@localhost")


class GitError(CmrpipeError, RuntimeError):
    """A git command that failed, or a checkout in a state that nothing may be committed from."""


def _output(workspace: Path, *arguments: str) -> bytes:
    """Output of a git command, byte for byte.

    Raises
    ------
    GitError : it failed
    """
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607 the git of the PATH, as DVC uses it
        cwd=workspace,
        env={**_QUIET, **os.environ},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise GitError(f"git {' '.join(arguments)}", f"failed: {said}", f"Run it in {workspace} to see why")
    return done.stdout


def git(workspace: Path, *arguments: str) -> str:
    """Output of a git command in the workspace, without blanks at its ends.

    Raises
    ------
    GitError : it failed
    """
    return _output(workspace, *arguments).decode(errors="replace").strip()


def git_timed(workspace: Path, *arguments: str, timeout_s: float) -> None:
    """Run a git command that may take long; ended, with what it started, when it takes too long.

    Raises
    ------
    GitError : it failed or took too long
    """
    lines: list[str] = []
    code = stream(
        ["git", *arguments],
        environment={**os.environ, **_QUIET},
        cwd=workspace,
        on_line=lines.append,
        timeout_s=timeout_s,
    )
    if code is None:
        said = f"took longer than {timeout_s:g} s and was ended"
    elif code:
        said = f"failed: {''.join(lines).strip()}"
    else:
        return
    raise GitError(f"git {' '.join(arguments)}", said, f"Run it in {workspace} to see why")


def is_repository(workspace: Path) -> bool:
    """Whether the workspace is the top of a git repository."""
    return (workspace / ".git").exists()


def identity(workspace: Path) -> list[str]:
    """Options that name an author where git knows none: a worker's account has no home to speak of."""
    if said(workspace, "config", "user.email"):
        return []
    return ["-c", f"user.name={_IDENTITY[0]}", "-c", f"user.email={_IDENTITY[1]}"]


def said(workspace: Path, *arguments: str) -> str:
    """Output of a git command that fails where there is nothing to say, or no git: "" then."""
    try:
        return git(workspace, *arguments)
    except (GitError, OSError):
        return ""


def committed(workspace: Path, name: str) -> bytes | None:
    """A file of the workspace as the last commit has it; None where that has none, or there is no git."""
    try:
        return _output(workspace, "show", f"HEAD:./{name}")
    except (GitError, OSError):
        return None


def upstream(workspace: Path) -> str:
    """The branch that this one is pushed to, "" when there is none."""
    return said(workspace, "rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}")


def refuse_uncommittable(workspace: Path) -> None:
    """Refuse a checkout in which the records cannot be committed, before anything is done for it.

    Raises
    ------
    GitError : no branch is checked out, files are not merged, or a person's merge, cherry-pick or revert is under way
    """
    _refuse_detached(workspace)
    refuse_unmerged(workspace)
    _refuse_halfway(workspace)


def _refuse_detached(workspace: Path) -> None:
    """Commits are made on a branch: those on none are never pushed, and lost with the next checkout.

    Raises
    ------
    GitError : no branch is checked out
    """
    if not said(workspace, "symbolic-ref", "--quiet", "HEAD"):
        raise GitError(
            workspace, "no branch is checked out, so that a commit would be on none", "`git switch BRANCH`, then again"
        )


def _refuse_halfway(workspace: Path) -> None:
    """In the middle of a merge and the like git commits all that is staged, or nothing.

    Raises
    ------
    GitError : a person's merge, cherry-pick or revert is under way
    """
    for head in ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"):
        if said(workspace, "rev-parse", "--quiet", "--verify", head):
            command = head.removesuffix("_HEAD").lower().replace("_", "-")
            mend = f"`git {command} --continue` or `git {command} --abort`, then again"
            raise GitError(workspace, f"a {command} is under way", mend)


def refuse_unmerged(workspace: Path) -> None:
    """What git could not merge holds both versions and conflict markers: a person must choose first.

    Raises
    ------
    GitError : there are such files
    """
    files = unmerged(workspace)
    if files:
        raise GitError(
            workspace,
            f"{', '.join(files)}: changed here and elsewhere, and not merged",
            "Settle them by hand and `git add` them (`git status` says how they came; an edit that was never "
            "committed is in `git stash list`), then again",
        )


def unmerged(workspace: Path) -> list[str]:
    """Files that git could not merge."""
    return git(workspace, "diff", "--name-only", "--diff-filter=U").splitlines()
