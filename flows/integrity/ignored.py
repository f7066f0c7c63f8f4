"""What DVC does not see of an output: `.dvcignore` of the folders above it, by Git's rules for patterns."""

from __future__ import annotations

from pathlib import Path

from pathspec import GitIgnoreSpec

NAME = ".dvcignore"
_ALWAYS = (".git", ".hg/", ".dvc/")


class Ignored:
    """The patterns that hold for an output; DVC refuses a file of patterns inside one.

    Parameters
    ----------
    root : the workspace
    out : the output, relative to it
    """

    def __init__(self, root: Path, out: str) -> None:
        parts = out.split("/")
        above = ["/".join(parts[:depth]) for depth in range(len(parts))]
        self._specs = [(f"{folder}/" if folder else "", _spec(root / folder, folder == "")) for folder in above]

    def __call__(self, path: str, *, folder: bool) -> bool:
        """Whether a file or folder, relative to the workspace, is ignored; the folders it lies in are taken as seen."""
        end = "/" if folder else ""
        return any(spec.match_file(path.removeprefix(above) + end) for above, spec in self._specs)


def _spec(folder: Path, top: bool) -> GitIgnoreSpec:
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return GitIgnoreSpec.from_lines([*(_ALWAYS if top else ()), *lines])
