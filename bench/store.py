"""The store's formats on real data, in one run: random slices, first opening, writing, size.

A sample is an image and its label. All is read from the system's file cache, so that the way of reading is measured and
not the disk; each slice is copied into an array of its own, from `np.memmap` too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from harness import DATA, compare, print_table

from cmrpipe.export import Kind, export
from cmrpipe.params import IngestParams, StoreParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import write_quarantine
from cmrpipe.stages.ingest import ingest
from cmrpipe.stages.store import store as store_stage
from cmrpipe.store import PatientData, Store, StoreFormat, open_store, write_patient

Draws = list[tuple[str, int]]
Sample = Callable[[str, int], object]


def build(data: Path, base: Path) -> dict[str, Path]:
    """A store of each format, and its export to .npy."""
    ingest(data, base / "catalog", base / "state", IngestParams(), listen=silent)
    write_quarantine(base / "quarantine.csv", [])
    places = {}
    for name in StoreFormat:
        params = StoreParams(format=name.value)
        store_stage(data, base / "catalog", base / "quarantine.csv", base / name, params, listen=silent)
        places[name.value] = base / name
    export(base / StoreFormat.HDF5, base / "npy", Kind.NPY, listen=silent)
    return {**places, "npy": base / "npy"}


def of_store(store: Store) -> Sample:
    """Samples through this project's reader."""
    return lambda patient, i: (store.image(patient, i), store.label(patient, i))


def of_maps(maps: dict[tuple[str, str], np.ndarray[Any, Any]]) -> Sample:
    """Samples out of memory maps."""
    return lambda patient, i: (np.array(maps["images", patient][i]), np.array(maps["labels", patient][i]))


def of_h5py(folder: Path) -> Sample:
    """Samples through h5py, file by file as they lie in the store."""
    files: dict[str, tuple[h5py.Dataset, h5py.Dataset]] = {}

    def read(patient: str, i: int) -> object:
        if patient not in files:
            file = h5py.File(folder / "patients" / f"{patient}.h5", "r", locking=False)
            files[patient] = file["image"], file["label"]
        image, label = files[patient]
        return image[i], label[i]

    return read


def of_zarr_python(folder: Path) -> Sample:
    """Samples through zarr-python."""
    import zarr

    arrays: dict[str, tuple[Any, Any]] = {}

    def read(patient: str, i: int) -> object:
        if patient not in arrays:
            zipped = zarr.storage.ZipStore(folder / "patients" / f"{patient}.zarr.zip", mode="r")
            group = zarr.open_group(zipped, mode="r")
            arrays[patient] = group["image"], group["label"]
        image, label = arrays[patient]
        return image[i], label[i]

    return read


def of_origin(samples: list[PatientData], path: Path) -> Sample:
    """Samples the original scripts' way: one file, a group a slice, `list` of a dataset, which reads row by row."""
    with h5py.File(path, "w") as file:
        for data in samples:
            for i in range(len(data)):
                group = file.create_group(f"{data.patient_id}_{i}")
                group.create_dataset("image", data=data.image[i])
                group.create_dataset("label", data=data.label[i])
    opened = h5py.File(path, "r")

    def read(patient: str, i: int) -> object:
        group = opened[f"{patient}_{i}"]
        return np.array(list(group["image"])), np.array(list(group["label"]))

    return read


def of_monai(store: Store, draws: Draws, folder: Path) -> Sample:
    """Samples out of MONAI's PersistentDataset, whose cache is filled already."""
    from monai.data import PersistentDataset

    def load(item: dict[str, Any]) -> dict[str, Any]:
        patient, i = item["patient"], item["i"]
        return {"image": store.image(patient, i), "label": store.label(patient, i)}

    items = [{"patient": patient, "i": i} for patient, i in draws]
    dataset = PersistentDataset(items, load, cache_dir=folder)
    place = {draw: k for k, draw in enumerate(draws)}
    for k in range(len(items)):
        _ = dataset[k]
    return lambda patient, i: dataset[place[patient, i]]


def all_of(read: Sample, draws: Draws) -> Callable[[], None]:
    """Read these samples."""

    def run() -> None:
        for patient, i in draws:
            read(patient, i)

    return run


def bench_reads(places: dict[str, Path], base: Path, rounds: int) -> None:
    """Random samples, each way."""
    rng = np.random.default_rng(0)
    with open_store(places["hdf5"]) as hdf5, open_store(places["zarr"]) as zarr:
        each = [(patient, i) for patient in hdf5.patients for i in range(hdf5.count(patient))]
        once = [each[k] for k in rng.permutation(len(each))]
        often = [each[k] for k in rng.integers(len(each), size=2000)]
        loaded = [hdf5.load(patient) for patient in hdf5.patients]
        plain: dict[tuple[str, str], np.ndarray[Any, Any]] = {}
        for data in loaded:
            for kind, array in (("images", data.image), ("labels", data.label)):
                path = base / f"{kind}-{data.patient_id}.raw"
                array.tofile(path)
                plain[kind, data.patient_id] = np.memmap(path, array.dtype, "r", shape=array.shape)
        npy = {
            (kind, patient): np.load(places["npy"] / kind / f"{patient}.npy", mmap_mode="r")
            for kind in ("images", "labels")
            for patient in hdf5.patients
        }
        seen = {key: np.asarray(array) for key, array in plain.items()}
        compare(
            f"a random sample (image and label, {loaded[0].image[0].nbytes + loaded[0].label[0].nbytes:,} bytes)",
            {
                "np.memmap": all_of(of_maps(plain), often),
                "np.memmap as plain arrays": all_of(of_maps(seen), often),
                ".npy memory map (export)": all_of(of_maps(npy), often),
                "HDF5, this reader": all_of(of_store(hdf5), often),
                "HDF5, h5py": all_of(of_h5py(places["hdf5"]), often),
                "Zarr, this reader": all_of(of_store(zarr), often),
            },
            reference="np.memmap",
            rounds=rounds,
            per=len(often),
            unit="us",
        )
        compare(
            f"the same against slower ways ({len(once)} samples)",
            {
                "HDF5, this reader": all_of(of_store(hdf5), once),
                "Zarr, this reader": all_of(of_store(zarr), once),
                "Zarr, zarr-python": all_of(of_zarr_python(places["zarr"]), once),
                "MONAI PersistentDataset": all_of(of_monai(hdf5, once, base / "monai"), once),
                "the original: list(dataset)": all_of(of_origin(loaded, base / "origin.h5"), once),
            },
            reference="HDF5, this reader",
            rounds=rounds,
            per=len(once),
            unit="us",
            repeats={"HDF5, this reader": 50, "Zarr, this reader": 5, "MONAI PersistentDataset": 5},
        )


def bench_first_open(places: dict[str, Path], rounds: int) -> None:
    """What the check of a patient's file at its first touch costs."""
    stored = {name: sorted((places[name] / "patients").iterdir()) for name in ("hdf5", "zarr")}
    size = {name: sum(path.stat().st_size for path in files) / 1e6 for name, files in stored.items()}

    def touch(name: str) -> None:
        with open_store(places[name]) as store:
            for patient in store.patients:
                store.image(patient, 0)

    def open_only() -> None:
        for path in stored["hdf5"]:
            with h5py.File(path, "r", locking=False) as file:
                _ = file["image"][0]

    def digest(name: str) -> None:
        for path in stored[name]:
            hashlib.sha256(path.read_bytes()).hexdigest()

    count = len(stored["hdf5"])
    compare(
        f"first touch of a patient ({count} patients; HDF5 {size['hdf5']:.1f} MB, Zarr {size['zarr']:.1f} MB in all)",
        {
            "h5py.File, no check": open_only,
            "HDF5, this reader": lambda: touch("hdf5"),
            "HDF5, SHA-256 alone": lambda: digest("hdf5"),
            "Zarr, this reader": lambda: touch("zarr"),
            "Zarr, SHA-256 alone": lambda: digest("zarr"),
        },
        reference="HDF5, SHA-256 alone",
        rounds=rounds,
        per=count,
    )


def bench_writes(places: dict[str, Path], base: Path, rounds: int) -> None:
    """Writing the patients, against `np.save` of the same arrays."""
    with open_store(places["hdf5"]) as store:
        loaded = [(store.load(patient), store.lineage(patient)) for patient in store.patients]
    size = sum(array.nbytes for data, _ in loaded for array in data.arrays().values()) / 1e6

    def save(sync: bool) -> None:
        for data, _ in loaded:
            for name, array in data.arrays().items():
                with (base / "saved" / f"{data.patient_id}-{name}.npy").open("wb") as stream:
                    np.save(stream, array)
                    if sync:
                        stream.flush()
                        os.fsync(stream.fileno())

    def write(store_format: StoreFormat) -> None:
        for data, lineage in loaded:
            write_patient(base / "written", data, lineage, store_format)

    (base / "saved").mkdir()
    compare(
        f"writing a patient ({size / len(loaded):.1f} MB of arrays)",
        {
            "np.save": lambda: save(False),
            "np.save, fsync": lambda: save(True),
            "HDF5: checksums, SHA-256 of all arrays, fsync, rename": lambda: write(StoreFormat.HDF5),
            "Zarr: the same, compressed": lambda: write(StoreFormat.ZARR),
        },
        reference="np.save",
        rounds=rounds,
        per=len(loaded),
    )
    shutil.rmtree(base / "written")


def tell_sizes(places: dict[str, Path]) -> None:
    """Files and bytes of each form."""
    rows = [["", "files", "MB"]]
    for name, folder in places.items():
        files = [path for path in folder.rglob("*") if path.is_file()]
        rows.append([name, str(len(files)), f"{sum(path.stat().st_size for path in files) / 1e6:.1f}"])
    print("\nsize, manifest and index included")
    print_table(rows)


def main() -> None:
    """Run all on one data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        places = build(options.data, base)
        bench_reads(places, base, options.rounds)
        bench_first_open(places, options.rounds)
        bench_writes(places, base, options.rounds)
        tell_sizes(places)


if __name__ == "__main__":
    main()
