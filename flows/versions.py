"""Versions: what DVC recorded, committed to git, and both pushed to where other machines and backups fetch it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cmrpipe.workspace import HERE, Workspace
from flows.dvc import run_dvc
from flows.git import (
    GitError,
    git,
    git_timed,
    identity,
    is_repository,
    refuse_uncommittable,
    upstream,
)
from flows.integrity.records import read_records, tracked
from flows.models import VERDICTS
from flows.updating import recover, update

RECORDS = (
    *map(str, (HERE.lock, HERE.pipeline, HERE.params, HERE.quarantine, HERE.pathology, HERE.forgotten)),
    str(HERE.data / ".gitignore"),
    str(VERDICTS),
)
"""What names the bytes of everything, beside `data/*.dvc`."""
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Versioned:
    """What was recorded.

    Attributes
    ----------
    commit : hash of the new commit, "" when there was nothing to commit or none was asked for
    pushed : whether data and commits were pushed
    text : both in words
    """

    commit: str
    pushed: bool
    text: str


def commit_records(workspace: Path, message: str) -> str:
    """Commit the records, and nothing else that may be staged; returns the new commit's hash, "" without a change.

    Raises
    ------
    GitError : no branch is checked out, files are not merged, or a merge is under way; nothing is committed then
    """
    refuse_uncommittable(workspace)
    there = [name for name in RECORDS if (workspace / name).exists()]
    there += sorted(path.relative_to(workspace).as_posix() for path in Workspace(workspace).data.glob("*.dvc"))
    git(workspace, "add", "--", *there)
    if not git(workspace, "status", "--porcelain", "--untracked-files=no", "--", *there):
        return ""
    git(workspace, *identity(workspace), "commit", "--quiet", "--no-verify", "-m", message, "--", *there)
    return git(workspace, "rev-parse", "HEAD")


def has_remote(workspace: Path) -> bool:
    """Whether DVC has a default remote here."""
    from dvc.config import Config  # noqa: PLC0415 slow to import

    return bool(Config(str(workspace / ".dvc"))["core"].get("remote"))


def _push_git(workspace: Path, timeout_s: float) -> str:
    branch = upstream(workspace)
    if not branch:
        return "this branch has no upstream, so that its commits stay here"
    for left in reversed(range(_TRIES)):
        try:
            git_timed(workspace, "push", "--quiet", timeout_s=timeout_s)
            break
        except GitError:
            if not left:
                raise
            update(workspace, timeout_s)
    return f"pushed to {branch}"


def _recorded(workspace: Path) -> set[str]:
    """Outputs that DVC has a record of: it refuses to pull others, and before the first run there is none."""
    if not Workspace(workspace).lock.exists() and not tracked(workspace):
        return set()
    return {out.path for out in read_records(workspace)}


def fetch(workspace: Path, targets: tuple[str, ...], timeout_s: float) -> None:
    """Bring code and records up to date through git, and from DVC's remote those of the targets that are recorded.

    The caller holds the write lock.
    """
    if is_repository(workspace):
        recover(workspace)
        if upstream(workspace):
            update(workspace, timeout_s)
    there = _recorded(workspace) if has_remote(workspace) else set()
    wanted = [target for target in targets if target in there]
    if wanted:
        arguments = ["pull", "--no-run-cache", "--allow-missing", *wanted]
        run_dvc(arguments, workspace, log_name="pull", timeout_s=timeout_s)


def record(workspace: Path, message: str, *, commit: bool, push: bool, timeout_s: float) -> Versioned:
    """Commit the records to git and push data and commits, data first: a commit never names bytes nobody can fetch.

    The caller holds the write lock.

    Raises
    ------
    GitError, DvcError : a command failed; what was done until then holds, and the next run goes on from there
    """
    said = []
    made = ""
    if (commit or push) and is_repository(workspace):
        recover(workspace)
        refuse_uncommittable(workspace)
    if not commit:
        said.append("not committed: not asked for")
    elif not is_repository(workspace):
        said.append("not committed: the workspace is no git repository")
    else:
        made = commit_records(workspace, message)
        said.append(f"committed as {made[:10]}" if made else "nothing to commit")
    pushed = push and has_remote(workspace)
    if pushed:
        run_dvc(["push"], workspace, log_name="push", timeout_s=timeout_s)
        said.append("data pushed to DVC's remote")
        if commit and is_repository(workspace):
            said.append(_push_git(workspace, timeout_s))
    elif push:
        said.append("not pushed: DVC has no remote here")
    return Versioned(made, pushed, "; ".join(said))
