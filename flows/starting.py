"""Starting a training from a re-ingestion."""

from __future__ import annotations

from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger


def start_training(deployment: str, slices: int, cause: str) -> str:
    """Queue a run of the training deployment, once for each cause, and do not wait for it; its id, "" without one.

    Parameters
    ----------
    deployment : `flow/deployment`
    slices : new labelled slices, for the run's tags
    cause : what starts it; the same cause, tried again, starts no second training
    """
    key = f"train-after-{cause}" if cause else None
    tags = [f"new-slices:{slices}"]
    try:
        run = run_deployment(deployment, timeout=0, as_subflow=False, tags=tags, idempotency_key=key)
        assert isinstance(run, FlowRun)  # a coroutine only where an event loop runs
    except ObjectNotFound:
        get_run_logger().warning(
            "%d new labelled slices ask for a training, and there is no deployment %s: run `prefect deploy --all`",
            slices,
            deployment,
        )
        return ""
    get_run_logger().info("started %s (%s) for %d new labelled slices", deployment, run.name, slices)
    return str(run.id)
