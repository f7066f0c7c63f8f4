"""cmrpipe.export: the same arrays, whichever way they are read back."""

from __future__ import annotations

import csv
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest

from cmrpipe.errors import InputError, StoreError
from cmrpipe.export import Kind, export
from cmrpipe.export.folder import MARKER
from cmrpipe.model import Phase
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.store import Store, open_store
from tests.commands import cmrpipe
from tests.export.stacks import stack, write_store
from tests.killing import killed
from tests.snapshots import snapshot

KINDS = tuple(Kind)


@pytest.fixture(scope="module")
def real(final_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of the real data, in both formats; read only."""
    base = tmp_path_factory.mktemp("real")
    ingest(final_data, base / "catalog", base / "state", IngestParams(), listen=silent, workers=2)
    write_quarantine(base / "quarantine.csv", [])
    for name in ("hdf5", "zarr"):
        params = StoreParams(format=name)
        store_stage(final_data, base / "catalog", base / "quarantine.csv", base / name, params, listen=silent)
    return base


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A store of three patients, one of them without pixel spacing."""
    places = [(k, frame, phase) for k in range(3) for frame, phase in ((1, Phase.ED), (8, Phase.ES))]
    return write_store(tmp_path / "store", [stack(name, places) for name in ("A", "B", "C")])


def rows(folder: Path) -> list[dict[str, str]]:
    """The index of an export."""
    with (folder / "index.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def nifti(path: Path) -> tuple[np.ndarray[Any, Any], Any]:
    """Stored values as (slices, rows, columns), and the image."""
    image = nib.load(path)
    assert isinstance(image, nib.Nifti1Image)
    return np.transpose(np.asanyarray(image.dataobj), (2, 1, 0)), image


def compare(store: Store, folder: Path, load: Any) -> None:
    """Hold every sample of a store against the file and position that the index names."""
    table = rows(folder)
    assert len(table) == sum(map(store.count, store.patients))
    assert len({(row["image"], row["position"]) for row in table}) == len(table)
    for row in table:
        patient, i, place = row["patient_id"], int(row["sample"]), int(row["position"])
        image, label = load(folder / row["image"]), load(folder / row["label"])
        assert image.dtype == store.image(patient, i).dtype
        np.testing.assert_array_equal(image[place], store.image(patient, i))
        wanted = store.label(patient, i)
        unknown = label[place] == 3
        np.testing.assert_array_equal(label[place][~unknown], wanted[~unknown])
        assert not unknown.any() or (row["epi"] == "0" and not wanted[unknown].any())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("store_format", ["hdf5", "zarr"])
def test_exports_hold_the_arrays_of_the_store(real: Path, tmp_path: Path, kind: Kind, store_format: str) -> None:
    """Real patients: every image and label is where the index says, from a store of either format."""
    done = export(real / store_format, tmp_path / "out", kind, listen=silent)
    assert (done.patients, done.left_out, done.unplaced) == (5, [], [])
    with open_store(real / store_format) as store:
        if kind is Kind.NPY:
            compare(store, tmp_path / "out", lambda path: np.load(path, mmap_mode="r"))
        else:
            compare(store, tmp_path / "out", lambda path: nifti(path)[0])


def test_nifti_agrees_with_the_dicom_headers(real: Path, final_data: Path, tmp_path: Path) -> None:
    """Real patients: pixel by pixel the place is that of the DICOM standard's formula, read anew from the headers."""
    export(real / "hdf5", tmp_path / "out", Kind.NIFTI, listen=silent)
    for row in rows(tmp_path / "out"):
        values, image = nifti(tmp_path / "out" / row["image"])
        header = pydicom.dcmread(final_data / "dicoms" / row["patient_id"] / f"{row['instance_number']}.dcm")
        turn = np.array(header.ImageOrientationPatient, float)
        between_rows, between_columns = map(float, header.PixelSpacing)
        k = int(row["position"])
        for r, c in ((0, 0), (10, 200), (255, 31)):
            place = np.array(header.ImagePositionPatient, float) + turn[:3] * c * between_columns
            place += turn[3:] * r * between_rows
            for transform in (image.get_sform(), image.get_qform()):
                found = transform @ (c, r, k, 1)
                np.testing.assert_allclose(found[:3], place * (-1, -1, 1), rtol=0, atol=0.02)
            assert values[k, r, c] == header.pixel_array[r, c]
        zooms = image.header.get_zooms()
        np.testing.assert_allclose(zooms[:2], (between_columns, between_rows), rtol=1e-6)
        assert zooms[2] == pytest.approx(8 if row["patient_id"] > "SCD0000201" else 10, abs=0.002)
        assert image.header.get_xyzt_units()[0] == "mm"
        assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)


def test_sheared_and_unplaced_volumes_claim_no_more_than_is_known(tmp_path: Path) -> None:
    """Slices that are offset sideways have no rotation (qform); those without position have neither transform."""
    sheared = stack("A", [(k, 1, Phase.ED) for k in range(3)])
    sheared.position_mm[:] += np.arange(3)[:, None] * np.array([3.0, 0, 0])
    nowhere = stack("B", [(k, 1, Phase.ED) for k in range(3)])
    nowhere.position_mm[:] = np.nan
    done = export(write_store(tmp_path / "store", [sheared, nowhere]), tmp_path / "out", Kind.NIFTI, listen=silent)
    assert done.unplaced == ["B_ED"]
    _, image = nifti(tmp_path / "out" / "A" / "A_ED.nii.gz")
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 0)
    last = image.affine @ (0, 0, 2, 1)
    np.testing.assert_allclose(last[:3] * (-1, -1, 1), sheared.position_mm[2], atol=1e-4)
    _, image = nifti(tmp_path / "out" / "B" / "B_ED.nii.gz")
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (0, 0)
    np.testing.assert_allclose(image.header.get_zooms(), (0.75, 1.25, 8.0))


def test_nnunet_folder_is_complete(small: Path, tmp_path: Path) -> None:
    """Names, channels, counts, labels; unknown myocardium is ignored; folds keep a patient's cases together."""
    out = tmp_path / "Dataset501_LV"
    export(small, out, Kind.NNUNET, listen=silent)
    about = json.loads((out / "dataset.json").read_bytes())
    assert about["channel_names"] == {"0": "cine MR"}
    assert about["labels"] == {"background": 0, "cavity": 1, "myocardium": 2, "ignore": 3}
    images = sorted(path.name for path in (out / "imagesTr").iterdir())
    labels = sorted(path.name for path in (out / "labelsTr").iterdir())
    assert about["numTraining"] == len(images) == len(labels) == 6
    assert images == [name.replace(about["file_ending"], f"_0000{about['file_ending']}") for name in labels]
    for name in labels:
        label, head = nifti(out / "labelsTr" / name)
        image, its_head = nifti(out / "imagesTr" / name.replace(".nii", "_0000.nii"))
        assert label.shape == image.shape
        assert label.dtype == np.uint8
        np.testing.assert_array_equal(head.affine, its_head.affine)
        assert set(np.unique(label)) == ({0, 1, 2} if "_ED" in name else {1, 3})
    cases = {name.removesuffix(".nii.gz") for name in labels}
    splits = json.loads((out / "splits_final.json").read_bytes())
    assert sorted(case for fold in splits for case in fold["val"]) == sorted(cases)
    for fold in splits:
        assert {*fold["train"], *fold["val"]} == cases
        assert not {case[0] for case in fold["train"]} & {case[0] for case in fold["val"]}


def test_nnunet_leaves_out_what_has_no_spacing_and_says_so(tmp_path: Path) -> None:
    """nnU-Net plans with the spacing: a volume without one is named, and not written with an invented one."""
    whole = stack("A", [(k, 1, Phase.ED) for k in range(3)])
    store = write_store(tmp_path / "store", [whole, replace(whole, patient_id="B", pixel_spacing_mm=None)])
    done = export(store, tmp_path / "out", Kind.NNUNET, listen=silent)
    assert (done.patients, done.samples) == (1, 3)
    assert [line.partition(":")[0] for line in done.left_out] == ["B_ED"]
    about = json.loads((tmp_path / "out" / "dataset.json").read_bytes())
    assert about["numTraining"] == 1
    assert "ignore" not in about["labels"]


@pytest.mark.parametrize("kind", KINDS)
def test_same_store_same_bytes_and_an_older_export_makes_way(small: Path, tmp_path: Path, kind: Kind) -> None:
    """Twice into two folders, and again over the first: equal bytes, nothing left beside them."""
    for name in ("a", "b", "a"):
        export(small, tmp_path / "out" / name, kind, listen=silent)
    assert snapshot(tmp_path / "out" / "a") == snapshot(tmp_path / "out" / "b")
    beside = {path.name for path in (tmp_path / "out").iterdir()}
    assert beside == {"a", "b", ".a.lock", ".b.lock"}


def test_folders_of_others_are_left_alone(small: Path, tmp_path: Path) -> None:
    """A file, a folder with anything in it, an export of another kind, one with a stranger: refused, untouched."""
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        export(small, out, Kind.NPY, listen=silent)
    out.unlink()
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="was not made by"):
        export(small, out, Kind.NPY, listen=silent)
    (out / "notes.txt").unlink()
    export(small, out, Kind.NPY, listen=silent)
    with pytest.raises(InputError, match="another kind"):
        export(small, out, Kind.NIFTI, listen=silent)
    (out / "notes.txt").write_text("mine")
    before = snapshot(out)
    with pytest.raises(InputError, match=r"notes\.txt"):
        export(small, out, Kind.NPY, listen=silent)
    assert snapshot(out) == before
    assert set(json.loads(before[MARKER])["files"]) == set(before) - {MARKER, "notes.txt"}


def test_altered_store_is_not_exported(small: Path, tmp_path: Path) -> None:
    """An altered patient stops the export; the earlier one stays, and no half of a new one."""
    export(small, tmp_path / "out", Kind.NPY, listen=silent)
    before = snapshot(tmp_path / "out")
    path = small / "patients" / "C.h5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"C\.h5"):
        export(small, tmp_path / "out", Kind.NPY, listen=silent)
    assert snapshot(tmp_path / "out") == before
    assert [path.name for path in tmp_path.glob(".out*")] == [".out.lock"]


def test_an_export_that_was_killed_between_its_renames_is_put_back(small: Path, tmp_path: Path) -> None:
    """The earlier export, moved aside for the new one that never came, is there again even if the next run fails."""
    export(small, tmp_path / "out", Kind.NPY, listen=silent)
    before = snapshot(tmp_path / "out")
    assert killed(lambda: export(small, tmp_path / "out", Kind.NPY, listen=silent), 2, ("rename",))
    assert not (tmp_path / "out").exists()
    (small / "patients" / "A.h5").unlink()
    with pytest.raises(StoreError, match="missing"):
        export(small, tmp_path / "out", Kind.NPY, listen=silent)
    assert snapshot(tmp_path / "out") == before
    assert [path.name for path in tmp_path.glob(".out*")] == [".out.lock"]


def test_command_says_what_it_did(small: Path, tmp_path: Path) -> None:
    """It exports, names nnU-Net's rule for the folder, and refuses an unknown form and a foreign folder with 2."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return cmrpipe(tmp_path, "export", *arguments, "--store", str(small))

    done = call("nnunet", "--output", str(tmp_path / "out"))
    assert done.returncode == 0
    assert "3 patients, 18 samples" in done.stdout
    assert "Dataset501_LV" in done.stdout
    refused = call("nifti", "--output", str(tmp_path / "out"))
    assert refused.returncode == 2
    assert "another kind" in refused.stderr
    assert call("jpeg", "--output", str(tmp_path / "new")).returncode == 2
