"""The store stage and its reader."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import zarr
from zarr.storage import ZipStore

from cmrpipe.catalog import Catalog
from cmrpipe.geometry import label_image
from cmrpipe.incremental.refresh import read_manifest
from cmrpipe.linking import catalog_links, link_patient
from cmrpipe.model import ContourKind, Phase, Quarantine
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.readers.layouts import PHANTOM
from cmrpipe.samples import load_pixels, patient_samples
from cmrpipe.stages.ingest import ingest
from cmrpipe.store import StoreFormat, open_store
from cmrpipe.store.leftout import LeftOut, Lost, read
from cmrpipe.store.migrate import migrate
from cmrpipe.store.schema import DATASETS, LINEAGE, index_file, patient_file
from cmrpipe.store.writer import array_sha256
from tests.export.stacks import write_store
from tests.snapshots import snapshot
from tests.stages.stored import FORMATS, build, in_each_format


@in_each_format
def test_store_holds_the_images_and_labels_of_the_samples(raw: Path, tmp_path: Path, store_format: StoreFormat) -> None:
    """Every contoured image is there with its pixels, its label drawn from its contours, its place and its phase."""
    summary = build(raw, tmp_path, store_format=store_format)
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
                assert tuple(data.position_mm[i]) == sample.record.position_mm
                assert tuple(data.orientation[i]) == sample.record.orientation
                assert opened.lineage(patient)["sources"][i]["image_sha256"] == sample.record.sha256
            assert set(data.phase) == {Phase.ED, Phase.ES}
            assert data.pixel_spacing_mm == samples[0].record.pixel_spacing_mm
    assert summary.counts["samples"] == total > 0


def test_of_two_contours_of_one_number_neither_is_used(raw: Path, tmp_path: Path) -> None:
    """Also where one of them is in quarantine: nobody has said that the other is right."""
    copy = tmp_path / "copy"
    shutil.copytree(raw, copy)
    contour = sorted(copy.glob("contourfiles/*/i-contours/*.txt"))[0]
    twin = contour.with_name(contour.name.replace("IM-0001", "IM-0002"))
    shutil.copy(contour, twin)
    row = Quarantine("contour", twin.relative_to(copy).as_posix(), "contour-open", "rule")
    counts = [
        build(root, tmp_path / name, rows).counts["endo"]
        for name, root, rows in (("whole", raw, ()), ("both", copy, ()), ("one", copy, (row,)))
    ]
    assert counts == [counts[0], counts[0] - 1, counts[0] - 1]


@in_each_format
def test_a_batch_is_its_samples_one_by_one(raw: Path, tmp_path: Path, store_format: StoreFormat) -> None:
    """Any samples of any patients, in any order and repeated, come together as they come alone."""
    build(raw, tmp_path, store_format=store_format)
    with open_store(tmp_path / "store") as opened:
        places = [(patient, i) for i in (2, 0, 1, 2) for patient in reversed(opened.patients)]
        images, labels = opened.batch(places)
        assert (images.dtype, labels.dtype) == (opened.image(*places[0]).dtype, np.dtype(np.uint8))
        assert labels.any()
        for place, image, label in zip(places, images, labels, strict=True):
            np.testing.assert_array_equal(image, opened.image(*place))
            np.testing.assert_array_equal(label, opened.label(*place))


@pytest.mark.parametrize("change", [lambda a: a[:, :1], lambda a: a.astype(np.int32)], ids=["size", "type"])
def test_images_of_different_kinds_are_no_batch(
    raw: Path, tmp_path: Path, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
) -> None:
    """They are refused in place of being spread or converted."""
    build(raw, tmp_path)
    with open_store(tmp_path / "store") as opened:
        first = opened.load(opened.patients[0])
    image = change(first.image)
    other = replace(first, patient_id="other", image=image, label=first.label[:, : image.shape[1]])
    with open_store(write_store(tmp_path / "mixed", [first, other])) as opened:
        assert len(opened.batch([("other", 0), ("other", 1)])[0]) == 2
        with pytest.raises(ValueError, match="several kinds"):
            opened.batch([(first.patient_id, 0), ("other", 0)])


def test_hdf5_index_makes_it_look_like_one_file(raw: Path, tmp_path: Path) -> None:
    """index["<patient>/image"] works as the original's single file did, wherever the store is moved."""
    build(raw, tmp_path)
    (tmp_path / "store").rename(tmp_path / "moved")
    with h5py.File(tmp_path / "moved" / "index.h5", "r") as index:
        for patient in index:
            assert index[f"{patient}/image"].shape == index[f"{patient}/label"].shape


@in_each_format
def test_store_looks_like_one_file_in_each_format(raw: Path, tmp_path: Path, store_format: StoreFormat) -> None:
    """store["<patient>/image"] gives slices and whole arrays; the index names every patient's file."""
    build(raw, tmp_path, store_format=store_format)
    with open_store(tmp_path / "store") as opened:
        for patient in opened.patients:
            image, data = opened[f"{patient}/image"], opened.load(patient)
            assert (image.shape, image.dtype, len(image)) == (data.image.shape, data.image.dtype, len(data))
            np.testing.assert_array_equal(image[-1], data.image[-1])
            np.testing.assert_array_equal(np.asarray(image), data.image)
            np.testing.assert_array_equal(np.asarray(opened[f"{patient}/frame"]), data.frame)
            with pytest.raises(KeyError, match="label"):
                _ = opened[f"{patient}/picture"]
            with pytest.raises(IndexError):
                _ = image[len(image)]
        if store_format is StoreFormat.ZARR:
            index = json.loads((tmp_path / "store" / "index.json").read_bytes())
            assert tuple(index["patients"]) == opened.patients
            assert all((tmp_path / "store" / name).is_file() for name in index["patients"].values())


@in_each_format
def test_index_leads_to_patients_that_are_there_and_to_no_others(
    raw: Path, tmp_path: Path, store_format: StoreFormat
) -> None:
    """A patient of whom all is in quarantine is not in the index; it comes back with the patient."""

    def indexed() -> tuple[str, ...]:
        path = tmp_path / "store" / index_file(store_format)
        if store_format is StoreFormat.ZARR:
            return tuple(json.loads(path.read_bytes())["patients"])
        with h5py.File(path, "r") as index:
            return tuple(patient for patient in index if index[f"{patient}/image"].shape)

    build(raw, tmp_path, store_format=store_format)
    everyone = indexed()
    gone = Quarantine("patient", everyone[1], "withdrawn", "a reader", "2026-01-01")
    build(raw, tmp_path, (gone,), store_format=store_format)
    assert indexed() == (everyone[0], everyone[2])
    build(raw, tmp_path, store_format=store_format)
    assert indexed() == everyone


def test_every_format_of_the_parameter_is_one_of_the_store() -> None:
    """params.yaml offers what the store has, and nothing else."""
    assert get_args(StoreParams.model_fields["format"].annotation) == tuple(StoreFormat)


@in_each_format
def test_rebuilt_store_is_byte_identical(
    small_phantom: Path, raw: Path, tmp_path: Path, store_format: StoreFormat
) -> None:
    """Another path, another number of processes and another hash seed give the same bytes."""
    build(small_phantom, tmp_path / "a", store_format=store_format)
    ingest(raw, tmp_path / "b" / "catalog", tmp_path / "b" / "state", IngestParams(), listen=silent)
    (tmp_path / "params.yaml").write_text(f"store: {{format: {store_format}}}\n")
    options = {
        "raw": raw,
        "catalog": tmp_path / "b" / "catalog",
        "quarantine": tmp_path / "a" / "quarantine.csv",
        "out": tmp_path / "b" / "store",
        "params": tmp_path / "params.yaml",
        "workers": 2,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    seeded = {**os.environ, "PYTHONHASHSEED": "4711"}
    subprocess.run([sys.executable, "-m", "cmrpipe", "store", *arguments], check=True, env=seeded, capture_output=True)
    assert snapshot(tmp_path / "a" / "store") == snapshot(tmp_path / "b" / "store")


def test_formats_hold_the_same(raw: Path, tmp_path: Path) -> None:
    """Every array has the same hash in both formats, and the manifest's are those of what is read."""
    entries = {}
    for store_format in FORMATS:
        build(raw, tmp_path / store_format, store_format=store_format)
        found = read_manifest(tmp_path / store_format / "store")
        with open_store(tmp_path / store_format / "store") as opened:
            entries[store_format] = {patient: dict(found[patient]["info"]["sha256"]) for patient in opened.patients}
            for patient, hashes in entries[store_format].items():
                arrays = opened.datasets(patient)
                assert hashes == {name: array_sha256(array) for name, array in arrays.items()}
                assert {*DATASETS, LINEAGE} == set(hashes)
                del hashes[LINEAGE]  # it names the format
    assert entries[StoreFormat.HDF5] == entries[StoreFormat.ZARR]


def test_changing_the_format_leaves_nothing_of_the_other(raw: Path, tmp_path: Path) -> None:
    """A store that goes from one format to the other and back is each time as if it had been made anew."""
    for store_format in (*FORMATS, *FORMATS):
        build(raw, tmp_path / f"new-{store_format}", store_format=store_format)
        summary = build(raw, tmp_path / "turned", store_format=store_format)
        assert (summary.done, summary.gone) == (3, 0)
        assert snapshot(tmp_path / "turned" / "store") == snapshot(tmp_path / f"new-{store_format}" / "store")


def test_zarr_python_reads_the_same(raw: Path, tmp_path: Path) -> None:
    """What others read from a patient's zip with zarr-python is what we read; empty masks are stored as chunks."""
    build(raw, tmp_path, store_format=StoreFormat.ZARR)
    with open_store(tmp_path / "store") as opened:
        for patient in opened.patients:
            path = tmp_path / "store" / "patients" / f"{patient}.zarr.zip"
            with ZipStore(path, mode="r") as zipped:
                group = zarr.open_group(zipped, mode="r")
                assert group.attrs["patient_id"] == patient
                for name, array in opened.datasets(patient).items():
                    kept = group[name]
                    assert isinstance(kept, zarr.Array)
                    np.testing.assert_array_equal(kept[...], array)
                    assert kept.dtype == array.dtype


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


def test_the_manifest_tells_what_is_left_out_and_whether_a_person_decided(raw: Path, tmp_path: Path) -> None:
    """By phase, epicardia for themselves; what a rule leaves out, too, is no person's; the patients' files stay."""

    def leave_out(by: dict[str, tuple[str, ...]]) -> LeftOut:
        rows = tuple(Quarantine("contour", name, why, why) for name, people in by.items() for why in people)
        build(raw, tmp_path, rows)
        info = read_manifest(tmp_path / "store")[first]["info"]
        assert info["samples"] + info["left_out"] == len(samples)
        return read(info)

    build(raw, tmp_path)
    catalog = Catalog(tmp_path / "catalog")
    links, first = catalog_links(catalog), catalog.patients()[0]
    samples = patient_samples(link_patient(catalog, first, links.originals[first]))
    paths = {(c.number, c.kind): c.path for c in catalog.contours(links.originals[first][0])}
    one, two, *_ = (s.record.file_number for s in samples if s.epi is not None)
    three = next(s.record.file_number for s in samples if s.epi is None)
    endo_and_epi, epi, late = paths[one, ContourKind.ENDO], paths[two, ContourKind.EPI], paths[three, ContourKind.ENDO]

    assert leave_out({}) == LeftOut(Lost({}, {}), Lost({}, {}))
    by_ann = leave_out({endo_and_epi: ("ann",), epi: ("ann",), late: ("ann",)})
    assert by_ann == LeftOut(Lost({"ED": 1, "ES": 1}, {"ED": 1, "ES": 1}), Lost({"ED": 2}, {"ED": 2}))
    before = (tmp_path / "store" / patient_file(first)).read_bytes()
    mixed = leave_out({endo_and_epi: ("ann", "rule"), epi: ("rule",), late: ("ann",)})
    assert mixed == LeftOut(Lost({"ED": 1, "ES": 1}, {"ES": 1}), Lost({"ED": 2}, {}))
    assert (tmp_path / "store" / patient_file(first)).read_bytes() == before


def test_the_manifest_tells_a_phantom(raw: Path, tmp_path: Path) -> None:
    """By the mark that lies beside its patients; it stays when the store is written in the other format."""
    build(raw, tmp_path)
    migrate(tmp_path / "store", store_format=StoreFormat.ZARR, listen=silent)
    with open_store(tmp_path / "store") as opened:
        assert opened.synthetic
    (raw / PHANTOM).unlink()
    build(raw, tmp_path / "other")
    with open_store(tmp_path / "other" / "store") as opened:
        assert not opened.synthetic
