"""Faults of the link table, and of whole folders it names."""

from __future__ import annotations

import numpy as np

from cmrpipe.codes import FindingCode as Code
from cmrpipe.phantom.faults.kit import MISSHAPEN, Fault, Note, Scope, Site, Spot
from cmrpipe.readers.layouts import CONTOURS, DICOMS, LINK_TABLE

_UNLINKED = frozenset({Code.PATIENT_WITHOUT_LINK, Code.CONTOURS_WITHOUT_LINK, Code.LINK_WITHOUT_CONTOURS})

MANGLED = ("1.00E+05", "1-Sep", "2012-02-01", "Mar-05")
"""What spreadsheets make of ids: a number in scientific notation, dates."""


def _patient_unlinked(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    site.set_link(spot.patient, [])
    return Note(f"{DICOMS}/{spot.patient.patient_id}", "its row was taken out of the link table")


def _patient_gone(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    site.remove_folder(f"{DICOMS}/{spot.patient.patient_id}")
    return Note(LINK_TABLE, "its images were removed, its link and contours were left")


def _contours_unlinked(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    site.remove_folder(f"{DICOMS}/{spot.patient.patient_id}")
    site.set_link(spot.patient, [])
    folder = f"{CONTOURS}/{spot.patient.original_id}"
    return Note(folder, f"images and link of {spot.patient.patient_id} were removed, its contours left", patient_id="")


def _contours_gone(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    site.remove_folder(f"{CONTOURS}/{spot.patient.original_id}")
    return Note(LINK_TABLE, f"the folder {spot.patient.original_id} was removed, the link left")


def _contours_emptied(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    folder = f"{CONTOURS}/{spot.patient.original_id}"
    site.remove_folder(folder)
    site.write(f"{folder}/i-contours/.DS_Store", b"\x00\x00\x00\x01Bud1")
    return Note(folder, "all contour files were removed, a stray file was left")


def _row_repeated(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    row = site.rows[site.link(spot.patient)]
    site.set_link(spot.patient, [row, row])
    return Note(LINK_TABLE, "its row stands twice")


def _row_shared(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    first, second = spot.patients
    site.set_link(second, [(second.patient_id, first.original_id)])
    return Note(
        f"{CONTOURS}/{first.original_id}",
        f"{second.patient_id} was linked to {first.original_id} as well",
        others=(second.patient_id,),
    )


def _id_respelled(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    stem, _, digits = spot.patient.original_id.rpartition("-")
    plain = digits.lstrip("0")
    spelled = f"{stem}-{plain}" if plain != digits else f"{stem}-0{digits}"
    if rng.random() < 0.3:
        spelled = spelled.lower().replace("-", "_")
    site.set_link(spot.patient, [(spot.patient.patient_id, spelled)])
    return Note(LINK_TABLE, f"{spot.patient.original_id} was written {spelled}")


def _id_mangled(site: Site, spot: Spot, rng: np.random.Generator) -> Note:
    mangled = MANGLED[int(rng.integers(len(MANGLED)))]
    site.set_link(spot.patient, [(spot.patient.patient_id, mangled)])
    return Note(LINK_TABLE, f"{spot.patient.original_id} was written {mangled}")


def _row_cut(site: Site, _spot: Spot, rng: np.random.Generator) -> Note:
    site.rows.insert(int(rng.integers(len(site.rows) + 1)), ("PHA9999901",))
    site.touched.add(LINK_TABLE)
    return Note(LINK_TABLE, "a row with one column was put in")


def _mark(site: Site, _spot: Spot, _: np.random.Generator) -> Note:
    site.style.byte_order_mark = True
    site.touched.add(LINK_TABLE)
    return Note(LINK_TABLE, "a byte order mark was put at its start")


def _crlf(site: Site, _spot: Spot, _: np.random.Generator) -> Note:
    site.style.line_end = "\r\n"
    site.touched.add(LINK_TABLE)
    return Note(LINK_TABLE, "its lines end in CR LF")


def _semicolons(site: Site, _spot: Spot, _: np.random.Generator) -> Note:
    site.style.separator = ";"
    site.touched.add(LINK_TABLE)
    return Note(LINK_TABLE, "its columns are separated by semicolons")


def _stray(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    folder = f"{DICOMS}/{spot.patient.patient_id}"
    for name in (".DS_Store", "._1.dcm", ".1.dcm.swp", "Thumbs.db"):
        site.write(f"{folder}/{name}", b"not an image")
    return Note(folder, "stray files were put in", patient_id="")


def _beside(site: Site, spot: Spot, _: np.random.Generator) -> Note:
    site.write(f"{DICOMS}/7.dcm", site.read(site.image(spot.patient, 7)))
    return Note(DICOMS, "an image was put beside the patients' folders", patient_id="")


FAULTS = (
    Fault(
        "patient-unlinked",
        "a patient's link row is gone",
        Code.PATIENT_WITHOUT_LINK,
        Scope.PATIENT,
        _patient_unlinked,
        _UNLINKED,
    ),
    Fault(
        "patient-gone",
        "a linked patient's images are gone",
        Code.LINK_WITHOUT_PATIENT,
        Scope.PATIENT,
        _patient_gone,
        _UNLINKED,
    ),
    Fault(
        "contours-unlinked",
        "contours without link and images",
        Code.CONTOURS_WITHOUT_LINK,
        Scope.PATIENT,
        _contours_unlinked,
    ),
    Fault(
        "contours-gone",
        "a linked contour folder is gone",
        Code.LINK_WITHOUT_CONTOURS,
        Scope.PATIENT,
        _contours_gone,
        _UNLINKED | {Code.CONTOURS_MISSING},
    ),
    Fault(
        "contours-emptied",
        "a linked contour folder without contours",
        Code.CONTOURS_MISSING,
        Scope.PATIENT,
        _contours_emptied,
        frozenset({Code.STRAY_FILES}),
    ),
    Fault("link-repeated", "a link row stands twice", Code.LINK_DUPLICATE, Scope.LIGHT, _row_repeated),
    Fault(
        "link-shared",
        "two patients linked to one contour folder",
        Code.LINK_AMBIGUOUS,
        Scope.PATIENT,
        _row_shared,
        MISSHAPEN | {Code.CONTOURS_WITHOUT_LINK, Code.CONTOUR_COPIED},
        2,
    ),
    Fault("link-respelled", "an id fits only after normalisation", Code.LINK_NORMALISED, Scope.LIGHT, _id_respelled),
    Fault(
        "link-mangled", "an id changed by a spreadsheet", Code.LINK_ID_MANGLED, Scope.PATIENT, _id_mangled, _UNLINKED
    ),
    Fault("link-cut", "a link row with one column", Code.LINK_ROW_INVALID, Scope.SET, _row_cut),
    Fault("link-byte-order-mark", "a byte order mark in the link table", Code.LINK_TABLE_FORMAT, Scope.SET, _mark),
    Fault("link-crlf", "CR LF line ends in the link table", Code.LINK_TABLE_FORMAT, Scope.SET, _crlf),
    Fault("link-semicolons", "semicolons in the link table", Code.LINK_TABLE_FORMAT, Scope.SET, _semicolons),
    Fault("files-beside", "a file beside the patients' folders", Code.FILES_BESIDE, Scope.LIGHT, _beside),
    Fault("stray-files", "files of editors and file managers", Code.STRAY_FILES, Scope.LIGHT, _stray),
)
