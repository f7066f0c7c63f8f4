"""The steps of a run, told as events: what the Prefect tasks and the run without Prefect have in common."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from cmrpipe.connect.address import full_address
from cmrpipe.connect.credentials import Credentials
from cmrpipe.connect.opening import open_source
from cmrpipe.connect.source import Source
from cmrpipe.errors import ParamsError
from cmrpipe.landing import Forgotten, Landed, land, recover, troubles
from cmrpipe.params import SourceParams, load_params
from cmrpipe.phantom import write_phantom
from cmrpipe.progress import Listener, Progress
from cmrpipe.readers.layouts import ASIDE, LINK_FOLDER, PHANTOM, patient_folders
from cmrpipe.stages import STAGES
from cmrpipe.workspace import Workspace
from flows.dvc import Outcome, run_dvc
from flows.lock import write_lock
from flows.rawrecord import bring_to_record
from flows.recording import record_raw
from flows.secured import Secured
from flows.told import Arrived, Done, Said, Tell, Waiting

PHANTOM_PATIENTS = 8
PHANTOM_SEED = 1


def check_params(workspace: Path) -> None:
    """Refuse a params.yaml without a stage's section: the stage would take its defaults, DVC would not.

    Raises
    ------
    ParamsError : a section is not there, or the file is refused by itself
    """
    path = Workspace(workspace).params
    lacking = [name for name in load_params(path).lacking if name in STAGES]
    if lacking:
        some = len(lacking) > 1
        raise ParamsError(
            path,
            f"has no {'sections' if some else 'section'} {', '.join(lacking)}, which DVC asks for",
            f"Add {'them' if some else 'it'}; `cmrpipe params` prints all sections with the values in force",
        )


def choose_source(workspace: Workspace, source: str | None) -> str | None:
    """The source to land from: the one given; else the phantom when nothing has landed yet; else none."""
    if source is not None:
        return source
    return None if patient_folders(workspace.raw) else str(workspace.phantom)


def land_step(
    workspace: Path,
    source: str | None,
    tell: Tell,
    *,
    name: str = "",
    contours: str = "",
    credentials: Credentials | None = None,
    timeout_s: float | None = None,
) -> None:
    """Land patients and record the raw folder with DVC. The caller holds the write lock.

    Where git has brought another record since, the raw folder is first brought to that.

    Parameters
    ----------
    source : folder or URL; None: the phantom (written first) when nothing has landed, else what has landed, after a
        landing that was cut short was brought to a whole state
    name : of the source's link table; the source's own name by default
    contours : overrides source.contours
    credentials : for a server; from the environment by default
    timeout_s : DVC's recording is ended after this time
    """
    home = Workspace(workspace)

    def warn(message: str) -> None:
        tell("land", Said("warning", message))

    recover(home.raw)
    bring_to_record(workspace, warn, timeout_s)
    chosen = choose_source(home, source)

    def listen(event: Progress) -> None:
        tell(event.stage, event)

    landed: Landed | None = None
    written: set[str] = set()
    if chosen is not None:
        params = _source_params(home, chosen, contours, listen)
        address = chosen if source is None else full_address(source)  # the ledger knows a source by it
        origin = open_source(address, params, home.raw, name=name, credentials=credentials)
        landed = _land(home, origin, params, listen)
        written = {PHANTOM, f"{LINK_FOLDER}/{origin.name}.csv"}
        for line in troubles(landed):
            warn(line)
    record_raw(workspace, meant=lambda path: path in written or path.startswith(f"{ASIDE}/"), timeout_s=timeout_s)
    counts = {} if landed is None else landed.counts() | {"left": landed.left}
    tell("land", Arrived(chosen, counts))


def _source_params(home: Workspace, address: str, contours: str, listen: Listener) -> SourceParams:
    """How to read the source; the phantom is written first."""
    params = load_params(home.params).source
    if contours or params.contours:
        params = params.model_copy(update={"contours": str(home.root / (contours or params.contours))})
    synthetic = address == str(home.phantom)
    if synthetic:
        write_phantom(Path(address), PHANTOM_PATIENTS, PHANTOM_SEED, listen=listen)
        params = params.model_copy(update={"settle_s": 0.0})  # written by this very process
    return params


def _land(home: Workspace, origin: Source, params: SourceParams, listen: Listener) -> Landed:
    return land(
        origin,
        home.raw,
        settle_s=params.settle_s,
        packing=params.pack,
        secured=Secured(home.root).holds,
        forgotten=Forgotten(home.forgotten).holds,
        listen=listen,
    )


def stage_step(workspace: Path, stage: str, tell: Tell, timeout_s: float | None = None) -> Outcome:
    """Let DVC run one stage if it must. The caller holds the write lock."""
    check_params(workspace)
    outcome = run_dvc(
        ["repro", "--single-item", stage],
        workspace,
        log_name=stage,
        on_event=lambda event: tell(stage, event),
        timeout_s=timeout_s,
    )
    tell(stage, Done(outcome.state, outcome.summary))
    return outcome


def writing(workspace: Path, tell: Tell, timeout_s: float | None = None) -> AbstractContextManager[None]:
    """The write lock, with the waiting told; another writer is waited for `timeout_s`, as of `write_lock`."""
    return write_lock(
        workspace,
        timeout_s=timeout_s,
        waiting=lambda holder: tell("lock", Waiting(holder)),
    )
