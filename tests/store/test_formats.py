"""cmrpipe.store.hdf5 and cmrpipe.store.zarrzip: what each format sees by itself, without the manifest's hash."""

from __future__ import annotations

import io
import mmap
import zipfile
from collections.abc import Callable

import google_crc32c
import h5py
import numpy as np
import pytest
import zarr
from numcodecs.zstd import Zstd

from cmrpipe.errors import StoreError
from cmrpipe.model import Phase
from cmrpipe.store.backend import Backend, OpenPatient
from cmrpipe.store.formats import BACKENDS
from cmrpipe.store.hdf5 import HDF5
from cmrpipe.store.schema import PatientData, StoreFormat, patient_data
from cmrpipe.store.zarrzip import ZARR

each_format = pytest.mark.parametrize("backend", BACKENDS.values(), ids=[name.value for name in StoreFormat])


def patient(n: int = 12, dtype: str = "<i2", seed: int = 1) -> PatientData:
    """Images of noise, labels of which some are empty."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, (n, 7, 5), dtype=np.uint8)
    label[::3] = 0
    return PatientData(
        "P",
        image=rng.normal(500, 300, (n, 7, 5)).astype(dtype),
        label=label,
        contours=rng.random((n, 2)) < 0.5,
        instance_number=np.arange(n, dtype="<i4"),
        slice_index=np.full(n, -1, dtype="<i4"),
        frame=np.arange(n, dtype="<i4"),
        phase=tuple(rng.choice([Phase.ED, Phase.ES, Phase.OTHER], n)),
        position_mm=np.where(np.arange(n)[:, None] % 2, rng.normal(size=(n, 3)), np.nan),
        orientation=rng.normal(size=(n, 6)),
        pixel_spacing_mm=(1.25, 0.75),
        slice_gap_mm=None,
    )


def mapped(content: bytes) -> mmap.mmap:
    """Bytes as a map."""
    area = mmap.mmap(-1, len(content))
    area.write(content)
    return area


def opened(backend: Backend, content: bytes) -> OpenPatient:
    """A patient out of bytes."""
    return backend.open(mapped(content), "P")


@each_format
@pytest.mark.parametrize("dtype", ["<i2", "<u2", "|u1", "<i4", "<f4"])
@pytest.mark.parametrize("n", [1, 12])
def test_what_was_written_is_read(backend: Backend, dtype: str, n: int) -> None:
    """Every type that a scanner gives, one sample and many: arrays, types and attributes come back, NaN too."""
    data = patient(n, dtype)
    found = opened(backend, backend.encode(data.arrays(), data.attributes()))
    for name, array in data.arrays().items():
        np.testing.assert_array_equal(found.read(name), array)
        assert found.describe(name) == (array.shape, array.dtype)
        np.testing.assert_array_equal(found.read_slice(name, n - 1), array[-1])
        np.testing.assert_array_equal(found.read_slice(name, -1), array[-1])
        with pytest.raises(IndexError):
            found.read_slice(name, n)
    assert set(found.names) == set(data.arrays())
    again = patient_data({name: found.read(name) for name in found.names}, found.attributes)
    assert again.attributes() == data.attributes()
    assert again.phase == data.phase


@each_format
def test_big_endian_and_transposed_arrays_give_the_same_bytes(backend: Backend) -> None:
    """How an array lies in memory does not reach the file."""
    data = patient()
    plain = backend.encode(data.arrays(), data.attributes())
    turned = {
        name: np.asfortranarray(array.astype(array.dtype.newbyteorder(">"))) for name, array in data.arrays().items()
    }
    assert backend.encode(turned, data.attributes()) == plain


@pytest.mark.parametrize("kept", [(), ("frame",), ("image", "position_mm"), ("all",)])
def test_who_holds_a_dataset_longer_changes_no_byte(kept: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A profiler or a debugger keeps what a thread works on alive; chunks must not wait for that to get their place."""
    data = patient()
    undisturbed = HDF5.encode(data.arrays(), data.attributes())
    create, held = h5py.Group.create_dataset, []

    def holding(group: h5py.Group, name: str, **options: object) -> h5py.Dataset:
        dataset = create(group, name, **options)
        if name in kept or "all" in kept:
            held.append(dataset)
        return dataset

    monkeypatch.setattr(h5py.Group, "create_dataset", holding)
    assert HDF5.encode(data.arrays(), data.attributes()) == undisturbed
    assert bool(held) == bool(kept)


@each_format
def test_slices_that_are_handed_out_can_be_changed(backend: Backend) -> None:
    """A slice is a copy: whoever changes it changes neither the file nor the next reader's slice."""
    data = patient()
    found = opened(backend, backend.encode(data.arrays(), data.attributes()))
    found.read_slice("image", 3)[:] = 0
    found.read("label")[:] = 9
    np.testing.assert_array_equal(found.read_slice("image", 3), data.image[3])
    np.testing.assert_array_equal(found.read("label"), data.label)


def rewritten(content: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """A zip whose members went through `change`; None drops one. All checksums of the zip itself hold."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            data = change(member.filename, old.read(member))
            if data is not None:
                new.writestr(member, data)
    return target.getvalue()


@pytest.fixture
def zipped() -> bytes:
    """A patient as Zarr."""
    data = patient()
    return ZARR.encode(data.arrays(), data.attributes())


def test_missing_zarr_chunk_is_an_error_and_never_zeros(zipped: bytes) -> None:
    """zarr-python gives fill values for it without a word; here the slice, and the whole array, are refused."""
    gone = "label/c/4/0/0"
    content = rewritten(zipped, lambda name, data: None if name == gone else data)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    store = zarr.storage.MemoryStore({k: zarr.core.buffer.cpu.Buffer.from_bytes(v) for k, v in members.items()})
    label = zarr.open_group(store, mode="r")["label"]
    assert isinstance(label, zarr.Array)
    assert not np.asarray(label[4]).any()
    found = opened(ZARR, content)
    assert found.read_slice("label", 3).shape == (7, 5)
    reads: tuple[Callable[[], object], ...] = (lambda: found.read_slice("label", 4), lambda: found.read("label"))
    for read in reads:
        with pytest.raises(StoreError, match=gone):
            read()


def test_altered_zarr_chunk_is_an_error(zipped: bytes) -> None:
    """A flipped bit anywhere in a chunk, its checksum included, is refused by the chunk's own CRC-32C."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        size = archive.getinfo("image/c/2/0/0").file_size
    for at in range(size):

        def flip(name: str, data: bytes, at: int = at) -> bytes:
            return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :] if name == "image/c/2/0/0" else data

        with pytest.raises(StoreError, match="image/c/2/0/0"):
            opened(ZARR, rewritten(zipped, flip)).read_slice("image", 2)


def test_zarr_metadata_that_is_not_ours_is_an_error(zipped: bytes) -> None:
    """Other codecs, other chunks, no JSON, no metadata: refused when the file is opened."""
    name = "image/zarr.json"
    changes: list[Callable[[bytes], bytes | None]] = [
        lambda data: data.replace(b'"zstd"', b'"gzip"'),
        lambda data: data.replace(b'"chunk_shape"', b'"chunk_shade"'),
        lambda data: data[:-20],
        lambda data: data.replace(b"int16", b"int1g"),
    ]
    for change in changes:
        with pytest.raises(StoreError):
            opened(ZARR, rewritten(zipped, lambda key, data, change=change: change(data) if key == name else data))  # type: ignore[misc]
    with pytest.raises(StoreError):
        opened(ZARR, zipped[:-30])


def test_zarr_chunk_of_another_size_is_an_error(zipped: bytes) -> None:
    """A chunk with a right checksum that holds fewer or more pixels than a slice has is refused."""
    for count in (10, 70, 71):
        packed = Zstd(level=3).encode(b"\1" * count)
        chunk = packed + google_crc32c.value(packed).to_bytes(4, "little")
        content = rewritten(zipped, lambda name, data, chunk=chunk: chunk if name == "image/c/0/0/0" else data)  # type: ignore[misc]
        if count == 70:
            assert (opened(ZARR, content).read_slice("image", 0) == 257).all()
        else:
            with pytest.raises(StoreError, match="image/c/0/0/0"):
                opened(ZARR, content).read_slice("image", 0)


@pytest.mark.parametrize(
    "options", [{"compression": "gzip"}, {"chunks": (2, 7, 5)}, {"chunks": None, "fletcher32": False}]
)
def test_hdf5_that_is_laid_out_otherwise_is_an_error(options: dict[str, object]) -> None:
    """Offsets are trusted only in files laid out as ours: anything else is refused, not read at a wrong place."""
    data = patient()
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        for name, array in data.arrays().items():
            chunks = (1, 7, 5) if array.ndim == 3 else array.shape
            file.create_dataset(
                name, data=array, **({"chunks": chunks, "fletcher32": True} | options if array.ndim == 3 else {})
            )
    with pytest.raises(StoreError, match="image"):
        opened(HDF5, target.getvalue())


def test_hdf5_with_a_missing_chunk_is_an_error() -> None:
    """HDF5, too, gives fill values for a chunk that was never written."""
    data = patient()
    target = io.BytesIO()
    with h5py.File(target, "w", libver=("v110", "v110")) as file:
        for name in ("image", "label"):
            array = data.arrays()[name]
            dataset = file.create_dataset(name, array.shape, array.dtype, chunks=(1, 7, 5), fletcher32=True)
            dataset[:-1] = array[:-1]
    with pytest.raises(StoreError, match="lacks slices of image"):
        opened(HDF5, target.getvalue())
