"""The `cmrpipe` command."""

from cmrpipe.cli.app import app

__all__ = ["app"]
