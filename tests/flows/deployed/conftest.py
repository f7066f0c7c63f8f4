"""A standing Prefect server for all tests of this folder, and for them alone: it works even when nobody asks it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.flows import postgres, standing
from tests.flows.conftest import new_space
from tests.flows.standing import Standing


@pytest.fixture(scope="package")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A standing server on PostgreSQL with its deployments, and a worker a pool; gone with the last test of these."""
    base = tmp_path_factory.mktemp("standing")
    with postgres.running() as database, standing.told() as webhook:
        found = Standing(new_space(base / "space", base / "home"), database)
        found.webhook = webhook
        try:
            found.start_server()
            found.set_up()
            found.call("prefect", "deploy", "--all")
            for pool in standing.POOLS:
                found.start_worker(pool)
            yield found
        finally:
            found.close()


@pytest.fixture(scope="module", name="standing")
def workspace_of_server(prefect_server: Standing) -> Standing:
    """The server, and at the workers' checkout a workspace in which nothing has run."""
    shutil.rmtree(prefect_server.space.root)
    new_space(prefect_server.space.root, prefect_server.space.home)
    return prefect_server
