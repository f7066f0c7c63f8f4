"""`python -m cmrpipe`."""

from cmrpipe.cli import app

app()
