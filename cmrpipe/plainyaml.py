"""YAML that says what a person reads in it.

Of two entries with one key, YAML's reader takes the last without a word, and YAML 1.1 reads 010 as 8 and 1:30 as 90,
where other readers, DVC's among them, have 10 and text. Here both are errors that name the line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, ScalarNode


class _Reader(yaml.SafeLoader):
    """A safe loader that refuses what it would read otherwise than its writer."""

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        """The mapping as it is written, before anything in it could be lost."""
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], ScalarNode] = {}
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                continue
            before = first.setdefault((key.tag, key.value), key)
            if before is not key:
                said = f"{key.value} is given twice, the first time in line {before.start_mark.line + 1}"
                raise ConstructorError(None, None, said, key.start_mark)
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """The value of a node; what cannot be what it is taken for, as the date 2024-13-45, is an error of YAML's."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:  # what PyYAML lets through
            said = f"{node.value!r} is no {node.tag.rpartition(':')[2]}; text needs quotes"
            raise ConstructorError(None, None, said, node.start_mark) from error


def _as_written(kind: Callable[[str], float], name: str) -> Callable[[_Reader, ScalarNode], float]:
    """A constructor of numbers that takes those alone that are what their digits say."""
    usual = getattr(yaml.SafeLoader, f"construct_yaml_{name}")

    def construct(reader: _Reader, node: ScalarNode) -> float:
        value: float = usual(reader, node)
        try:
            same = kind(node.value) == value
        except ValueError:
            same = False
        if not same:
            said = f"{node.value} is no plain number (YAML takes it for {value}); text needs quotes"
            raise ConstructorError(None, None, said, node.start_mark)
        return value

    return construct


_Reader.add_constructor("tag:yaml.org,2002:int", _as_written(int, "int"))
_Reader.add_constructor("tag:yaml.org,2002:float", _as_written(float, "float"))


def read_yaml(text: str) -> Any:
    """The content of a YAML text.

    Raises
    ------
    yaml.YAMLError : it is no YAML, a key is given twice, a number is not written as a plain decimal one, or a value
        cannot be what it is taken for
    """
    return yaml.load(text, _Reader)  # noqa: S506 a safe loader


def read_record(text: str | bytes) -> Any:
    """The content of YAML that DVC has written, as it reads it; by YAML's reader in C, which takes a tenth of the time.

    Raises
    ------
    yaml.YAMLError : it is no YAML
    """
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 safe loaders
