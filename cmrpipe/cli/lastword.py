"""What becomes of a command whose own words cannot be written: standard output is full, or nobody reads it any more.

Neither is a finding: exit code 1, which gates a job, must not say so. The interpreter, and what parses our arguments,
would leave with 1 all the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from cmrpipe.cli.console import EXIT_FAILED, EXIT_UNREAD, refuse
from cmrpipe.cli.utf8 import in_utf8
from cmrpipe.errors import CmrpipeError


def _silence(*streams: TextIO) -> None:
    """Let what is still to be written go nowhere, so that the interpreter does not trip over it as it ends."""
    for stream in streams:
        with suppress(OSError, ValueError):  # it may be no file at all
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


@contextmanager
def _last_word() -> Iterator[None]:
    """Turn what the system has against our words, and what no command has caught, into a message and exit code 2."""
    try:
        yield
    except BrokenPipeError as error:
        _silence(sys.stdout, sys.stderr)
        raise typer.Exit(EXIT_UNREAD) from error
    except CmrpipeError as error:
        refuse("cmrpipe", str(error))
        raise typer.Exit(EXIT_FAILED) from error
    except OSError as error:
        if error.filename is None:
            _silence(sys.stdout)
        where = "standard output" if error.filename is None else os.fsdecode(error.filename)
        with suppress(OSError):  # where there is no room for output, there may be none for errors
            refuse("cmrpipe", f"{where}: cannot be used ({error.strerror}). Check where it leads, and the disk")
        raise typer.Exit(EXIT_FAILED) from error


class _Guarded:
    """What reads arguments, or prints help, and then does something: both may meet output that cannot be written."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """The whole of it."""
        in_utf8()
        return super().main(*args, **kwargs)  # type: ignore[misc]

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """The arguments, or the help."""
        with _last_word():
            return super().make_context(*args, **kwargs)  # type: ignore[misc]

    def invoke(self, ctx: Any) -> Any:
        """What it does."""
        with _last_word():
            return super().invoke(ctx)  # type: ignore[misc]


class Command(_Guarded, TyperCommand):
    """A command by itself."""


class Commands(_Guarded, TyperGroup):
    """Commands under one name."""
