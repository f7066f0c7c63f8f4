"""`cmrpipe forget ID`: list what a workspace has of a patient, or (`--yes`) remove it: `python -m flows.forget ID`."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cmrpipe.cli import console
from cmrpipe.cli.commands import Logged, new_app
from cmrpipe.cli.options import Root
from cmrpipe.errors import CmrpipeError, InputError
from cmrpipe.landing import Forgotten
from cmrpipe.landing.ledger import now
from cmrpipe.readers.layouts import ASIDE, LINK_FOLDER, LINK_TABLE, folder_of, patient_folders
from cmrpipe.stages import UP_TO_STORE
from cmrpipe.stages.words import describe
from cmrpipe.workspace import Workspace
from flows.forget.history import commit, ready
from flows.forget.journal import Journal, end, read_journal
from flows.forget.owned import owned
from flows.forget.person import Person, find_person
from flows.forget.places import LATER, drop_outputs, erase, remaining, traces
from flows.forget.telling import say, tell_commit, tell_history, tell_models, tell_objects, tell_others
from flows.forget.vault import Findings, Search, linked_before
from flows.integrity.__main__ import RemoteName, with_default_remote
from flows.integrity.objects import Cache, Objects, Remote
from flows.integrity.records import DIR, read_records
from flows.lock import write_lock
from flows.recording import record_raw
from flows.steps import stage_step

app = new_app()


def _current(root: Path, *, made_anew: bool) -> list[str]:
    """Lists of folders as recorded now; before they are made anew, only the model's is sure to stay."""
    try:
        records = read_records(root)
    except CmrpipeError:
        return []
    return [o.md5 for o in records if o.is_folder and (made_anew or o.stage == "train") and (root / o.path).exists()]


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
    for oid in sorted(found.remove, key=lambda oid: (oid.endswith(DIR), oid)):  # lists last: they know what is left
        shelf.remove(oid)


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
        say(f"{stage}: {describe(outcome.summary) if outcome.summary else outcome.state}")
    drop_outputs(root, LATER)


def _forget(root: Path, person: Person, objects: Objects, remote: Remote | None, ours: Collection[str] | None) -> None:
    home = Workspace(root)
    ready(root)
    if home.raw.with_name("raw.dvc").exists():
        _record(root, person)  # others' damage is told before anything goes: a rebuild later would bring theirs back
    begun = read_journal(root) or Journal(person.patient_id, person.originals)
    journal = replace(begun, originals=person.originals).noting(
        root, lists=(oid for oid in ours or () if oid.endswith(DIR))
    )
    Forgotten(home.forgotten).add(person.folders, now())
    done = erase(root, person)
    say("removed: " + (", ".join(f"{count} {what}" for what, count in done.items() if count) or "nothing in raw"))
    had_report = home.report.exists()
    _make_anew(root, person)
    models: dict[str, str] = {}
    for name, shelf in _shelves(objects, remote):
        found = Search(shelf, person, _current(root, made_anew=True), ours).run()
        journal = journal.noting(root, renamed={old: new for old, (new, _) in found.redacted.items()})
        _apply(shelf, found, objects.cache)
        tell_objects(name, found, removed=True)
        models |= found.models
    lines = [f"data/raw {old} is now {new}" for old, new in sorted(journal.renamed.items())]
    tell_commit(commit(root, "Forget a patient", lines), lines)
    stays = objects.drop_memory()
    if stays is not None:
        say(f"stays: {stays}, in which DVC remembers paths; it cannot be removed")
    left = remaining(root, person)
    if left:
        raise CmrpipeError(", ".join(left[:5]), f"{len(left)} files still name the patient", "Run the same again")
    end(root)
    tell_models(root, person, models)
    if had_report:
        say("data/evaluation and data/report are gone: the next `cmrpipe run` trains and reports without the patient")


def _shelves(objects: Objects, remote: Remote | None) -> list[tuple[str, Cache | Remote]]:
    """Where objects are, by the names that people know."""
    shelves: list[tuple[str, Cache | Remote]] = [("DVC's cache", objects.cache)]
    return shelves if remote is None else [*shelves, (f"remote {remote.name}", remote)]


@app.command(cls=Logged)
def forget(
    patient: Annotated[str, typer.Argument(help="Patient id, as in data/raw/dicoms.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only list what would be done.")] = False,
    remote: RemoteName = None,
    unshared: Annotated[
        bool, typer.Option("--unshared", help="Cache and remote are this workspace's alone: look at all that is there.")
    ] = False,
    workspace: Root = Path(),
) -> None:
    """List what depends on a patient. With --yes remove it for good and keep the patient from landing again.

    Exit codes: 0 listed or done, 2 could not run. After a kill, run it again: it goes on.
    """
    root = workspace.resolve()
    with console.guarded("forget"), console.needs("flows"):
        Workspace(root).check()
        with write_lock(root, waiting=lambda holder: say(f"waiting for {holder}, which writes to this workspace")):
            person, begun = find_person(root, patient), read_journal(root)
            objects = Objects(root)
            try:
                there = None if remote is None else objects.remote(remote)
                ours = None if unshared else owned(root, objects.cache) | (begun.lists if begun else frozenset())
                if person.patient_id not in patient_folders(Workspace(root).raw):  # forgotten here, not yet elsewhere
                    links = (linked_before(s, person.patient_id, ours) for _, s in _shelves(objects, there))
                    person = find_person(root, patient, set().union(*links))
                found = list(traces(root, person))
                current = _current(root, made_anew=False)
                held = {name: Search(s, person, current, ours).run() for name, s in _shelves(objects, there)}
                if not found and begun is None and not any(h.remove or h.models for h in held.values()):
                    for name, holding in held.items():
                        tell_others(name, holding)
                    raise InputError(patient, "is nobody that this workspace has anything of", "Check the id")
                say(f"{person.patient_id}" + (f", contours {', '.join(person.originals)}" if person.originals else ""))
                if begun is not None:
                    say("  begun, and not ended")
                for line in found:
                    say(f"  {line}")
                for name, holding in held.items():
                    tell_objects(name, holding)
                if yes:
                    _forget(root, person, objects, there, ours)
                else:
                    tell_models(root, person, {k: v for h in held.values() for k, v in h.models.items()})
                    say("nothing was done; `--yes` does it" + ("" if remote is not None else "; remotes: `--remote`"))
                tell_history(root, person)
            finally:
                objects.close()


if __name__ == "__main__":
    app(with_default_remote(sys.argv[1:]), prog_name="cmrpipe forget")
