"""The store stage and its reader."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from cmrpipe.catalog import Catalog
from cmrpipe.errors import StoreError
from cmrpipe.geometry import label_image
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.model import Phase, Quarantine
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.samples import load_pixels, patient_samples
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store
from cmrpipe.stages.summary import Summary
from cmrpipe.store import open_store


def build(raw: Path, base: Path, rows: tuple[Quarantine, ...] = (), workers: int = 1) -> Summary:
    """Ingest and store below `base`."""
    ingest(raw, base / "catalog", base / "state", IngestParams(), listen=silent)
    write_quarantine(base / "quarantine.csv", rows)
    return store(
        raw, base / "catalog", base / "quarantine.csv", base / "store", StoreParams(), listen=silent, workers=workers
    )


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_store_holds_the_images_and_labels_of_the_samples(raw: Path, tmp_path: Path) -> None:
    """Every contoured image is there with its pixels, its label drawn from its contours, its place and its phase."""
    summary = build(raw, tmp_path)
    catalog = Catalog(tmp_path / "catalog")
    links = catalog_links(catalog)
    total = 0
    with open_store(tmp_path / "store") as opened:
        for patient in opened.patients:
            data = opened.load(patient)
            samples = patient_samples(link_patient(catalog, patient, links.originals[patient]))
            assert len(data) == len(samples) == opened.count(patient)
            total += len(data)
            for i, sample in enumerate(samples):
                assert sample.endo is not None
                loaded = load_pixels(sample, raw).image
                assert loaded is not None
                np.testing.assert_array_equal(data.image[i], loaded)
                assert data.image[i].dtype == loaded.dtype
                epi = sample.epi.points if sample.epi else None
                expected = label_image(sample.endo.points, epi, (64, 72))
                np.testing.assert_array_equal(data.label[i], expected)
                np.testing.assert_array_equal(opened.label(patient, i), expected)
                assert data.contours[i].tolist() == [True, sample.epi is not None]
                assert data.slice_index[i] == sample.record.slice_index
                assert data.frame[i] == sample.record.frame
            assert set(data.phase) == {Phase.ED, Phase.ES}
            assert data.pixel_spacing_mm == samples[0].record.pixel_spacing_mm
    assert summary.counts["samples"] == total > 0


def test_index_makes_it_look_like_one_file(raw: Path, tmp_path: Path) -> None:
    """index["<patient>/image"] works as the original's single file did, wherever the store is moved."""
    build(raw, tmp_path)
    (tmp_path / "store").rename(tmp_path / "moved")
    with h5py.File(tmp_path / "moved" / "index.h5", "r") as index:
        for patient in index:
            assert index[f"{patient}/image"].shape == index[f"{patient}/label"].shape


def test_rebuilt_store_is_byte_identical(small_phantom: Path, raw: Path, tmp_path: Path) -> None:
    """Another path and another number of processes give the same bytes."""
    build(small_phantom, tmp_path / "a")
    build(raw, tmp_path / "b", workers=2)
    assert snapshot(tmp_path / "a" / "store") == snapshot(tmp_path / "b" / "store")


def test_quarantine_leaves_out_exactly_what_it_lists(raw: Path, tmp_path: Path) -> None:
    """A contour, an image and a patient in quarantine are not in the store; everything else is, unchanged."""
    full = build(raw, tmp_path / "a")
    catalog = Catalog(tmp_path / "a" / "catalog")
    links = catalog_links(catalog)
    first, second, third = catalog.patients()
    samples = patient_samples(link_patient(catalog, first, links.originals[first]))
    paired = next(s for s in samples if s.epi is not None)
    contours = catalog.contours(links.originals[first][0])
    epi = next(c.path for c in contours if c.kind == "epi" and c.number == paired.record.file_number)
    single = next(s for s in samples if s.epi is None)
    rows = (
        Quarantine("contour", epi, "contour-copied", "rule"),
        Quarantine("image", single.record.path, "blurred", "a reader", "2026-01-01"),
        Quarantine("patient", second, "withdrawn", "a reader", "2026-01-01"),
    )
    summary = build(raw, tmp_path / "b", rows)
    with open_store(tmp_path / "a" / "store") as a, open_store(tmp_path / "b" / "store") as b:
        assert b.patients == (first, third)
        kept, whole = b.load(first), a.load(first)
        assert len(kept) == len(whole) - 1
        i = kept.instance_number.tolist().index(paired.record.file_number)
        assert kept.contours[i].tolist() == [True, False]
        assert set(np.unique(kept.label[i])) == {0, 1}
        assert single.record.file_number not in kept.instance_number
        assert summary.counts["samples"] == full.counts["samples"] - 1 - a.count(second)
    assert (tmp_path / "a/store/patients" / f"{third}.h5").read_bytes() == (
        tmp_path / "b/store/patients" / f"{third}.h5"
    ).read_bytes()


@pytest.mark.parametrize("harm", ["flip", "truncate", "delete", "swap"])
def test_altered_file_is_refused_on_first_touch_and_repaired(raw: Path, tmp_path: Path, harm: str) -> None:
    """No altered patient is read; the next store run makes it again, byte for byte."""
    build(raw, tmp_path)
    whole = snapshot(tmp_path / "store")
    files = sorted((tmp_path / "store" / "patients").iterdir())
    data = bytearray(files[0].read_bytes())
    if harm == "flip":
        data[len(data) // 2] ^= 1
        files[0].write_bytes(data)
    elif harm == "truncate":
        files[0].write_bytes(data[:-7])
    elif harm == "delete":
        files[0].unlink()
    else:
        files[0].write_bytes(files[1].read_bytes())
    with open_store(tmp_path / "store") as opened:
        with pytest.raises(StoreError, match=files[0].name):
            opened.load(files[0].stem)
        opened.load(files[1].stem)
    assert build(raw, tmp_path).done == 1
    assert snapshot(tmp_path / "store") == whole


def test_newer_schema_is_refused(raw: Path, tmp_path: Path) -> None:
    """A store of a schema that this version does not know is not guessed at."""
    build(raw, tmp_path)
    path = tmp_path / "store" / "manifest.json"
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    with pytest.raises(StoreError, match="schema version 99"):
        open_store(tmp_path / "store")


def test_missing_store_says_what_to_run(tmp_path: Path) -> None:
    """No store: the message names the command."""
    with pytest.raises(StoreError, match="cmrpipe store"):
        open_store(tmp_path)
