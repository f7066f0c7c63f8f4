"""User and password, or a token, for a server: never in an address, a parameter, a log or a message."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cmrpipe.errors import SourceError

USER, PASSWORD, TOKEN = "CMRPIPE_PACS_USER", "CMRPIPE_PACS_PASSWORD", "CMRPIPE_PACS_TOKEN"
MEND = f"Set {USER} and {PASSWORD}, or {TOKEN}, in the environment, or use a Prefect block (docs/sources.md)"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we show a server; all empty: nothing. Printing it shows no secret."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if bool(self.user) != bool(self.password) or (self.user and self.token):
            raise SourceError("credentials", "need a user and a password, or a token alone", MEND)

    def __bool__(self) -> bool:
        return bool(self.user or self.token)


def credentials_from(values: Mapping[str, str]) -> Credentials:
    """From keys user, password, token (a Prefect block's value)."""
    unknown = sorted(set(values) - {"user", "password", "token"})
    if unknown:
        raise SourceError("credentials", f"have unknown keys {', '.join(unknown)}", "Use user and password, or token")
    return Credentials(**values)


def credentials_from_environment() -> Credentials:
    """From the environment; empty where nothing is set."""
    return Credentials(*(os.environ.get(name, "") for name in (USER, PASSWORD, TOKEN)))
