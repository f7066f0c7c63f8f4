"""The folder of all kept models: all of it here before it is added to, and recorded without damage."""

from __future__ import annotations

from pathlib import Path

from flows.dvc import run_dvc
from flows.folders import UnrecordedError, listed, record_folder, recorded
from flows.integrity.objects import copy_proven
from flows.integrity.trees import Entries
from flows.models import COMPARISON, KEPT


def bring_kept(workspace: Path, timeout_s: float) -> None:
    """Bring here what is recorded of kept models and missing, and touch nothing else; from DVC's cache, or its remote.

    A `dvc pull` refuses where the folder holds more than is recorded: a model that was kept and not yet judged.

    Raises
    ------
    UnrecordedError : a file is in neither
    """
    out = recorded(workspace, KEPT)
    if out is None:
        return
    known, cache = listed(workspace, out)
    missing = {path: md5 for path, md5 in sorted(known.items()) if not (workspace / KEPT / path).exists()}
    if not all(cache.path(md5).is_file() for md5 in missing.values()):
        run_dvc(["fetch", KEPT.as_posix()], workspace, log_name="fetch-models", timeout_s=timeout_s)
    for path, md5 in missing.items():
        if not copy_proven(cache.path(md5), workspace / KEPT / path, md5):
            raise UnrecordedError(
                workspace / KEPT / path,
                "is missing, and what DVC's cache has of it are other bytes",
                "`cmrpipe rebuild` brings it back, or says that it is lost; then do the same again",
            )


def is_kept(workspace: Path, model: str) -> bool:
    """Whether a kept model is recorded; a conflict that was settled for a colleague's record leaves it out."""
    out = recorded(workspace, KEPT)
    return out is not None and any(path.startswith(f"{model}/") for path in listed(workspace, out)[0])


def record_kept(workspace: Path, model: str, timeout_s: float) -> None:
    """Let DVC record the kept models. Only the comparison of the one that is being judged may have changed.

    Raises
    ------
    UnrecordedError : recorded files are missing or altered; the record stays as it was
    """

    def unmeant(known: Entries, now: Entries) -> list[str]:
        compared = f"{model}/{COMPARISON}"
        return [path for path, md5 in sorted(known.items()) if now.get(path) != md5 and path != compared]

    record_folder(workspace, KEPT, unmeant=unmeant, timeout_s=timeout_s)
