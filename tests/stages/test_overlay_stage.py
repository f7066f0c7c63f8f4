"""The overlay stage."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode
from cmrpipe.errors import StaleError
from cmrpipe.findings import Report, write_pieces
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.model import ImageRecord, Quarantine
from cmrpipe.params import IngestParams, OverlayParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.samples import patient_samples
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.overlay import overlay, picture_file, strip_file
from cmrpipe.stages.summary import Summary

PARAMS = OverlayParams(scale=1, strip_pixels=120)


def build(raw: Path, base: Path, rows: tuple[Quarantine, ...] = (), *, workers: int = 1) -> Summary:
    """Ingest and draw below `base`."""
    ingest(raw, base / "catalog", base / "state", IngestParams(), listen=silent)
    write_quarantine(base / "quarantine.csv", rows)
    return overlay(
        raw,
        base / "catalog",
        base / "findings",
        base / "quarantine.csv",
        base / "overlays",
        PARAMS,
        listen=silent,
        workers=workers,
    )


def contoured(base: Path) -> list[ImageRecord]:
    """Images that carry a contour."""
    catalog = Catalog(base / "catalog")
    originals = catalog_links(catalog).originals
    return [
        sample.record
        for patient in catalog.patients()
        for sample in patient_samples(link_patient(catalog, patient, originals[patient]))
    ]


def pictures(base: Path) -> dict[str, bytes]:
    """All pictures by name."""
    folder = base / "overlays"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def test_every_contoured_image_has_a_picture_and_a_strip(raw: Path, tmp_path: Path) -> None:
    """And nothing else has."""
    summary = build(raw, tmp_path)
    records = contoured(tmp_path)
    names = {
        name(record.patient_id, record.file_number or 0) for record in records for name in (picture_file, strip_file)
    }
    assert set(pictures(tmp_path)) == names
    assert summary.counts["pictures"] == len(records)


def test_processes_draw_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    """Two workers or one, now or again: the same files."""
    build(raw, tmp_path / "one")
    build(raw, tmp_path / "two", workers=2)
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")


def test_only_patients_with_changes_are_drawn_again(raw: Path, tmp_path: Path) -> None:
    """No change, nothing drawn; a contour in quarantine redraws its patient, dashed; a lost picture comes back."""
    assert build(raw, tmp_path).done == 3
    before = pictures(tmp_path)
    assert build(raw, tmp_path).done == 0
    catalog = Catalog(tmp_path / "catalog")
    name = catalog.contours(catalog.original_ids()[0])[0].path
    assert build(raw, tmp_path, (Quarantine("contour", name, "reviewed", "A"),)).done == 1
    assert pictures(tmp_path).keys() == before.keys()
    assert pictures(tmp_path) != before
    build(raw, tmp_path)
    (tmp_path / "overlays" / next(iter(before))).unlink()
    assert build(raw, tmp_path).done == 1
    assert pictures(tmp_path) == before


def test_findings_about_an_image_change_its_picture_only(raw: Path, tmp_path: Path) -> None:
    """A warning about an image is written into its caption."""
    build(raw, tmp_path)
    before = pictures(tmp_path)
    record = contoured(tmp_path)[0]
    told = finding(FindingCode.AREA_JUMP, "wide", patient_id=record.patient_id, number=record.file_number)
    write_pieces(tmp_path / "findings", Report([told], [], []))
    assert build(raw, tmp_path).done == 1
    after = pictures(tmp_path)
    own = {name(record.patient_id, record.file_number or 0) for name in (picture_file, strip_file)}
    assert {name for name in before if before[name] != after[name]} == own


def test_an_image_that_is_gone_stops_the_stage(raw: Path, tmp_path: Path) -> None:
    """A raw folder that is not the catalogued one gives no pictures, rather than a record of having drawn none."""
    ingest(raw, tmp_path / "catalog", tmp_path / "state", IngestParams(), listen=silent)
    write_quarantine(tmp_path / "quarantine.csv", [])
    record = contoured(tmp_path)[0]
    (raw / record.path).rename(tmp_path / "elsewhere")
    draw = partial(
        overlay,
        raw,
        tmp_path / "catalog",
        tmp_path / "findings",
        tmp_path / "quarantine.csv",
        tmp_path / "overlays",
    )
    with pytest.raises(StaleError, match=r"\d\.dcm: cannot be read any more"):
        draw(PARAMS, listen=silent)
    (tmp_path / "elsewhere").rename(raw / record.path)
    assert draw(PARAMS, listen=silent).counts["pictures"] == len(contoured(tmp_path))


def test_an_image_that_cannot_be_read_is_left_out(
    raw: Path, tmp_path: Path, edit: Callable[[Path, bytes], None]
) -> None:
    """Its neighbours are drawn, and say that it is not there."""
    build(raw, tmp_path)
    record = contoured(tmp_path)[0]
    edit(raw / record.path, (raw / record.path).read_bytes()[:900])
    build(raw, tmp_path)
    assert picture_file(record.patient_id, record.file_number or 0) not in pictures(tmp_path)
    assert len(pictures(tmp_path)) == 2 * len(contoured(tmp_path))
