"""The integrity check as a Prefect flow: hash everything, bring back what is bad, say what is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from cmrpipe.errors import CmrpipeError
from cmrpipe.nouns import counted
from cmrpipe.workspace import HERE
from flows.artifacts import ROWS, name_run, show_table, show_text
from flows.command import run_command
from flows.logs import to_run
from flows.tasks import teller

OUTCOMES = HERE.state / "integrity"
_FINE = (0, 1)
"""Exit codes of verify and rebuild that come with an outcome: all is well, something is not."""
_WAITING = 0.9
"""Part of its time that each may wait for another writer: it then says for whom, before it is ended."""


class DamageError(CmrpipeError, ValueError):
    """Something is not as it was recorded, and did not come back."""


@task(name="integrity", task_run_name="{command}", cache_policy=NO_CACHE)
def integrity_task(workspace: Path, command: str, remote: str | None, timeout_s: float) -> dict[str, Any]:
    """Run `cmrpipe verify` or `cmrpipe rebuild`, which take the write lock themselves; returns its outcome."""
    out = OUTCOMES / f"{command}.json"
    (workspace / out).unlink(missing_ok=True)
    arguments = [command, "--json", str(out)] + ([] if remote is None else [f"--remote={remote}"])
    run_command(
        "flows.integrity",
        arguments,
        workspace,
        tell=teller(command),
        timeout_s=timeout_s,
        fine=_FINE,
        patience_s=_WAITING * timeout_s,
    )
    found: dict[str, Any] = json.loads((workspace / out).read_bytes())
    return found


def _page(checked: dict[str, Any], rebuilt: dict[str, Any]) -> str:
    read = [f"| {place} | {n['files']} | {n['bytes'] / 1e6:.1f} |" for place, n in checked["read"].items()]
    lines = ["| place | files | MB |", "| --- | ---: | ---: |", *read, "", f"{len(checked['bad'])} were bad."]
    back = [f"- `{entry['path']}`: {entry['way']}" for entry in rebuilt.get("restored", [])[:ROWS]]
    lost = [f"- `{entry['path']}`: {entry['why']}" for entry in rebuilt.get("lost", [])[:ROWS]]
    left = [f"- `{entry['path']}`: {entry['detail']}" for entry in rebuilt.get("left", [])[:ROWS]]
    for title, part in (("Brought back", back), ("Lost", lost), ("For a person to decide", left)):
        lines += ["", f"## {title}", "", *part] if part else []
    return "\n".join(lines)


@flow(name="verify", flow_run_name="verify")  # not tried again: damage stays, and all would be hashed once more
def verify(
    workspace: str = ".", remote: str | None = None, repair: bool = True, timeout_h: float = 24.0
) -> dict[str, Any]:
    """Hash what is really there, bring back what is bad, and fail when something stays bad.

    Parameters
    ----------
    workspace : folder with .dvc and flows/
    remote : a DVC remote to hash too, "" for the default one; None: none (a remote's hashing reads all of it)
    repair : bring back what is bad; without, it is only told
    timeout_h : hours that each of the two may take, waiting for another writer included

    Returns
    -------
    outcomes of verify and rebuild, as their `--json` has them

    Raises
    ------
    DamageError : something did not come back, or repair is off; the run fails, which an automation can tell on
    """
    to_run()
    root, timeout_s = Path(workspace).resolve(), timeout_h * 3600
    checked = integrity_task(root, "verify", remote, timeout_s)
    rebuilt: dict[str, Any] = {}
    bad = len(checked["bad"])
    if bad and repair:
        rebuilt = integrity_task(root, "rebuild", remote, timeout_s)
    back = len(rebuilt.get("restored", []))
    whole = rebuilt["whole"] if rebuilt else not bad
    name_run(f"verify: {counted(bad, 'bad file', commas=True)}, {back} brought back", ["whole" if whole else "damaged"])
    if bad:
        show_table("damage", checked["bad"][:ROWS], f"{bad} are not as they were recorded")
    show_text("integrity", _page(checked, rebuilt), "What was hashed, what was bad, what came back")
    if not whole:
        raise DamageError(
            root,
            f"{counted(bad, 'file', commas=True)} are not as they were recorded, and not all came back",
            "The run's artifact `integrity` names them; see docs/recovery.md",
        )
    return {"verify": checked, "rebuild": rebuilt}
