"""Whether the optional part that learning needs is installed."""

from __future__ import annotations

from importlib.util import find_spec

from cmrpipe.errors import CmrpipeError


def require_torch() -> None:
    """Refuse to go on without torch, lightning and monai.

    Raises
    ------
    CmrpipeError : names what is missing
    """
    missing = [name for name in ("torch", "lightning", "monai") if find_spec(name) is None]
    if missing:
        raise CmrpipeError(
            ", ".join(missing),
            "is not installed, and training and prediction need it",
            'Run pip install "cmrpipe[train]"',
        )
