"""YAML that programs have written."""

from __future__ import annotations

import pytest
import yaml

from cmrpipe.plainyaml import read_record

WRITTEN = (
    b"stages:\n  store:\n    cmd: cmrpipe store\n    deps:\n    - path: data/a\n      md5: 1e5\n      size: 010\n",
    "outs:\n- md5: 0123.dir\n  path: r\u00f6ntgen\n  when: 2026-11-30\n  hash: ~\n  nfiles: 1:30\n",
    b"a: 1\na: 2\n",
    b"",
    b"- one\n- {two: [3, .5, on]}\n",
)
DAMAGED = (
    b"a: [1\n",
    b"a: 1\n  b: 2\n",
    b"\xff\xfe\xfd",
    b"a: 1\0",
    b"<<<<<<< ours\na: 1\n=======\na: 2\n",
    b"a: 2024-13-45\n",
)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_record_is_read_as_by_yamls_own_reader(text: str | bytes) -> None:
    """Text, numbers, dates, bytes, and the last of two."""
    assert read_record(text) == yaml.safe_load(text)


@pytest.mark.parametrize("text", DAMAGED)
def test_damage_is_an_error_as_it_is_there(text: bytes) -> None:
    """Of a kind that callers expect."""
    for read in (yaml.safe_load, read_record):
        with pytest.raises((yaml.YAMLError, ValueError)):
            read(text)
