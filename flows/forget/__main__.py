"""`cmrpipe forget ID`: list what a workspace has of a patient, or (`--yes`) remove it: `python -m flows.forget ID`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged, new_app
from cmrpipe.cli.options import Root
from cmrpipe.errors import CmrpipeError, InputError
from cmrpipe.landing import Forgotten
from cmrpipe.landing.ledger import now
from cmrpipe.layouts import ASIDE, LINK_FOLDER, LINK_TABLE, folder_of, patient_folders
from cmrpipe.stages import UP_TO_STORE
from cmrpipe.stages.words import describe
from cmrpipe.workspace import Workspace
from flows.forget.history import commit, commits_naming
from flows.forget.person import Person, begin, end, find_person
from flows.forget.places import LATER, drop_outputs, erase, remaining, traces
from flows.forget.vault import Findings, Search, part_of
from flows.integrity.__main__ import RemoteName, with_default_remote
from flows.integrity.objects import Cache, Objects, Remote
from flows.integrity.records import read_records
from flows.lock import write_lock
from flows.recording import record_raw
from flows.steps import stage_step

app = new_app()
out = Console(highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    out.print(text, markup=False)


def _current(root: Path, *, made_anew: bool) -> list[str]:
    """Lists of folders as recorded now; before they are made anew, only the model's is sure to stay."""
    try:
        records = read_records(root)
    except CmrpipeError:
        return []
    return [o.md5 for o in records if o.is_folder and (made_anew or o.stage == "train") and (root / o.path).exists()]


def _tell_objects(place: str, found: Findings) -> None:
    _say(f"{place}: {len(found.remove)} objects of theirs; {len(found.redacted)} versions of data/raw written anew")


def _tell_models(root: Path, person: Person, models: dict[str, str]) -> None:
    splits = Workspace(root).model / "splits.json"
    part = part_of(splits.read_bytes() if splits.is_file() else None, person)
    if part:
        _say(f"stays: data/model had them in {part}; its weights and its split stay until the next `cmrpipe run`")
    for oid, where in sorted(models.items()):
        _say(f"stays: model version {oid} (in DVC's cache or remote) had them in {where}")
    if not part and not models:
        _say("no model here was trained, chosen or judged on them")


def _tell_history(root: Path, person: Person) -> None:
    """Git's history keeps hashes of data; only quarantine.csv and pathology.csv ever named anybody."""
    commits = commits_naming(root, (person.patient_id, *person.originals))
    if commits:
        _say(
            f"git: {len(commits)} commits name them (as a rule in quarantine.csv or pathology.csv); see docs/forget.md"
        )
    else:
        _say("git: no commit names them; it keeps hashes of their files, from which nothing can be had")


def _apply(shelf: Cache | Remote, found: Findings, cache: Cache) -> None:
    """Lists written anew first, so that others' versions never hang in the air; then what goes."""
    for md5, data in found.tables.items():
        cache.add_bytes(md5, data)
        if isinstance(shelf, Remote):
            shelf.replace(md5, cache)
    for oid, data in found.redacted.values():
        cache.add_bytes(oid, data)
        if isinstance(shelf, Remote):
            shelf.replace(oid, cache)
    for oid in sorted(found.remove):
        shelf.remove(oid)


def _commit(root: Path, found: Findings) -> None:
    lines = [f"data/raw {old} is now {new}" for old, (new, _) in sorted(found.redacted.items())]
    names = commit(root, "\n".join(["Forget a patient", "", "Older versions of data/raw without them:", *lines]))
    _say(f"committed {', '.join(names)}" if names else "git: nothing to commit")


def _record(root: Path, person: Person) -> None:
    """Record raw: what is theirs may go, and lists may change."""
    lists = (LINK_TABLE, f"{LINK_FOLDER}/", f"{ASIDE}/")
    record_raw(root, meant=lambda path: folder_of(path) in person.folders or path.startswith(lists))


def _make_anew(root: Path, person: Person) -> None:
    """Record raw and let the stages leave the patient out."""
    _record(root, person)
    home = Workspace(root)
    if not home.lock.exists():
        return
    if not patient_folders(home.raw):
        drop_outputs(root, (*UP_TO_STORE, *LATER))
        return
    for stage in UP_TO_STORE:
        outcome = stage_step(root, stage, lambda *_: None)
        _say(f"{stage}: {describe(outcome.summary) if outcome.summary else outcome.state}")
    drop_outputs(root, LATER)


def _forget(root: Path, person: Person, objects: Objects, remote: Remote | None) -> None:
    home = Workspace(root)
    if home.raw.with_name("raw.dvc").exists():
        _record(root, person)  # others' damage is told before anything goes: a rebuild later would bring theirs back
    begin(root, person)
    Forgotten(home.forgotten).add(person.folders, now())
    done = erase(root, person)
    _say("removed: " + (", ".join(f"{count} {what}" for what, count in done.items() if count) or "nothing in raw"))
    had_report = home.report.exists()
    _make_anew(root, person)
    found = Search(objects.cache, person, _current(root, made_anew=True)).run()
    _apply(objects.cache, found, objects.cache)
    _tell_objects("removed from DVC's cache", found)
    models = dict(found.models)
    if remote is not None:
        there = Search(remote, person, _current(root, made_anew=True)).run()
        _apply(remote, there, objects.cache)
        _tell_objects(f"removed from remote {remote.name}", there)
        models |= there.models
    _commit(root, found)
    left = remaining(root, person)
    if left:
        raise CmrpipeError(", ".join(left[:5]), f"{len(left)} files still name the patient", "Run the same again")
    end(root)
    _tell_models(root, person, models)
    if had_report:
        _say("data/evaluation and data/report are gone: the next `cmrpipe run` trains and reports without the patient")


@app.command(cls=Logged)
def forget(
    patient: Annotated[str, typer.Argument(help="Patient id, as in data/raw/dicoms.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only list what would be done.")] = False,
    remote: RemoteName = None,
    workspace: Root = Path(),
) -> None:
    """List what depends on a patient; with --yes remove it for good and keep the patient from landing again.

    Exit codes: 0 listed or done, 2 could not run; what was cut short goes on when it is run again.
    """
    root = workspace.resolve()
    with console.guarded("forget"), console.needs("flows"):
        Workspace(root).check()
        with write_lock(root, waiting=lambda holder: _say(f"waiting for {holder}, which writes to this workspace")):
            person = find_person(root, patient)
            objects = Objects(root)
            try:
                there = None if remote is None else objects.remote(remote)
                found = list(traces(root, person))
                shelves: list[tuple[str, Cache | Remote]] = [("DVC's cache", objects.cache)]
                shelves += [] if there is None else [(f"remote {there.name}", there)]
                held = {name: Search(s, person, _current(root, made_anew=False)).run() for name, s in shelves}
                if not found and not any(h.remove or h.models for h in held.values()):
                    raise InputError(patient, "is nobody that this workspace has anything of", "Check the id")
                _say(f"{person.patient_id}" + (f", contours {', '.join(person.originals)}" if person.originals else ""))
                for line in found:
                    _say(f"  {line}")
                for name, holding in held.items():
                    _tell_objects(f"  {name}", holding)
                if yes:
                    _forget(root, person, objects, there)
                else:
                    _tell_models(root, person, {k: v for h in held.values() for k, v in h.models.items()})
                    _say("nothing was done; `--yes` does it" + ("" if remote is not None else "; remotes: `--remote`"))
                _tell_history(root, person)
            finally:
                objects.close()


if __name__ == "__main__":
    app(with_default_remote(sys.argv[1:]), prog_name="cmrpipe forget")
