"""Where per-patient work runs changes no byte; a worker that dies costs a retry."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from cmrpipe.errors import ExecutorError
from cmrpipe.incremental.executors import Workers, pool
from cmrpipe.incremental.refresh import Unit, Written, refresh
from cmrpipe.params import IngestParams, OverlayParams, StoreParams, ValidateParams
from cmrpipe.progress import silent
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.overlay import overlay
from cmrpipe.stages.store import store
from cmrpipe.stages.validate import validate
from tests.snapshots import snapshot

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*unclosed.*")


def outputs(folder: Path) -> dict[str, bytes]:
    """All files; what stages remember beside their outputs (`.store.lock`, say) is not output."""
    return {path: data for path, data in snapshot(folder).items() if not path.startswith(".")}


def data_stages(raw: Path, base: Path, workers: Workers) -> None:
    """Every stage that works by the patient, one after the other."""
    catalog, findings, quarantine = base / "catalog", base / "findings", base / "quarantine.csv"
    read_in(raw, base, workers)
    validate(raw, catalog, findings, quarantine, ValidateParams(), listen=silent, workers=workers)
    pictures = OverlayParams(scale=1)
    overlay(raw, catalog, findings, quarantine, base / "overlays", pictures, listen=silent, workers=workers)
    store(raw, catalog, quarantine, base / "store", StoreParams(), listen=silent, workers=workers)


def read_in(raw: Path, base: Path, workers: Workers) -> None:
    """The first of them."""
    base.mkdir()
    ingest(raw, base / "catalog", base.parent / f"state-{base.name}", IngestParams(), listen=silent, workers=workers)


@pytest.mark.slow
def test_every_executor_writes_the_same_bytes(small_phantom: Path, tmp_path: Path) -> None:
    """One process, two, a Dask cluster of two worker processes, of the run's own or there already."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:  # type: ignore[no-untyped-call]
        executors: list[Workers] = [1, "processes:2", f"dask:{cluster.scheduler_address}"]
        for number, workers in enumerate(executors):
            data_stages(small_phantom, tmp_path / str(number), workers)
    read_in(small_phantom, tmp_path / "own", "dask-local:2")
    alone = outputs(tmp_path / "0")
    assert {name.split("/")[0] for name in alone} == {"catalog", "findings", "quarantine.csv", "overlays", "store"}
    assert outputs(tmp_path / "1") == alone
    assert outputs(tmp_path / "2") == alone
    assert outputs(tmp_path / "own" / "catalog") == outputs(tmp_path / "0" / "catalog")


OLD_BLAS = {"OPENBLAS_CORETYPE": "Prescott"}
PLAIN_NUMPY = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3"}
"""What makes NumPy's BLAS, and NumPy itself, compute as on another processor."""
STAGES = """
import sys
from pathlib import Path
from tests.incremental.test_executors import data_stages

data_stages(Path(sys.argv[1]), Path(sys.argv[2]), 1)
"""


@pytest.mark.slow
def test_another_processor_writes_the_same_bytes(final_data: Path, tmp_path: Path) -> None:
    """Other vector units round other last bits; none of them gets into what is written of real patients.

    Where something does, it is run again with either setting alone, so that the failure says whose bits they are.
    """

    def written(name: str, settings: dict[str, str]) -> dict[str, bytes]:
        subprocess.run(
            [sys.executable, "-c", STAGES, final_data, tmp_path / name],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **settings},
            check=True,
        )
        return outputs(tmp_path / name)

    this = written("this", {})
    assert any(name.startswith("store/patients/") for name in this)
    if written("other", OLD_BLAS | PLAIN_NUMPY) != this:
        assert written("old", OLD_BLAS) == this
        assert written("plain", PLAIN_NUMPY) == this
        pytest.fail("only both together write other bytes")


def die_once(text: str, folder: Path) -> Written:
    """Writes a file; the first attempt kills the process that it runs in."""
    mark = folder.parent.parent / f"tried-{text}"
    if text == "b" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / text).write_text(text)
    return Written([text])


@pytest.mark.slow
def test_a_dask_worker_that_dies_costs_a_retry(tmp_path: Path) -> None:
    """A worker that is killed in the middle of a patient's work is replaced, and the run comes to its end."""
    units = [Unit(key, key, key) for key in "abcd"]
    result = refresh("test", tmp_path / "out", units, die_once, listen=silent, workers="dask-local:2")
    assert result.done == ("a", "b", "c", "d")
    assert (tmp_path / "tried-b").exists()


def test_a_process_that_dies_is_told(tmp_path: Path) -> None:
    """One that the system killed for want of memory, say; what was finished is taken over by the next run."""
    units = [Unit(key, key, key) for key in "abcd"]
    with pytest.raises(ExecutorError, match="processes:2: one of them died"):
        refresh("test", tmp_path / "out", units, die_once, listen=silent, workers=2)
    assert refresh("test", tmp_path / "out", units, die_once, listen=silent, workers=2).gone == ()
    assert sorted(path.name for path in (tmp_path / "out").glob("[abcd]")) == ["a", "b", "c", "d"]


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="else each is started when there is work")
def test_processes_that_cannot_be_started_are_told_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on processes, as on shared machines; those that were started before it was met end."""
    fork, left = os.fork, [1, 0]

    def limited() -> int:
        if not left.pop(0):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    monkeypatch.setattr(os, "fork", limited)
    told = pytest.raises(ExecutorError, match=r"processes:2: cannot be started .*temporarily unavailable")
    with told, pool(2, 4) as executor:
        assert executor is not None
        executor.submit(int)
    for child in multiprocessing.active_children():
        child.join(20)
    assert not multiprocessing.active_children()


PARENT = """
import multiprocessing, os, sys, time
from cmrpipe.incremental.executors import pool

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with pool(2, 4) as executor:
        busy = [executor.submit(time.sleep, 0.5) for _ in range(4)]
        for done in busy:
            done.result()
        print(*executor._processes, flush=True)
        executor.submit(time.sleep, 600).result()
"""


def running(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_work_and_end_with_a_parent_that_is_killed(tmp_path: Path, method: str) -> None:
    """However Python starts them (3.14 does it another way than before); a sleeping and a waiting one alike."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script, method], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        assert all(map(running, workers))
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 20
    while any(map(running, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(running, workers))


INTERRUPTED = """
import os, sys, time
from pathlib import Path
from cmrpipe.incremental.refresh import Unit, refresh
from cmrpipe.progress import silent

def work(inputs, folder):
    os.write(1, b"at work\\n")
    time.sleep(60)

refresh("test", Path(sys.argv[1]), [Unit(key, key, key) for key in "abcdef"], work, listen=silent, workers=2)
"""


def test_an_interrupt_ends_all_work_at_once(tmp_path: Path) -> None:
    """Ctrl+C reaches the workers, too: they neither begin what waits for them, nor say where they were."""
    script = tmp_path / "parent.py"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script), str(tmp_path / "out")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["at work\n"] * 2
        os.killpg(parent.pid, signal.SIGINT)
        try:
            out, err = parent.communicate(timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
    assert (parent.returncode, out) == (-signal.SIGINT, "")
    assert err.count("Traceback") == 1


def test_workers_pass_over_an_interrupt_where_their_parent_does() -> None:
    """As in the background of a script, whose Ctrl+C is not meant for it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pool(2, 2) as executor:
            assert executor is not None
            assert executor.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "spec", ["threads:2", "processes:0", "processes:many", "processes:²", "dask:", "dask-local:", "dask-local:²"]
)
def test_a_specification_that_is_none_is_refused(spec: str) -> None:
    """The message names what is possible."""
    with pytest.raises(ExecutorError, match="processes:"), pool(spec, 3):
        pass


def test_an_address_that_is_none_is_told() -> None:
    """Dask wants a port."""
    with (
        pytest.raises(ExecutorError, match=r"dask:foo: is no address .*missing port.*dask:tcp://"),
        pool("dask:foo", 3),
    ):
        pass


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address behind which nobody listens is named."""
    monkeypatch.setattr(Client, "__init__", lambda *_, **__: (_ for _ in ()).throw(OSError("refused")))
    with pytest.raises(ExecutorError, match="no Dask scheduler answers"), pool("dask:tcp://127.0.0.1:9", 3):
        pass
