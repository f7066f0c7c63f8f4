"""What our commands are made of: options of logging that act by themselves, and apps whose words are guarded."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer

from cmrpipe.cli.lastword import Command, Commands
from cmrpipe.cli.options import LogJson, LogLevel


def _logging(log_level: LogLevel = "warning", log_json: LogJson = False) -> None:
    """Both options; their callbacks do all that they are for."""


@cache
def _logging_options() -> tuple[Any, ...]:
    """Both as the command line's own objects, which hand no value to a command."""
    described = typer.Typer(add_completion=False)
    described.command()(_logging)
    options = typer.main.get_command(described).params
    for option in options:
        option.expose_value = False
    return tuple(options)


class Logged(Command):
    """A command that logs: `--log-level` and `--log-json` come after its own options."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, params=[*(params or ()), *_logging_options()], **kwargs)


def new_app(*, name: str | None = None, about: str | None = None, no_args_is_help: bool = False) -> typer.Typer:
    """An app in plain text, whose words are guarded where it has several commands; one alone is a `Command`."""
    return typer.Typer(
        name=name,
        cls=Commands,
        help=about,
        no_args_is_help=no_args_is_help,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
