"""`cmrpipe verify` and `cmrpipe rebuild` in a workspace with DVC: `python -m flows.integrity verify|rebuild`."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged, new_app
from cmrpipe.cli.options import CORES, Root, Workers, path_option
from cmrpipe.errors import CmrpipeError, InputError
from cmrpipe.files import write_json
from cmrpipe.landing import check_landed
from cmrpipe.workspace import Workspace
from flows.integrity import report
from flows.integrity.diagnosis import Diagnosis
from flows.integrity.rebuild import Rebuild
from flows.integrity.survey import Survey, survey_of
from flows.lock import write_lock

app = new_app()
out = Console(highlight=False, soft_wrap=True)

Patients = Annotated[list[str] | None, typer.Argument(metavar="PATIENT", help="Only these patients' files.")]
RemoteName = Annotated[
    str | None, typer.Option("--remote", metavar="[NAME]", help="The DVC remote, too; without a name the default one.")
]
JsonFile = Annotated[Path | None, path_option("--json", help="Write the outcome to this file, too.")]


@contextmanager
def _writing_held(root: Path, *, needed: bool) -> Iterator[None]:
    """Nobody else writes meanwhile; where the lock cannot be made and is not `needed`, the disk is closed to all."""
    with ExitStack() as stack:
        lock = write_lock(
            root, waiting=lambda holder: out.print(f"waiting for {holder}, which writes to this workspace")
        )
        try:
            stack.enter_context(lock)
        except OSError as error:
            if needed or error.errno not in (errno.EROFS, errno.EACCES):
                raise
            out.print("this workspace cannot be written to; others that may write are not waited for")
        yield


@contextmanager
def _working(workspace: Path, *, mending: bool) -> Iterator[Path]:
    """The workspace, with nobody else writing to it; what the system refuses becomes a clear word."""
    root = workspace.resolve()
    home = Workspace(root)
    home.check()
    try:
        with _writing_held(root, needed=mending):
            check_landed(home.raw)
            yield root
    except CmrpipeError:
        raise
    except OSError as error:
        where = str(error.filename or root)
        mend = "Mend that and run it again" + (": what was brought back until then is whole" if mending else "")
        raise CmrpipeError(where, error.strerror or str(error), mend) from error


def _check(survey: Survey, patients: Sequence[str]) -> None:
    unknown = [patient for patient in patients if not survey.owners.knows(patient)]
    if unknown:
        raise InputError(", ".join(unknown), "is no patient of data/raw", "Name patients as in data/raw/dicoms")


def _keep(file: Path | None, value: dict[str, Any]) -> None:
    if file is not None:
        write_json(file, value)


@app.command(cls=Logged)
def verify(
    patients: Patients = None,
    remote: RemoteName = None,
    json_file: JsonFile = None,
    workers: Workers = CORES,
    workspace: Root = Path(),
) -> None:
    """Hash every file and compare it with the records: raw data, store, all outputs, DVC's cache, a remote.

    Nothing is changed. Exit codes: 0 all as recorded, 1 something is not, 2 could not run.
    """
    names = patients or []
    with console.guarded("verify"), _working(workspace, mending=False) as root:
        with console.progress() as listen:
            survey = survey_of(root, patients=names, remote=remote, workers=workers, listen=listen)
        try:
            _check(survey, names)
            found = Diagnosis(survey).verdicts()
        finally:
            survey.objects.close()
        read = report.counts(survey)
        _keep(json_file, report.verdict_json(found, read))
        report.tell_verify(out, found, read)
    raise typer.Exit(console.EXIT_FINDINGS if found else console.EXIT_CLEAN)


@app.command(cls=Logged)
def rebuild(
    patients: Patients = None,
    remote: RemoteName = None,
    remove_extra: Annotated[
        bool, typer.Option(help="Move files that nobody recorded out of data/raw, too (to .cmrpipe/set-aside).")
    ] = False,
    json_file: JsonFile = None,
    workers: Workers = CORES,
    workspace: Root = Path(),
) -> None:
    """Bring back what is bad, and only that: from DVC's cache, else a remote, else made again; proven by its hash.

    The default remote is fetched from where it helps. With --remote its own bad objects are replaced, too.
    Exit codes: 0 all is whole, 1 something is lost or left to you, 2 could not run.
    """
    names = patients or []
    with console.guarded("rebuild"), _working(workspace, mending=True) as root:
        with console.progress() as listen:
            survey = survey_of(root, patients=names, remote=remote, fetching=True, workers=workers, listen=listen)
            try:
                _check(survey, names)
                read = report.counts(survey)
                result = Rebuild(survey, listen, remove_extra=remove_extra).run()
            finally:
                survey.objects.close()
        _keep(json_file, report.rebuilt_json(result, read))
        report.tell_rebuild(out, result, read)
    raise typer.Exit(console.EXIT_CLEAN if result.whole else console.EXIT_FINDINGS)


def with_default_remote(arguments: Sequence[str]) -> list[str]:
    """Arguments in which a `--remote` without a name has an empty one."""
    found = []
    for argument, following in zip(arguments, [*arguments[1:], "-"], strict=True):
        found.append("--remote=" if argument == "--remote" and following.startswith("-") else argument)
    return found


if __name__ == "__main__":
    app(with_default_remote(sys.argv[1:]), prog_name="cmrpipe")
