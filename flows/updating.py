"""Commits of other machines, brought here with ours on top: all of it, or nothing has changed.

`git pull --rebase --autostash` leaves with 0, and conflict markers in the file, where a local edit no longer applies;
a kill in its middle leaves a rebase under way, in which later commits are on no branch, or edits in git's stash. So
git's two steps are taken one by one, and a mark stands in `.cmrpipe/updating` meanwhile: the commit and the newest
stash that there were.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from cmrpipe.files import write_text
from cmrpipe.workspace import HERE
from flows.git import GitError, git, git_timed, identity, refuse_unmerged, said, unmerged

MARK = HERE.state / "updating"
_NO_STASH = "none"
_GITS, _OURS = "autostash", "edited after an update was cut short"
"""What edits are called in git's stash: those that git put aside for the update, those that were made after a kill."""

log = structlog.get_logger(__name__)


def update(workspace: Path, timeout_s: float) -> None:
    """Bring the commits of other machines here, and put ours on top; edits that are not committed stay.

    Raises
    ------
    GitError : the same lines were changed there and here, committed or not; nothing is changed then
    """
    refuse_unmerged(workspace)
    git_timed(workspace, "fetch", "--quiet", timeout_s=timeout_s)
    if not git(workspace, "rev-list", "--max-count=1", "HEAD..@{upstream}"):
        return  # a rebase would do a person's merge again, and stop at what they had settled
    head, stash = git(workspace, "rev-parse", "HEAD"), _stash(workspace)
    mark = workspace / MARK
    mark.parent.mkdir(exist_ok=True)
    write_text(mark, f"{head} {stash or _NO_STASH}\n")
    try:
        git_timed(workspace, *identity(workspace), "rebase", "--quiet", "--autostash", timeout_s=timeout_s)
    except GitError as error:
        if _rebasing(workspace):
            git(workspace, "rebase", "--abort")
        if _stash(workspace) == stash:  # else `recover` has to do with it
            mark.unlink()
        mend = f"`git pull --rebase` in {workspace} shows it again, for you to settle; then again"
        raise GitError(error.where, error.cause, mend) from error
    if _stash(workspace) != stash:  # git keeps edits there that it could not put back
        files = ", ".join(unmerged(workspace)) or "what is edited here"
        git(workspace, "reset", "--quiet", "--hard", head)
        git(workspace, "stash", "pop", "--quiet", "--index")
        mark.unlink()
        raise GitError(
            workspace,
            f"{files}: edited here and not committed, and changed by a commit of another machine; nothing was changed",
            "Commit the edit, `git pull --rebase` and settle it, or take it back with `git checkout`; then again",
        )
    mark.unlink()


def recover(workspace: Path) -> None:
    """Take back an update that was killed in its middle. The caller holds the write lock.

    A rebase that no run began, or that has stopped at a conflict, is a person's: it is never touched. What somebody
    edited since the kill stays, too; and edits that the update had put aside come back, or are told.

    Raises
    ------
    GitError : such a rebase is under way, or edits do not apply to what was before; git's stash has them
    """
    mark = workspace / MARK
    if _rebasing(workspace):
        if not mark.exists() or said(workspace, "rev-parse", "--quiet", "--verify", "REBASE_HEAD"):
            raise GitError(
                workspace, "a rebase is under way", "`git rebase --continue` or `git rebase --abort`, then again"
            )
        edits = git(workspace, *identity(workspace), "stash", "create")
        git(workspace, "rebase", "--abort")
        if edits:
            git(workspace, "stash", "store", "--quiet", "--message", _OURS, edits)
            git(workspace, "stash", "pop", "--quiet")
        log.warning("an update that was cut short was taken back", workspace=str(workspace))
    elif mark.exists():
        _bring_edits_back(workspace, *mark.read_text(encoding="utf-8").split())
    mark.unlink(missing_ok=True)


def _bring_edits_back(workspace: Path, head: str, stash: str) -> None:
    """Take edits that a killed update put aside out of git's stash again, where they apply as they were.

    Parameters
    ----------
    head, stash : what the mark says

    Raises
    ------
    GitError : they do not, or somebody has gone on from another commit; git's stash has them
    """
    kept = [line.partition(" ") for line in said(workspace, "stash", "list", "--format=%H %gs").splitlines()]
    known = [commit for commit, _, _ in kept] + [_NO_STASH]
    newer = kept[: known.index(stash)] if stash in known else []
    ours = [place for place, (_, _, message) in enumerate(newer) if message in (_GITS, _OURS)]
    if not ours:
        return
    refuse_unmerged(workspace)
    cause = "edits that are not committed were put into git's stash by an update that was cut short"
    mend = "Bring them back with `git stash pop`, or drop them (`git stash list`, `git stash drop`); then again"
    if len(ours) > 1 or git(workspace, "rev-parse", "HEAD") != head:
        raise GitError(workspace, cause, mend)
    try:
        git(workspace, "stash", "pop", "--quiet", "--index", f"stash@{{{ours[0]}}}")
    except GitError as error:
        raise GitError(workspace, f"{cause}, and do not apply ({error.cause})", mend) from error
    log.warning("edits that an update had put aside were brought back", workspace=str(workspace))


def _rebasing(workspace: Path) -> bool:
    """Whether a rebase is under way."""
    places = (git(workspace, "rev-parse", "--git-path", name) for name in ("rebase-merge", "rebase-apply"))
    return any((workspace / place).exists() for place in places)


def _stash(workspace: Path) -> str:
    """The newest set of edits that git has put aside, "" for none."""
    return said(workspace, "rev-parse", "--quiet", "--verify", "refs/stash")
