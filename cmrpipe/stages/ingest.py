"""ingest: read every file once and write the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cmrpipe.catalog import Catalog, write_contours, write_images, write_links
from cmrpipe.errors import ArchiveError, InputError, LinkError
from cmrpipe.incremental.codeversion import code_version
from cmrpipe.incremental.executors import Workers
from cmrpipe.incremental.refresh import Refresh, Unit, Written, fingerprint, read_manifest, refresh
from cmrpipe.linking import catalog_links
from cmrpipe.logger import Logger
from cmrpipe.model import ContourRecord, ImageRecord, Link
from cmrpipe.params import IngestParams
from cmrpipe.progress import Listener, Progress
from cmrpipe.readers.contours import read_contour, unreadable_contour
from cmrpipe.readers.dicom import read_header, unreadable_image
from cmrpipe.readers.layouts import (
    CONTOURS,
    DICOMS,
    Entry,
    Listing,
    archive_file,
    check_layout,
    check_name,
    contour_folders,
    keep_out,
    link_tables,
    list_files,
    list_folder,
    patient_folders,
    read_file,
    standing,
)
from cmrpipe.readers.links import read_link_table
from cmrpipe.readers.pixels import with_decoded
from cmrpipe.readers.refusals import own_trouble
from cmrpipe.readers.sourcememory import Seen, known_files, remember_files, signature
from cmrpipe.slices import arrange
from cmrpipe.stages.summary import Summary

log = Logger(__name__)

LINKS = "links"
AGAIN = "again"
"""Marks, in what is reported of a folder, that something in it could not be read."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What a worker needs for one folder; rows of the old catalog, if there is one, may be taken over.

    Attributes
    ----------
    listing : the folder's files; of an archive first only itself, and its files once somebody has to read them
    damage : why the archive cannot be read
    """

    raw: Path
    catalog: Path
    state: Path
    unit: str
    listing: Listing
    params: IngestParams
    context: str
    damage: str = ""


def _trouble(raw: Path, path: str, error: OSError) -> str:
    """Why a file, or a patient's or contour folder, cannot be read; stops the run where all of them cannot."""
    return own_trouble(error, raw / path, raw / path.partition("/")[0])


def _bytes(task: _Task, entry: Entry) -> tuple[bytes, str]:
    """The bytes of a file, or why they cannot be had."""
    if task.damage:
        return b"", task.damage
    try:
        return read_file(task.raw, entry.path), ""
    except ArchiveError as error:
        return b"", error.cause
    except OSError as error:
        return b"", _trouble(task.raw, entry.path, error)


def _listing(raw: Path, unit: str) -> Listing:
    """The files of a folder; an archive alone, since it need not be opened to see that it did not change."""
    try:
        place = standing(raw, unit)
        if place is None or place.is_dir():
            return list_folder(raw, unit)
        state = place.stat()
    except OSError as error:
        return Listing(unit.partition("/")[2], (), (), ((unit, _trouble(raw, unit, error)),))
    check_name(raw, unit)
    entry = Entry(place.relative_to(raw).as_posix(), state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return Listing(unit.partition("/")[2], (entry,), ())


def _opened(task: _Task) -> _Task:
    """The task with the files of its archive, or with what is wrong with that."""
    if task.listing.refused or not archive_file(task.raw, task.unit).is_file():
        return task
    try:
        return replace(task, listing=list_files(task.raw, task.unit))
    except ArchiveError as error:
        log.error("archive cannot be read", reason=str(error))
        return replace(task, damage=error.cause)
    except OSError as error:
        return replace(task, damage=_trouble(task.raw, task.unit, error))


def _written(task: _Task, name: str, records: Sequence[ImageRecord | ContourRecord]) -> Written:
    """What was written of a folder; files without a hash could not be read, and are tried again the next time."""
    hashes = {record.path: record.sha256 for record in records}
    remember_files(task.state, task.unit, task.listing, hashes, task.context)
    unreadable = sum(bool(record.error) for record in records)
    info = {"files": len(hashes), "unreadable": unreadable, "stray": len(task.listing.stray)}
    if not all(hashes.values()):
        info[AGAIN] = True
    return Written([name], info, fingerprint(task.context, sorted(hashes.items()), task.listing.stray))


def _old_rows(task: _Task) -> dict[str, ImageRecord]:
    """The patient's rows by path as they stand in the catalog; none where it is not whole."""
    try:
        return {record.path: record for record in Catalog(task.catalog).images(task.listing.name)}
    except InputError:
        return {}


def _image(task: _Task, entry: Entry) -> ImageRecord:
    patient_id = task.listing.name
    data, why = _bytes(task, entry)
    if why:
        return unreadable_image(entry.path, patient_id, entry.bytes, why)
    return with_decoded(read_header(data, entry.path, patient_id), data)


def _contour(task: _Task, entry: Entry) -> ContourRecord:
    data, why = _bytes(task, entry)
    if why:
        return unreadable_contour(entry.path, task.listing.name, entry.bytes, why)
    return read_contour(data, entry.path, task.params.contour_origin)


def _ingest_images(task: _Task, out: Path) -> Written:
    patient_id = task.listing.name
    known = known_files(task.state, task.unit, task.listing, task.context)
    old = _old_rows(task) if known else {}
    records: list[ImageRecord] = []
    for entry in task.listing.entries:
        row = old.get(entry.path)
        if row is None or not row.sha256 or known.get(entry.path) != row.sha256:
            row = _image(task, entry)
        records.append(row)
    records += [unreadable_image(path, patient_id, 0, why) for path, why in task.listing.refused]
    records = arrange(records, task.params.frames_per_slice)
    name = write_images(out, patient_id, records)
    return _written(task, name, records)


def _ingest_contours(task: _Task, out: Path) -> Written:
    records = [_contour(task, entry) for entry in task.listing.entries]
    records += [unreadable_contour(path, task.listing.name, 0, why) for path, why in task.listing.refused]
    name = write_contours(out, task.listing.name, records)
    return _written(task, name, records)


def _ingest(task: _Task | Sequence[Link], out: Path) -> Written:
    if not isinstance(task, _Task):
        return Written([write_links(out, task)], {"links": len(task)})
    return (_ingest_images if task.unit.startswith(DICOMS) else _ingest_contours)(_opened(task), out)


def read_links(raw: Path) -> list[Link]:
    """All rows of all link tables below `raw`; a table that cannot be read is logged here and a finding later."""
    links: list[Link] = []
    for path in link_tables(raw):
        try:
            links += read_link_table((raw / path).read_bytes(), path).links
        except LinkError as error:
            log.error("link table left out", reason=str(error))
    return links


def ingest(
    raw: Path, out: Path, state: Path, params: IngestParams, *, listen: Listener, workers: Workers = 1
) -> Summary:
    """Bring the catalog up to date with `raw`: only folders whose files changed are read, and in them changed files.

    Parameters
    ----------
    raw : a folder in the `final_data` layout (see `cmrpipe.readers.layouts`); only read
    out : the catalog (see `cmrpipe.catalog`)
    state : folder for what was seen where (see `cmrpipe.readers.sourcememory`); it may be lost at any time
    workers : processes

    Raises
    ------
    LayoutError : `raw` holds no patient
    InputError : the folder of all patients, or of all contours, cannot be read; a file went away meanwhile; or `out` or
        `state` lies in `raw`
    OSError : it is a link table that cannot be read
    """
    check_layout(raw)
    keep_out(raw, out, state)
    context = fingerprint(params.model_dump(mode="json"), code_version(__name__))
    links = read_links(raw)
    units: list[Unit[Any]] = [
        Unit(LINKS, fingerprint(context, [[x.patient_id, x.original_id, x.path, x.line] for x in links]), links)
    ]
    seen = Seen(state)
    marks: dict[str, str] = {}
    for parent, names in ((DICOMS, patient_folders(raw)), (CONTOURS, contour_folders(raw))):
        for name in names:
            unit = f"{parent}/{name}"
            listing = _listing(raw, unit)
            marks[unit] = signature(listing, context)
            task = _Task(raw, out, state, unit, listing, params, context)
            units.append(Unit(unit, seen.content(unit, marks[unit]), task))
    result = refresh("ingest", out, units, _ingest, listen=_by_name(listen), workers=workers)
    made = read_manifest(out)
    whole = {unit: mark for unit, mark in marks.items() if not made[unit]["info"].get(AGAIN)}
    seen.save({unit: (mark, made[unit]["fingerprint"]) for unit, mark in whole.items()})
    return _summary(out, result)


def _by_name(listen: Listener) -> Listener:
    """Tell folders by their bare names."""

    def told(event: Progress) -> None:
        listen(Progress(event.stage, event.unit.rpartition("/")[2], event.done, event.total))

    return told


def _patients(out: Path, units: Sequence[str]) -> set[str]:
    """The patients that image or contour folders belong to; a contour folder without patient counts for none."""
    images = {unit.rpartition("/")[2] for unit in units if unit.startswith(DICOMS)}
    contours = {unit.rpartition("/")[2] for unit in units if unit.startswith(CONTOURS)}
    if not contours:
        return images
    linked = catalog_links(Catalog(out)).originals.items()
    return images | {patient for patient, originals in linked if contours & set(originals)}


def _summary(out: Path, result: Refresh) -> Summary:
    done = _patients(out, result.done)
    everyone = {unit.rpartition("/")[2] for unit in result.info if unit.startswith(DICOMS)}
    totals = {parent: [i for u, i in result.info.items() if u.startswith(parent)] for parent in (DICOMS, CONTOURS)}
    return Summary(
        "ingest",
        done=len(done),
        unchanged=len(everyone - done),
        gone=sum(unit.startswith(DICOMS) for unit in result.gone),
        counts={
            "patients": len(everyone),
            "images": sum(info["files"] for info in totals[DICOMS]),
            "contours": sum(info["files"] for info in totals[CONTOURS]),
            "unreadable": sum(info["unreadable"] for group in totals.values() for info in group),
            "stray": sum(info["stray"] for group in totals.values() for info in group),
            "links": result.info[LINKS]["links"],
        },
    )
