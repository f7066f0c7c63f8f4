"""Names of what editors, file managers, copies and network storage leave in folders: nobody's images or contours."""

from __future__ import annotations

_NAMES = frozenset(
    {
        "thumbs.db",
        "desktop.ini",
        "dicomdir",
        "icon\r",  # a folder's picture on a Mac
        "__macosx",
        "@eadir",  # Synology: thumbnails, in every folder
        "#recycle",
        "@recycle",  # QNAP
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "__pycache__",
        "dvc.yaml",  # of a source that is under DVC itself, with .dvc files beside what is recorded
        "dvc.lock",
    }
)
_SUFFIXES = (".swp", ".swo", "~", ".tmp", ".part", ".crdownload", ".dvc")
_TO_DVC = frozenset({".dvcignore", ".git", "dvc.yaml"})


def is_stray(name: str) -> bool:
    """Whether a file's or a folder's name is that of something editors, file managers and copies leave behind."""
    lower = name.lower()
    return lower.startswith(".") or lower in _NAMES or lower.endswith(_SUFFIXES)


def spoils_record(name: str) -> bool:
    """Whether DVC passes over a stray file of this name in the raw folder, or refuses that for it.

    It ignores what `.dvcignore` of the workspace says, takes `.dvc` and `dvc.yaml` for its own, and wants no rules.
    """
    return name in _TO_DVC or name.startswith(".tmp-") or name.endswith(".dvc")


def stray_in(path: str) -> str:
    """The stray that a file is or lies in, a folder with a slash behind it; "" where it is none."""
    parts = path.split("/")
    for depth, part in enumerate(parts, 1):
        if is_stray(part):
            return "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
    return ""
