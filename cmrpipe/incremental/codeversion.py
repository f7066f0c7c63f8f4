"""The code version of a stage: a hash over the sources that can change its output, found from their imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from cmrpipe.files import sha256_bytes

PACKAGE = Path(__file__).parents[1]

NOT_OUTPUT = frozenset({"cmrpipe", "cmrpipe.params", "cmrpipe.progress", "cmrpipe.incremental.codeversion"})
"""Modules that cannot change a stage's bytes other than through values that are fingerprinted by themselves."""


def _source(module: str) -> Path | None:
    """The module's file, found by its name: asking the import system would run the packages above it (torch, say)."""
    place = PACKAGE.parent.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _imports(source: Path) -> set[str]:
    """Names that may be cmrpipe modules, from the import statements of a file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cmrpipe"):
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names if alias.name.startswith("cmrpipe"))
    return names


def sources(module: str) -> dict[str, Path]:
    """The module's own file and those of all cmrpipe modules it imports, directly or not, by module name."""
    found: dict[str, Path] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        if name in found or name in NOT_OUTPUT:
            continue
        path = _source(name)
        if path is None:
            continue  # a function or class, not a module
        found[name] = path
        todo += _imports(path)
        if "." in name:
            todo.append(name.rpartition(".")[0])
    return dict(sorted(found.items()))


@cache
def code_version(module: str) -> str:
    """SHA-256 over the sources behind `module`; the same on every machine that has the same sources."""
    return sha256_bytes(b"\0".join(name.encode() + b"\0" + path.read_bytes() for name, path in sources(module).items()))
