"""What earlier attempts of a flow run did.

A run that fails is tried again, in the same process, and looks at everything again: it finds who came in the first
attempt landed and unchanged. What it says of itself is to be about the whole run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.summary import State

_CAME = ("new", "changed", "made_way", "contours_new", "contours_changed", "table_new", "table_changed")
_before: dict[str, State] = {}
_landed: dict[str, dict[str, Any]] = {}


def before(run: str, now: State) -> State:
    """The workspace's state before the first attempt of a run; `now` is that of this one."""
    return _before.setdefault(run, now)


def together(run: str, landed: Mapping[str, Any]) -> dict[str, Any]:
    """What all attempts of a run landed, counted; `landed` is what this one did."""
    earlier = _landed.get(run, {})
    found = dict(landed) | {name: landed.get(name, 0) + earlier.get(name, 0) for name in _CAME}
    came = earlier.get("new", 0) + earlier.get("changed", 0)
    found["unchanged"] = max(landed.get("unchanged", 0) - came, 0)
    _landed[run] = found
    return found


def forget(run: str) -> None:
    """The run has come to its end."""
    _before.pop(run, None)
    _landed.pop(run, None)
