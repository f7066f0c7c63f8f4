"""Faults of contours that can be read and are wrong."""

from __future__ import annotations

import numpy as np

from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import ContourKind, Phase, Points
from cmrpipe.phantom.contour_writer import contour_path
from cmrpipe.phantom.faults.kit import MISSHAPEN, Fault, Note, Scope, Site, Spot, reshape
from cmrpipe.phantom.truth import shoelace
from cmrpipe.readers.layouts import CONTOURS

THIN_MM, THICK_MM = 1.0, 25.0
"""Wall thickness of the wall faults; healthy walls measure 6 to 12 mm at end-diastole."""


def _outside(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    axis = int(rng.integers(2))

    def change(points: Points) -> Points:
        low, high = points[:, axis].min(), points[:, axis].max()
        moved = points.copy()
        moved[:, axis] -= low + 0.3 * (high - low)
        return moved

    return reshape(site, spot, change, "it was moved until a third of it left the image")


def _area(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    return reshape(site, spot, lambda p: _scaled(p, 1.4), "it was made 1.4 times as wide")


def _centre(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    angle = rng.uniform(0.0, 2.0 * np.pi)

    def change(points: Points) -> Points:
        area, _ = shoelace(points)
        step = max(15.0 / spot.patient.spacing_mm, 0.7 * np.sqrt(area / np.pi))
        return np.asarray(points + step * np.array([np.cos(angle), np.sin(angle)]))

    return reshape(site, spot, change, "it was moved by 15 mm or more")


def _transposed(points: Points) -> Points:
    return np.ascontiguousarray(points[:, ::-1])


def _exchanged_axes(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    return reshape(site, spot, _transposed, "x and y were exchanged")


def _mirrored(points: Points, columns: int) -> Points:
    return np.column_stack([columns - 1 - points[:, 0], points[:, 1]])


def _flipped(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    return reshape(site, spot, lambda p: _mirrored(p, site.grid.columns), "left and right were exchanged")


def _patient_flipped(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    for path in site.contours(spot.patient):
        site.write_points(path, _mirrored(site.points(path), site.grid.columns))
    return Note(f"{CONTOURS}/{spot.patient.original_id}", "left and right were exchanged in all its contours")


def _origin(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    for path in site.contours(spot.patient):
        site.write_points(path, site.points(path) - 1.0)
    return Note(f"{CONTOURS}/{spot.patient.original_id}", "all its contours were written counting pixels from 0")


def _scaled(points: Points, factor: float) -> Points:
    centre = np.array(shoelace(points)[1])
    return np.asarray(centre + factor * (points - centre))


def _pair(site: Site, spot: Spot) -> tuple[tuple[str, Points], tuple[str, Points], int]:
    endo, number = site.contour(spot.patient, spot.position, Phase.ED, ContourKind.ENDO)
    epi, _ = site.contour(spot.patient, spot.position, Phase.ED, ContourKind.EPI)
    return (endo, site.points(endo)), (epi, site.points(epi)), number


def _kinds_exchanged(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    (endo, inner), (epi, outer), number = _pair(site, spot)
    site.write_points(endo, outer)
    site.write_points(epi, inner)
    return Note(epi, f"its content and that of {endo} were exchanged", number)


def _no_wall(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    (endo, inner), (epi, _outer), number = _pair(site, spot)
    site.write_points(epi, _scaled(inner, 0.98))
    return Note(epi, f"the outline of {endo} was written over it, a little smaller", number)


def _wall(site: Site, spot: Spot, thickness_mm: float) -> Note:
    (_, inner), (epi, outer), number = _pair(site, spot)
    inside, outside = (np.sqrt(shoelace(p)[0] / np.pi) for p in (inner, outer))
    site.write_points(epi, _scaled(outer, (inside + thickness_mm / spot.patient.spacing_mm) / outside))
    return Note(epi, f"it was scaled to a wall of {thickness_mm:g} mm", number)


def _wall_thin(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    return _wall(site, spot, THIN_MM)


def _wall_thick(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    return _wall(site, spot, THICK_MM)


def _copied_patient(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    to, source = spot.patients
    position = int(rng.integers(site.grid.lv.start + 1, site.grid.lv.stop - 1))
    path, number = site.contour(to, position, Phase.ES, ContourKind.ENDO)
    origin, _ = site.contour(source, position, Phase.ES, ContourKind.ENDO)
    site.write(path, site.read(origin))
    return Note(path, f"{origin} was written over it", number, others=(source.patient_id,))


def _copied_slice(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    first, last = site.grid.lv.start, site.grid.lv.stop - 1
    position = int(rng.integers(first + 1, last))
    # from the end that lies further away, so that it does not fit by chance
    source = first if position - first >= last - position else last
    path, number = site.contour(spot.patient, position, Phase.ES, ContourKind.ENDO)
    origin, _ = site.contour(spot.patient, source, Phase.ES, ContourKind.ENDO)
    site.write(path, site.read(origin))
    return Note(path, f"{origin} was written over it", number)


def _carried_over(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    position = int(rng.integers(site.grid.lv.start + 1, site.grid.lv.stop - 1))
    path, number = site.contour(spot.patient, position, Phase.ED, ContourKind.ENDO)
    origin, _ = site.contour(spot.patient, position - 1, Phase.ED, ContourKind.ENDO)
    site.write_points(path, site.points(origin) + rng.uniform(-1.0, 1.0, 2))
    return Note(path, f"{origin} was written over it, moved by a pixel or less", number)


def _carried_on(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    position = int(rng.integers(site.grid.lv.start + 1, site.grid.lv.stop - 1))
    origin, number = site.contour(spot.patient, position, Phase.ED, ContourKind.ENDO)
    before = contour_path(spot.patient.original_id, number - 1, ContourKind.ENDO).as_posix()
    site.write(before, site.read(origin))
    return Note(f"{CONTOURS}/{spot.patient.original_id}", f"{origin} was written to the frame before, too, {before}")


def _copied_epi(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    to, source = spot.patients
    for position in site.grid.lv:
        path, _number = site.contour(to, position, Phase.ED, ContourKind.EPI)
        origin, _number = site.contour(source, position, Phase.ED, ContourKind.EPI)
        site.write(path, site.read(origin))
    detail = f"all its epicardial contours were overwritten with those of {source.original_id}"
    return Note(f"{CONTOURS}/{to.original_id}", detail, others=(source.patient_id,))


FAULTS = (
    Fault(
        "contour-outside", "a contour leaves its image", Code.CONTOUR_OUT_OF_BOUNDS, Scope.SLICE, _outside, MISSHAPEN
    ),
    Fault(
        "contour-kinds-exchanged",
        "endo and epi have each other's points",
        Code.ENDO_OUTSIDE_EPI,
        Scope.SLICE,
        _kinds_exchanged,
        MISSHAPEN,
    ),
    Fault(
        "epi-is-endo",
        "an epicardium just inside its endocardium",
        Code.ENDO_OUTSIDE_EPI,
        Scope.SLICE,
        _no_wall,
        MISSHAPEN,
    ),
    Fault("wall-thin", "the wall is far too thin", Code.WALL_IMPLAUSIBLE, Scope.SLICE, _wall_thin, MISSHAPEN),
    Fault("wall-thick", "the wall is far too thick", Code.WALL_IMPLAUSIBLE, Scope.SLICE, _wall_thick, MISSHAPEN),
    Fault("contour-too-wide", "a cavity far larger than its neighbours", Code.AREA_JUMP, Scope.SLICE, _area, MISSHAPEN),
    Fault("contour-moved", "a cavity beside its neighbours", Code.CENTROID_JUMP, Scope.SLICE, _centre, MISSHAPEN),
    Fault(
        "contour-axes-exchanged",
        "x and y of a contour exchanged",
        Code.CONTOUR_MISFIT,
        Scope.SLICE,
        _exchanged_axes,
        MISSHAPEN,
    ),
    Fault(
        "contour-flipped",
        "left and right of a contour exchanged",
        Code.CONTOUR_MISFIT,
        Scope.SLICE,
        _flipped,
        MISSHAPEN,
    ),
    Fault(
        "patient-flipped",
        "left and right of all contours exchanged",
        Code.CONTOUR_MISFIT,
        Scope.PATIENT,
        _patient_flipped,
        MISSHAPEN,
    ),
    Fault(
        "origin-wrong",
        "all contours of a patient count pixels from 0",
        Code.ORIGIN_DISAGREES,
        Scope.PATIENT,
        _origin,
        frozenset({Code.CONTOUR_MISFIT}),
    ),
    Fault(
        "contour-of-other-patient",
        "a contour copied from another patient",
        Code.CONTOUR_COPIED,
        Scope.PATIENT,
        _copied_patient,
        MISSHAPEN,
        2,
    ),
    Fault(
        "contour-of-other-slice",
        "a contour copied from another slice",
        Code.CONTOUR_COPIED,
        Scope.PATIENT,
        _copied_slice,
        MISSHAPEN,
    ),
    Fault(
        "contour-carried-over",
        "a contour is that of the slice before, nudged",
        Code.CONTOUR_COPIED,
        Scope.PATIENT,
        _carried_over,
        MISSHAPEN,
    ),
    Fault(
        "contour-carried-on",
        "the frame before has a contour's outline, too",
        Code.CONTOUR_REPEATED,
        Scope.PATIENT,
        _carried_on,
        frozenset({Code.CONTOUR_OTHER_FRAME, Code.ENDO_WITHOUT_EPI}),
    ),
    Fault(
        "epi-of-other-patient",
        "all epicardia copied from another patient",
        Code.CONTOUR_COPIED,
        Scope.PATIENT,
        _copied_epi,
        MISSHAPEN,
        2,
    ),
)
