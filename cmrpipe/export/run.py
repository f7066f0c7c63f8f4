"""Writing a store out, patient by patient, in one of three forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from cmrpipe import __version__
from cmrpipe.errors import StoreError
from cmrpipe.export.folder import new_folder, table
from cmrpipe.export.niftifile import ENDING, nifti_bytes
from cmrpipe.export.nnunet import label_with_unknown, write_description
from cmrpipe.export.volumes import Volume, volumes
from cmrpipe.files import atomic, write_bytes
from cmrpipe.progress import Listener, Progress
from cmrpipe.store import PatientData, Store, open_store

INDEX = "index.csv"


class Kind(StrEnum):
    """Forms of an export."""

    NPY = "npy"
    NIFTI = "nifti"
    NNUNET = "nnunet"


@dataclass(slots=True)
class Exported:
    """What was written.

    Attributes
    ----------
    patients, samples : how many
    cases : patient → names of its files, without ending
    left_out : volumes that the form cannot hold, and why
    unplaced : volumes without a known place in space
    unknown : whether a label is unknown somewhere
    """

    patients: int = 0
    samples: int = 0
    cases: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)
    unknown: bool = False


Row: TypeAlias = dict[str, Any]
Writer: TypeAlias = Callable[[Path, PatientData, Exported], Iterator[Row]]


def _rows(data: PatientData, samples: tuple[int, ...], image: str, label: str) -> Iterator[Row]:
    """Lines of the index: which sample lies where; numbers are empty where they are unknown."""
    for place, i in enumerate(samples):
        numbers = {
            "instance_number": int(data.instance_number[i]),
            "slice_index": int(data.slice_index[i]),
            "frame": int(data.frame[i]),
        }
        yield {
            "patient_id": data.patient_id,
            "sample": i,
            **{name: "" if number < 0 else number for name, number in numbers.items()},
            "phase": data.phase[i].value,
            "endo": int(data.contours[i, 0]),
            "epi": int(data.contours[i, 1]),
            "image": image,
            "label": label,
            "position": place,
        }


def _placed_rows(data: PatientData) -> Iterator[Row]:
    """The same for arrays, which cannot say themselves where they are: with spacing, position and orientation."""
    spacing: dict[str, float | str] = {"spacing_rows_mm": "", "spacing_columns_mm": ""}
    if data.pixel_spacing_mm is not None:
        spacing = dict(zip(spacing, data.pixel_spacing_mm, strict=True))
    images, labels = f"images/{data.patient_id}.npy", f"labels/{data.patient_id}.npy"
    for i, row in enumerate(_rows(data, tuple(range(len(data))), images, labels)):
        place = {f"position_{axis}_mm": value for axis, value in zip("xyz", data.position_mm[i], strict=True)}
        turn = {f"orientation_{k}": value for k, value in enumerate(data.orientation[i])}
        known = {name: "" if np.isnan(value) else float(value) for name, value in {**place, **turn}.items()}
        gap = "" if data.slice_gap_mm is None else data.slice_gap_mm
        yield {**row, **spacing, "slice_gap_mm": gap, **known}


def _save(path: Path, array: np.ndarray[Any, Any]) -> None:
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def _npy(out: Path, data: PatientData, done: Exported) -> Iterator[Row]:
    _save(out / "images" / f"{data.patient_id}.npy", data.image)
    _save(out / "labels" / f"{data.patient_id}.npy", data.label)
    done.cases[data.patient_id] = [data.patient_id]
    yield from _placed_rows(data)


def _note(volume: Volume, data: PatientData, done: Exported) -> None:
    done.cases.setdefault(data.patient_id, []).append(volume.name)
    if volume.affine is None:
        done.unplaced.append(volume.name)


def _nifti(out: Path, data: PatientData, done: Exported) -> Iterator[Row]:
    for volume in volumes(data):
        part = list(volume.samples)
        image, label = (f"{data.patient_id}/{volume.name}{suffix}{ENDING}" for suffix in ("", "_label"))
        write_bytes(out / image, nifti_bytes(data.image[part], volume))
        write_bytes(out / label, nifti_bytes(data.label[part], volume))
        _note(volume, data, done)
        yield from _rows(data, volume.samples, image, label)


def _nnunet(out: Path, data: PatientData, done: Exported) -> Iterator[Row]:
    for volume in volumes(data):
        if volume.spacing_mm is None:
            done.left_out.append(f"{volume.name}: its pixel spacing is unknown, and nnU-Net plans with it")
            continue
        part = list(volume.samples)
        image, label = f"imagesTr/{volume.name}_0000{ENDING}", f"labelsTr/{volume.name}{ENDING}"
        marked = label_with_unknown(data.label[part], data.contours[part])
        done.unknown |= not bool(data.contours[part].all())
        write_bytes(out / image, nifti_bytes(data.image[part], volume))
        write_bytes(out / label, nifti_bytes(marked, volume))
        _note(volume, data, done)
        yield from _rows(data, volume.samples, image, label)


_WRITERS: dict[Kind, Writer] = {Kind.NPY: _npy, Kind.NIFTI: _nifti, Kind.NNUNET: _nnunet}


def export(store: Path, output: Path, kind: Kind, *, listen: Listener) -> Exported:
    """Write all patients of a store, each checked against the manifest when it is read.

    Parameters
    ----------
    store : the store's folder, of either format
    output : a new folder, or an earlier export of this kind, which is replaced as a whole when the new one is complete

    Raises
    ------
    StoreError : no store, an altered patient, or nothing in it
    InputError : `output` holds something else
    """
    done = Exported()
    with open_store(store) as opened:
        if not opened.patients:
            raise StoreError(store, "holds no samples", "Look at quarantine.csv and `cmrpipe validate`")
        with new_folder(output, kind, _about(opened)) as out:
            with table(out / INDEX) as add:
                for number, patient in enumerate(opened.patients, 1):
                    before = done.samples
                    for row in _WRITERS[kind](out, opened.load(patient), done):
                        add(row)
                        done.samples += 1
                    done.patients += done.samples > before
                    listen(Progress("export", patient, number, len(opened.patients)))
            if kind is Kind.NNUNET:
                write_description(out, done.cases, unknown=done.unknown)
    return done


def _about(store: Store) -> dict[str, Any]:
    schema = store.manifest["schema_version"]
    return {"cmrpipe": __version__, "schema_version": schema, "store_fingerprint": store.fingerprint}
