"""The catalog: a Parquet table with a row for every image and one for every contour, a file a patient.

    images/<patient_id>.parquet       rows of `ImageRecord`, sorted by path
    contours/<original_id>.parquet    rows of `ContourRecord`, sorted by path; x and y as list columns
    links.parquet                     rows of `Link`, in file order
    manifest.json, manifest/          see `cmrpipe.incremental.manifest`

Every table is held against the manifest when it is read: an altered or missing one is an error, never fewer patients.
`pandas.read_parquet("data/catalog/images")` gives all images as one table. This module alone writes and reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path, PurePosixPath
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cmrpipe.errors import InputError
from cmrpipe.files import atomic, sha256_bytes
from cmrpipe.incremental.manifest import located, read_manifest
from cmrpipe.model import ContourKind, ContourRecord, ImageRecord, Link

LINKS_FILE = "links.parquet"
_FLOATS = pa.list_(pa.float64())
_ARROW = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "tuple": _FLOATS}


def _image_schema() -> pa.Schema:
    hints = get_type_hints(ImageRecord)
    columns = []
    for f in fields(ImageRecord):
        text = str(hints[f.name])
        kind = next(k for k in ("tuple", "float", "int", "str") if k in text)
        columns.append(pa.field(f.name, _ARROW[kind]))
    return pa.schema(columns)


IMAGE_SCHEMA = _image_schema()
CONTOUR_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("original_id", pa.string()),
        ("number", pa.int64()),
        ("kind", pa.string()),
        ("x", _FLOATS),
        ("y", _FLOATS),
        ("content_sha256", pa.string()),
        ("error", pa.string()),
    ]
)
LINK_SCHEMA = pa.schema(
    [("patient_id", pa.string()), ("original_id", pa.string()), ("path", pa.string()), ("line", pa.int64())]
)


def _write(path: Path, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
    table = pa.Table.from_pylist(list(rows), schema=schema)
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=True, write_statistics=True)


_MEND = "Run `cmrpipe ingest` again, or `cmrpipe rebuild`"


def _rows(path: Path, sha256: str) -> list[dict[str, Any]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", _MEND) from error
    if sha256_bytes(data) != sha256:
        raise InputError(path, "is altered: its SHA-256 is not the catalog's", _MEND)
    table = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)  # small; no thread pool
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def images_file(patient_id: str) -> str:
    """Name of a patient's image table, relative to the catalog."""
    return f"images/{patient_id}.parquet"


def contours_file(original_id: str) -> str:
    """Name of a contour folder's table, relative to the catalog."""
    return f"contours/{original_id}.parquet"


def write_images(folder: Path, patient_id: str, records: Iterable[ImageRecord]) -> str:
    """Write one patient's image rows; returns the file's name relative to the catalog."""
    rows = [{name: getattr(r, name) for name in IMAGE_SCHEMA.names} for r in sorted(records, key=lambda r: r.path)]
    _write(folder / images_file(patient_id), rows, IMAGE_SCHEMA)
    return images_file(patient_id)


def write_contours(folder: Path, original_id: str, records: Iterable[ContourRecord]) -> str:
    """Write one contour folder's rows; returns the file's name relative to the catalog."""
    rows = []
    for record in sorted(records, key=lambda r: r.path):
        points = record.points
        rows.append(
            {
                **{name: getattr(record, name) for name in CONTOUR_SCHEMA.names if name not in {"x", "y", "kind"}},
                "kind": record.kind.value if record.kind else None,
                "x": None if points is None else points[:, 0].tolist(),
                "y": None if points is None else points[:, 1].tolist(),
            }
        )
    _write(folder / contours_file(original_id), rows, CONTOUR_SCHEMA)
    return contours_file(original_id)


def write_links(folder: Path, links: Sequence[Link]) -> str:
    """Write the link rows; returns the file's name relative to the catalog."""
    _write(folder / LINKS_FILE, [asdict(link) for link in links], LINK_SCHEMA)
    return LINKS_FILE


def _image(row: dict[str, Any]) -> ImageRecord:
    for name in ("position_mm", "orientation", "pixel_spacing_mm"):
        row[name] = None if row[name] is None else tuple(row[name])
    return ImageRecord(**row)


def _contour(row: dict[str, Any]) -> ContourRecord:
    x, y, kind = row.pop("x"), row.pop("y"), row.pop("kind")
    points = None if x is None else np.column_stack([x, y]).astype(np.float64)
    return ContourRecord(**row, kind=ContourKind(kind) if kind else None, points=points)


class Catalog:
    """A catalog folder, read a patient at a time.

    Parameters
    ----------
    folder : the ingest stage's output

    Raises
    ------
    InputError : the folder is no catalog; when it is read: a table that is missing or altered
    ManifestError : the catalog's manifest is altered
    """

    def __init__(self, folder: Path) -> None:
        self._files = {name: sha for entry in read_manifest(folder).values() for name, sha in entry["files"].items()}
        if LINKS_FILE not in self._files:
            raise InputError(folder, "holds no catalog", "Run `cmrpipe ingest` first")
        self.folder = folder

    def _read(self, name: str) -> list[dict[str, Any]]:
        if name not in self._files:
            raise InputError(self.folder, f"has no {name}", _MEND)
        return _rows(located(self.folder, name), self._files[name])

    def _stems(self, parent: str) -> list[str]:
        return sorted(PurePosixPath(name).stem for name in self._files if name.startswith(f"{parent}/"))

    def patients(self) -> list[str]:
        """Ids of all patients that have images, sorted."""
        return self._stems("images")

    def original_ids(self) -> list[str]:
        """Names of all contour folders, sorted."""
        return self._stems("contours")

    def images(self, patient_id: str) -> list[ImageRecord]:
        """Image rows of a patient, sorted by path."""
        return [_image(row) for row in self._read(images_file(patient_id))]

    def contours(self, original_id: str) -> list[ContourRecord]:
        """Contour rows of a contour folder, sorted by path."""
        return [_contour(row) for row in self._read(contours_file(original_id))]

    def links(self) -> list[Link]:
        """All link rows, in file order."""
        return [Link(**row) for row in self._read(LINKS_FILE)]
