"""Faults of contour files: missing, unreadable, misnamed."""

from __future__ import annotations

import numpy as np

from cmrpipe.codes import FindingCode as Code
from cmrpipe.model import ContourKind, Phase
from cmrpipe.phantom.faults.kit import MISSHAPEN, UNUSABLE, Fault, Note, Scope, Site, Spot
from cmrpipe.readers.layouts import CONTOURS

_KINDS = ((Phase.ED, ContourKind.ENDO), (Phase.ED, ContourKind.EPI), (Phase.ES, ContourKind.ENDO))


def _any(site: Site, spot: Spot, rng: np.random.Generator) -> tuple[str, int]:
    """Path and number of one of the slice's contours."""
    return site.contour(spot.patient, spot.position, *_KINDS[int(rng.integers(len(_KINDS)))])


def _endo_missing(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = site.contour(spot.patient, spot.position, Phase.ES, ContourKind.ENDO)
    site.remove(path)
    return Note(f"{CONTOURS}/{spot.patient.original_id}", f"{path} was removed, its neighbours left", number)


def _apex_lost(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    lost = site.grid.lv[len(site.grid.lv) // 2 :]
    for position in lost:
        site.remove(site.contour(spot.patient, position, Phase.ES, ContourKind.ENDO)[0])
    return Note(
        f"{CONTOURS}/{spot.patient.original_id}", f"the end-systolic contours of {len(lost)} apical slices were lost"
    )


def _epi_missing(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = site.contour(spot.patient, spot.position, Phase.ED, ContourKind.EPI)
    site.remove(path)
    return Note(f"{CONTOURS}/{spot.patient.original_id}", f"{path} was removed, the endocardium left", number)


def _only_epi(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    path, number = site.contour(spot.patient, spot.position, Phase.ED, ContourKind.ENDO)
    site.remove(path)
    return Note(site.image(spot.patient, number), f"{path} was removed, the epicardium left", number)


def _letters(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _any(site, spot, rng)
    lines = site.read(path).splitlines(keepends=True)
    lines[len(lines) // 2] = b"x12 see above\n"
    site.write(path, b"".join(lines))
    return Note(path, "letters were put into a line", number)


def _not_a_number(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _any(site, spot, rng)
    lines = site.read(path).splitlines(keepends=True)
    lines[len(lines) // 3] = b"NaN NaN\n"
    site.write(path, b"".join(lines))
    return Note(path, "NaN was put into a line", number)


def _one_point(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _any(site, spot, rng)
    site.write(path, site.read(path).splitlines(keepends=True)[0])
    return Note(path, "only its first point was left", number)


def _empty(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _any(site, spot, rng)
    site.write(path, b"")
    return Note(path, "the file was emptied", number)


def _misnamed(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _any(site, spot, rng)
    new = f"{path.rpartition('/')[0]}/contour {number} (copy).txt"
    site.write(new, site.read(path))
    site.remove(path)
    return Note(new, f"{path} was renamed")


def _misfiled(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _any(site, spot, rng)
    here, there = ("i-contours", "o-contours") if "i-contours" in path else ("o-contours", "i-contours")
    new = path.replace(here, there)
    site.write(new, site.read(path))
    site.remove(path)
    return Note(new, f"{path} was moved to the other kind's folder", number)


def _doubled(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _any(site, spot, rng)
    second = path.replace("IM-0001-", "IM-0002-")
    site.write_points(second, site.points(path) + rng.uniform(0.3, 0.8, 2))
    return Note(second, f"a second contour of image {number} was put beside {path}", number)


def _automatic(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = _any(site, spot, rng)
    new = path.replace("-manual.txt", "-auto.txt")
    site.write(new, site.read(path))
    site.remove(path)
    return Note(new, f"{path} was given the name of a program's contour", number)


def _other_frame(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    path, number = site.contour(spot.patient, spot.position, Phase.ES, ContourKind.ENDO)
    wrong = number + int(rng.choice((-1, 1)))
    new = path.replace(f"-{number:04d}-", f"-{wrong:04d}-")
    site.write(new, site.read(path))
    site.remove(path)
    return Note(new, f"{path} was given the number of the next frame's image", wrong)


def _phases_exchanged(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    for position in site.grid.lv:
        (ed, _number), (es, _number) = (
            site.contour(spot.patient, position, phase, ContourKind.ENDO) for phase in (Phase.ED, Phase.ES)
        )
        epi, _number = site.contour(spot.patient, position, Phase.ED, ContourKind.EPI)
        relaxed, contracted = site.read(ed), site.read(es)
        site.write(ed, contracted)
        site.write(es, relaxed)
        site.write(epi.replace(_digits(epi), _digits(es)), site.read(epi))
        site.remove(epi)
    return Note(f"{CONTOURS}/{spot.patient.original_id}", "its contours of end-diastole and end-systole were exchanged")


def _digits(path: str) -> str:
    """The image's number in a contour's name, with its dashes."""
    return f"-{path.rpartition('IM-')[2].split('-')[1]}-"


def _frames_off(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    frames = site.grid.frames
    paths = site.contours(spot.patient)
    content = {path: site.read(path) for path in paths}
    for path in paths:
        site.remove(path)
    for path, data in content.items():
        first, frame = divmod(int(_digits(path).strip("-")) - 1, frames)
        number = first * frames + (frame + frames // 2) % frames + 1
        site.write(path.replace(_digits(path), f"-{number:04d}-"), data)
    detail = f"the numbers of all its contours were put {frames // 2} frames on"
    return Note(f"{CONTOURS}/{spot.patient.original_id}", detail)


FAULTS = (
    Fault(
        "patient-phases-exchanged",
        "all contours of end-diastole at end-systole, and the other way round",
        Code.CONTOURS_OTHER_PHASE,
        Scope.PATIENT,
        _phases_exchanged,
        MISSHAPEN,
    ),
    Fault(
        "patient-frames-off",
        "the numbers of all contours off by half a heartbeat",
        Code.CONTOURS_OTHER_PHASE,
        Scope.PATIENT,
        _frames_off,
        MISSHAPEN,
    ),
    Fault(
        "contour-auto",
        "a contour's file name says that a program drew it",
        Code.CONTOUR_NOT_MANUAL,
        Scope.SLICE,
        _automatic,
    ),
    Fault(
        "contour-of-other-frame",
        "a contour has the number of the image a frame beside its own",
        Code.CONTOUR_OTHER_FRAME,
        Scope.SLICE,
        _other_frame,
    ),
    Fault(
        "endo-missing",
        "an end-systolic contour between drawn neighbours is gone",
        Code.CONTOUR_MISSING,
        Scope.SLICE,
        _endo_missing,
    ),
    Fault(
        "apex-lost",
        "the end-systolic contours of the apical half are gone",
        Code.CONTOURS_END_EARLY,
        Scope.PATIENT,
        _apex_lost,
        MISSHAPEN,
    ),
    Fault(
        "epi-missing", "an end-diastolic image lost its epicardium", Code.ENDO_WITHOUT_EPI, Scope.SLICE, _epi_missing
    ),
    Fault(
        "endo-lost",
        "an end-diastolic image lost its endocardium",
        Code.EPI_WITHOUT_ENDO,
        Scope.SLICE,
        _only_epi,
        frozenset({Code.CONTOUR_MISSING}),
    ),
    Fault(
        "contour-letters", "a contour file with letters in it", Code.CONTOUR_UNREADABLE, Scope.SLICE, _letters, UNUSABLE
    ),
    Fault(
        "contour-nan", "a contour file with NaN in it", Code.CONTOUR_UNREADABLE, Scope.SLICE, _not_a_number, UNUSABLE
    ),
    Fault(
        "contour-one-point", "a contour of one point", Code.CONTOUR_TOO_FEW_POINTS, Scope.SLICE, _one_point, UNUSABLE
    ),
    Fault("contour-empty", "an empty contour file", Code.CONTOUR_TOO_FEW_POINTS, Scope.SLICE, _empty, UNUSABLE),
    Fault(
        "contour-misnamed",
        "a contour file's name does not say its image",
        Code.CONTOUR_NAME_UNCLEAR,
        Scope.SLICE,
        _misnamed,
        UNUSABLE,
    ),
    Fault(
        "contour-misfiled",
        "a contour file in the other kind's folder",
        Code.CONTOUR_NAME_UNCLEAR,
        Scope.SLICE,
        _misfiled,
        UNUSABLE,
    ),
    Fault(
        "contour-doubled",
        "two contours of one kind for an image",
        Code.CONTOUR_DUPLICATE_NUMBER,
        Scope.SLICE,
        _doubled,
        UNUSABLE,
    ),
)
