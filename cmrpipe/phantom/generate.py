"""Write a phantom: a synthetic short-axis cine data set whose areas, volumes and faults are known."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cmrpipe.errors import InputError, ParamsError
from cmrpipe.files import disk_trouble
from cmrpipe.model import ContourKind, Phase, Points
from cmrpipe.phantom.contour_writer import contour_path, contour_text, trace
from cmrpipe.phantom.curve import Curve
from cmrpipe.phantom.dicom_writer import SeriesWriter
from cmrpipe.phantom.faults import allot, choose, plant
from cmrpipe.phantom.image import backdrop, draw_contrast, render
from cmrpipe.phantom.link_writer import link_table
from cmrpipe.phantom.scene import SMALLEST, Anatomy, Grid, draw_anatomy, section
from cmrpipe.phantom.thorax import draw_thorax
from cmrpipe.phantom.truth import (
    MYOCARDIUM_G_ML,
    Arguments,
    ContourTruth,
    PatientTruth,
    Truth,
    read_truth,
    rounded,
    shoelace,
    volume_ml,
    write_truth,
)
from cmrpipe.progress import Listener, Progress, silent
from cmrpipe.readers.layouts import DICOMS, LINK_TABLE

SHAPE, NOISE, TRACE, PLANTING = range(4)
"""Random streams: a patient's shape, noise of an image, tracing of a contour, planting of faults."""


def stream(seed: int, *key: int) -> np.random.Generator:
    """Independent random numbers for a key, the same whatever else was drawn."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def write_phantom(
    folder: Path,
    patients: int,
    seed: int,
    *,
    slices: int = 8,
    frames: int = 10,
    rows: int = 128,
    columns: int = 128,
    faults: Sequence[str] = (),
    listen: Listener = silent,
) -> Truth:
    """Write a phantom data set and its truth.

    Parameters
    ----------
    folder : becomes the data set's root; must not exist or be empty, unless it holds this very phantom already
    patients : how many; patient k is the same whatever their number
    seed : same seed and arguments, same bytes
    slices, frames, rows, columns : size of each patient's data
    faults : names from `FAULTS`, or "all"
    listen : told once a patient

    Raises
    ------
    ParamsError : an argument is out of range, a fault is unknown, or there are too few patients for the faults
    InputError : the folder holds something else
    DiskError : the disk is full or closed
    """
    arguments = Arguments(patients, seed, slices, frames, rows, columns, choose(faults))
    grid = _check(arguments)
    spots = allot(arguments.faults, patients, grid, stream(seed, 0, PLANTING))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return _already(folder, arguments)
    with _building(folder) as building:
        truths = []
        for k in range(1, patients + 1):
            truths.append(_write_patient(building, seed, k, grid))
            listen(Progress("phantom", truths[-1].patient_id, k, patients))
        (building / LINK_TABLE).write_bytes(link_table([(t.patient_id, t.original_id) for t in truths]))
        truth = Truth(arguments, tuple(truths))
        if arguments.faults:
            planted = plant(building, truth, grid, spots, lambda key: stream(seed, 0, PLANTING, key))
            truth = Truth(arguments, truth.patients, planted)
        write_truth(building, truth)
    return truth


@contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that takes its place as the block ends: one cut short is never taken for a whole one.

    Raises
    ------
    DiskError : the disk is full or closed; nothing stays
    """
    building = folder.with_name(f".tmp-phantom-{folder.name}")
    with disk_trouble(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if building.exists():
            shutil.rmtree(building)
        building.mkdir()
        try:
            yield building
        except OSError:
            shutil.rmtree(building, ignore_errors=True)
            raise
        building.replace(folder)


def _check(arguments: Arguments) -> Grid:
    lowest = {"patients": 1, "seed": 0, "slices": 1, "frames": 2, "rows": SMALLEST, "columns": SMALLEST}
    for name, low in lowest.items():
        value = getattr(arguments, name)
        if value < low:
            raise ParamsError(f"{name} {value}", f"is below {low}", f"Give {low} or more")
    return Grid(arguments.slices, arguments.frames, arguments.rows, arguments.columns)


def _already(folder: Path, arguments: Arguments) -> Truth:
    mend = "Give a new or empty folder"
    if not folder.is_dir() or not (folder / "phantom.json").is_file():
        raise InputError(folder, "is not empty and no phantom", mend)
    truth = read_truth(folder)
    if truth.arguments != arguments:
        raise InputError(folder, "holds another phantom", mend)
    return truth


def _write_patient(root: Path, seed: int, k: int, grid: Grid) -> PatientTruth:
    rng = stream(seed, k, SHAPE)
    anatomy, thorax, contrast = draw_anatomy(rng, grid), draw_thorax(rng), draw_contrast(rng)
    patient_id, original_id = f"PHA{k:05d}01", f"PH-{_group(anatomy)}-{k:02d}"
    writer = SeriesWriter(seed, patient_id, anatomy, grid)
    images = root / DICOMS / patient_id
    images.mkdir(parents=True)
    for position in range(grid.slices):
        back = backdrop(anatomy, thorax, grid, position)
        for frame in range(1, grid.frames + 1):
            number = grid.number(position, frame)
            pixels = render(anatomy, contrast, grid, back, position, frame, stream(seed, k, NOISE, number))
            (images / f"{number}.dcm").write_bytes(writer.image(position, frame, pixels))
    contours = tuple(_write_contours(root, seed, k, original_id, anatomy, grid))
    return _account(patient_id, original_id, anatomy, grid, contours)


def _group(anatomy: Anatomy) -> str:
    """Heart failure, hypertrophy or normal, in the manner of the Sunnybrook ids."""
    return "HF" if anatomy.ef < 0.45 else "HYP" if anatomy.wall_mm > 10.5 else "N"


def _write_contours(
    root: Path, seed: int, k: int, original_id: str, anatomy: Anatomy, grid: Grid
) -> Iterable[ContourTruth]:
    """Endocardium at end-diastole and end-systole, epicardium at end-diastole, as the Sunnybrook readers drew them."""
    for position in grid.lv:
        for phase, frame in ((Phase.ED, grid.ed_frame), (Phase.ES, grid.es_frame)):
            cut = section(anatomy, grid, position, frame)
            number = grid.number(position, frame)
            for kind, curve in (
                (ContourKind.ENDO, cut.endo),
                (ContourKind.EPI, cut.epi if phase is Phase.ED else None),
            ):
                if curve is None:
                    continue
                points = trace(curve, stream(seed, k, TRACE, number, list(ContourKind).index(kind)))
                path = contour_path(original_id, number, kind)
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(contour_text(points), encoding="ascii", newline="\n")
                yield _contour_truth(path.as_posix(), kind, phase, position, frame, points, curve, anatomy, grid)


def _contour_truth(
    path: str,
    kind: ContourKind,
    phase: Phase,
    position: int,
    frame: int,
    points: Points,
    curve: Curve,
    anatomy: Anatomy,
    grid: Grid,
) -> ContourTruth:
    area, centre = shoelace(points)
    return ContourTruth(
        path=path,
        kind=kind,
        phase=phase,
        position=position,
        slice_index=position if anatomy.direction > 0 else grid.slices - 1 - position,
        frame=frame,
        number=grid.number(position, frame),
        area_px2=rounded(area),
        area_mm2=rounded(area * anatomy.spacing_mm**2),
        smooth_area_px2=rounded(curve.area),
        centroid_px=(rounded(centre[0]), rounded(centre[1])),
    )


def _account(
    patient_id: str, original_id: str, anatomy: Anatomy, grid: Grid, contours: tuple[ContourTruth, ...]
) -> PatientTruth:
    """Volumes and mass from the contours' areas, not yet rounded ones of the polygons and smooth ones."""

    def sums(kind: ContourKind, phase: Phase) -> tuple[float, float]:
        chosen = [c for c in contours if c.kind is kind and c.phase is phase]
        pixel = anatomy.spacing_mm**2
        written = volume_ml([c.area_mm2 for c in chosen], anatomy.gap_mm)
        return written, volume_ml([c.smooth_area_px2 * pixel for c in chosen], anatomy.gap_mm)

    ed, smooth_ed = sums(ContourKind.ENDO, Phase.ED)
    es, smooth_es = sums(ContourKind.ENDO, Phase.ES)
    outer, smooth_outer = sums(ContourKind.EPI, Phase.ED)
    return PatientTruth(
        patient_id=patient_id,
        original_id=original_id,
        heart_rate_bpm=anatomy.heart_rate_bpm,
        weight_kg=anatomy.weight_kg,
        height_m=anatomy.height_m,
        spacing_mm=anatomy.spacing_mm,
        gap_mm=anatomy.gap_mm,
        direction=anatomy.direction,
        lv_positions=tuple(grid.lv),
        ed_frame=grid.ed_frame,
        es_frame=grid.es_frame,
        centre_px=(rounded(anatomy.centre[0]), rounded(anatomy.centre[1])),
        edv_ml=rounded(ed),
        esv_ml=rounded(es),
        sv_ml=rounded(ed - es),
        ef_pct=rounded(100.0 * (ed - es) / ed),
        co_l_min=rounded((ed - es) * anatomy.heart_rate_bpm / 1000.0),
        mass_g=rounded((outer - ed) * MYOCARDIUM_G_ML),
        smooth_edv_ml=rounded(smooth_ed),
        smooth_esv_ml=rounded(smooth_es),
        smooth_mass_g=rounded((smooth_outer - smooth_ed) * MYOCARDIUM_G_ML),
        contours=contours,
    )
