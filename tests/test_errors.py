"""The error tree."""

from __future__ import annotations

import builtins
import re

from cmrpipe import errors
from cmrpipe.errors import CmrpipeError


def test_the_tree_that_is_drawn_is_the_tree_that_is_there() -> None:
    """Every class with its parent and the builtin that it resembles, and no other."""
    drawn: dict[str, tuple[type, ...]] = {}
    above: list[type] = [Exception]
    for branch, name, builtin in re.findall(r"^([│├└─ ]*)(\w+Error)(?: \((\w+)\))?  ", errors.__doc__ or "", re.M):
        depth = len(branch) // 4 + 1
        own = getattr(errors, name)
        drawn[name] = (above[depth - 1], *((getattr(builtins, builtin),) if builtin else ()))
        above[depth:] = [own]
    classes = [own for own in vars(errors).values() if isinstance(own, type) and issubclass(own, CmrpipeError)]
    assert drawn == {own.__name__: own.__bases__ for own in classes}
