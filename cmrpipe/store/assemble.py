"""From catalog rows, contours and DICOM pixels to the samples of a patient, for the store and for direct reading.

Both ways to learn, from the store and straight from the raw folder, go through this module, which is why they give the
same bits.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmrpipe.errors import DicomError, StoreError
from cmrpipe.files import sha256_bytes
from cmrpipe.geometry import label_image
from cmrpipe.heart import FEWEST_FRAMES, heart_centre
from cmrpipe.linking import PatientLabels, image_number
from cmrpipe.model import ContourKind, ImageRecord, Sample
from cmrpipe.samples import check_contours, load_pixels, patient_samples, read_image
from cmrpipe.slices import slice_gap_mm
from cmrpipe.store.leftout import LeftOut, count
from cmrpipe.store.schema import UNKNOWN, PatientData, StoredSample

Spacing = tuple[float, float]

ROUNDED = 0.01
"""Relative difference up to which two pixel spacings of one patient are one, as the finding `size-changes` has it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a patient goes into the store.

    Attributes
    ----------
    labels : all that is known of the patient
    samples : contoured images without pixels, in the store's order; each has an endocardium, for a label needs a cavity
    left_out : how much of what was drawn is not among them
    excluded : names in quarantine
    """

    labels: PatientLabels
    samples: tuple[Sample, ...]
    left_out: LeftOut
    excluded: Container[str]


def select(labels: PatientLabels, excluded: AbstractSet[str], people: AbstractSet[str] = frozenset()) -> Selection:
    """Choose a patient's samples.

    Parameters
    ----------
    labels : all that is known of the patient
    excluded : what is left out (paths relative to the raw folder, patient ids)
    people : those of `excluded` that people alone leave out
    """
    kept = _with_cavity(labels, excluded)
    by_rules = _with_cavity(labels, excluded - people) if people else kept
    left_out = count(patient_samples(labels), kept, by_rules)
    return Selection(labels, tuple(kept), left_out, excluded)


def _with_cavity(labels: PatientLabels, excluded: AbstractSet[str]) -> list[Sample]:
    return [sample for sample in patient_samples(labels, excluded) if sample.endo is not None]


def spacing_of(samples: Sequence[Sample]) -> Spacing | None:
    """The pixel spacing (between rows, between columns) that all samples share, mm; None when there is none.

    Spacings that differ by rounding (1 %, as `size-changes` has it) are one: the most frequent, the smallest of equals.
    """
    spacings = Counter(sample.record.pixel_spacing_mm for sample in samples)
    known = [spacing for spacing in spacings if spacing is not None]
    if len(known) < len(spacings) or not known:
        return None
    usual = min(known, key=lambda spacing: (-spacings[spacing], spacing))
    return usual if all(np.allclose(spacing, usual, rtol=ROUNDED, atol=0) for spacing in known) else None


def _cine(selection: Selection, raw: Path) -> Iterator[npt.NDArray[np.generic]]:
    """The frames of each slice that can be decoded, (frames, rows, cols); one slice is in memory at a time."""
    sizes = {(sample.record.rows, sample.record.columns) for sample in selection.samples}
    by_slice: dict[int, list[ImageRecord]] = defaultdict(list)
    for record in selection.labels.images:
        usable = not record.error and record.path not in selection.excluded and (record.rows, record.columns) in sizes
        if usable and record.slice_index is not None:
            by_slice[record.slice_index].append(record)
    for _, records in sorted(by_slice.items()):
        frames = []
        for record in sorted(records, key=lambda r: r.path) if len(records) >= FEWEST_FRAMES else ():
            with suppress(DicomError):  # nothing is drawn in it: one that is drawn in would be in quarantine
                frames.append(read_image(record, raw))
        if len(frames) >= FEWEST_FRAMES:
            yield np.stack(frames)


def find_heart(selection: Selection, raw: Path) -> tuple[float, float] | None:
    """Where the heart is, (row, column) in pixels, from all frames of all slices (see `cmrpipe.heart`)."""
    return heart_centre(_cine(selection, raw))


def one_sample(sample: Sample, raw: Path, spacing: Spacing | None, heart: tuple[float, float] | None) -> StoredSample:
    """Read one image and draw its label."""
    image = np.asarray(load_pixels(sample, raw).image)
    label, number = _label(sample, (image.shape[0], image.shape[1])), image_number(sample.record)
    return StoredSample(image, label, _drawn(sample), UNKNOWN if number is None else number, spacing, heart)


def _label(sample: Sample, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    endo, epi = (None if contour is None else contour.points for contour in (sample.endo, sample.epi))
    return label_image(endo, epi, shape)


def _drawn(sample: Sample) -> npt.NDArray[np.bool_]:
    return np.array([sample.endo is not None, sample.epi is not None])


def _placed(samples: Sequence[Sample], name: str, width: int) -> npt.NDArray[np.float64]:
    """A header value of all samples, (n, width); NaN where the header does not say."""
    unknown = (np.nan,) * width
    return np.array([getattr(sample.record, name) or unknown for sample in samples], dtype="<f8").reshape(-1, width)


def _column(values: list[int | None]) -> npt.NDArray[np.int32]:
    return np.array([UNKNOWN if value is None else value for value in values], dtype="<i4")


def assemble(selection: Selection, raw: Path) -> PatientData:
    """All samples of a patient with their pixels and labels.

    Parameters
    ----------
    selection : at least one sample
    raw : the raw folder

    Raises
    ------
    StoreError : images of different sizes
    DicomError, StaleError : an image or a contour file that the catalog knows is gone or altered
    """
    labels = selection.labels
    check_contours(labels, raw)
    samples = [load_pixels(sample, raw) for sample in selection.samples]
    shapes = {sample.image.shape for sample in samples if sample.image is not None}
    if len(shapes) != 1:
        raise StoreError(
            f"patient {labels.patient_id}",
            f"has contoured images of different sizes {sorted(shapes)}",
            "Put those that do not belong into quarantine.csv (size-changes does so by itself)",
        )
    rows, cols = next(iter(shapes))
    return PatientData(
        labels.patient_id,
        image=np.stack([np.asarray(sample.image) for sample in samples]),
        label=np.stack([_label(sample, (rows, cols)) for sample in samples]),
        contours=np.array([_drawn(sample) for sample in samples]),
        instance_number=_column([image_number(sample.record) for sample in samples]),
        slice_index=_column([sample.record.slice_index for sample in samples]),
        frame=_column([sample.record.frame for sample in samples]),
        phase=tuple(sample.phase for sample in samples),
        position_mm=_placed(samples, "position_mm", 3),
        orientation=_placed(samples, "orientation", 6),
        pixel_spacing_mm=spacing_of(samples),
        slice_gap_mm=slice_gap_mm([image for image in labels.images if not image.error]),
        heart_px=find_heart(selection, raw),
    )


def sources(selection: Selection) -> list[dict[str, str]]:
    """Which files each sample comes from, with their SHA-256."""
    by_number = selection.labels.contours_by_number()
    found: list[dict[str, Any]] = []
    for sample in selection.samples:
        kinds = by_number[image_number(sample.record) or 0]
        drawn = {ContourKind.ENDO: sample.endo, ContourKind.EPI: sample.epi}
        source = {"image": sample.record.path, "image_sha256": sample.record.sha256}
        if sample.record.sop_uid:  # its hash tells the image again without giving the identifier away
            source["sop_uid_sha256"] = sha256_bytes(sample.record.sop_uid.encode())
        for kind, contour in drawn.items():
            if contour is not None:
                record = next(
                    r for r in kinds[kind] if r.points is not None and np.array_equal(r.points, contour.points)
                )
                source |= {kind.value: record.path, f"{kind.value}_sha256": record.sha256}
        found.append(source)
    return found
