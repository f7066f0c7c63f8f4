"""Versions: what DVC recorded, committed to git, and both pushed to where other machines and backups fetch it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cmrpipe.errors import CmrpipeError
from flows.child import stream
from flows.dvc import run_dvc
from flows.integrity.records import LOCK, read_records, tracked

RECORDS = (
    "dvc.lock",
    "dvc.yaml",
    "params.yaml",
    "quarantine.csv",
    "pathology.csv",
    "forgotten.csv",
    "data/.gitignore",
    "models",
)
"""What names the bytes of everything, beside `data/*.dvc`."""
_IDENTITY = ("cmrpipe", "cmrpipe@localhost")
_TRIES = 3


class GitError(CmrpipeError, RuntimeError):
    """A git command that failed."""


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


def git(workspace: Path, *arguments: str) -> str:
    """Output of a git command in the workspace.

    Raises
    ------
    GitError : it failed
    """
    environment = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", **os.environ}
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607 the git of the PATH, as DVC uses it
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise GitError(f"git {' '.join(arguments)}", f"failed: {said}", f"Run it in {workspace} to see why")
    return done.stdout.strip()


def git_afar(workspace: Path, *arguments: str, timeout_s: float) -> None:
    """Run a git command that speaks to another machine; ended, with what it started, when that takes too long.

    Raises
    ------
    GitError : it failed or took too long
    """
    lines: list[str] = []
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
    code = stream(
        ["git", *arguments], environment=environment, cwd=workspace, on_line=lines.append, timeout_s=timeout_s
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


def _identity(workspace: Path) -> list[str]:
    """Options that name an author where git knows none: a worker's account has no home to speak of."""
    try:
        git(workspace, "config", "user.email")
    except GitError:
        return ["-c", f"user.name={_IDENTITY[0]}", "-c", f"user.email={_IDENTITY[1]}"]
    return []


def commit_records(workspace: Path, message: str) -> str:
    """Commit the records, and nothing else that may be staged; returns the new commit's hash, "" without a change."""
    there = [name for name in RECORDS if (workspace / name).exists()]
    there += sorted(path.relative_to(workspace).as_posix() for path in (workspace / "data").glob("*.dvc"))
    git(workspace, "add", "--", *there)
    if not git(workspace, "status", "--porcelain", "--untracked-files=no", "--", *there):
        return ""
    git(workspace, *_identity(workspace), "commit", "--quiet", "--no-verify", "-m", message, "--", *there)
    return git(workspace, "rev-parse", "HEAD")


def has_remote(workspace: Path) -> bool:
    """Whether DVC has a default remote here."""
    from dvc.config import Config  # noqa: PLC0415 slow to import

    return bool(Config(str(workspace / ".dvc"))["core"].get("remote"))


def _upstream(workspace: Path) -> str:
    """The branch that this one is pushed to, "" when there is none."""
    try:
        return git(workspace, "rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}")
    except GitError:
        return ""


def _push_git(workspace: Path, timeout_s: float) -> str:
    upstream = _upstream(workspace)
    if not upstream:
        return "this branch has no upstream, so that its commits stay here"
    for left in reversed(range(_TRIES)):
        try:
            git_afar(workspace, "push", "--quiet", timeout_s=timeout_s)
            break
        except GitError:
            if not left:
                raise
            update(workspace, timeout_s)
    return f"pushed to {upstream}"


def update(workspace: Path, timeout_s: float) -> None:
    """Bring the commits of other machines here, and put ours on top.

    Raises
    ------
    GitError : the same records were changed there and here; nothing is changed then
    """
    try:
        pull = ("pull", "--quiet", "--rebase", "--autostash")
        git_afar(workspace, *_identity(workspace), *pull, timeout_s=timeout_s)
    except GitError:
        if (workspace / ".git" / "rebase-merge").exists():
            git(workspace, "rebase", "--abort")
        raise


def _recorded(workspace: Path) -> set[str]:
    """Outputs that DVC has a record of: it refuses to pull others, and before the first run there is none."""
    if not (workspace / LOCK).exists() and not tracked(workspace):
        return set()
    return {out.path for out in read_records(workspace)}


def fetch(workspace: Path, targets: tuple[str, ...], timeout_s: float) -> None:
    """Bring code and records up to date through git, and from DVC's remote those of the targets that are recorded."""
    if is_repository(workspace) and _upstream(workspace):
        update(workspace, timeout_s)
    there = _recorded(workspace) if has_remote(workspace) else set()
    wanted = [target for target in targets if target in there]
    if wanted:
        arguments = ["pull", "--no-run-cache", "--allow-missing", *wanted]
        run_dvc(arguments, workspace, log_name="pull", timeout_s=timeout_s)


def record(workspace: Path, message: str, *, commit: bool, push: bool, timeout_s: float) -> Versioned:
    """Commit the records to git and push data and commits, data first: a commit never names bytes nobody can fetch.

    Raises
    ------
    GitError, DvcError : a command failed; what was done until then holds, and the next run goes on from there
    """
    said = []
    made = ""
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
