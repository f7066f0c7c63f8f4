"""Checks of the link tables, over the whole set."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from cmrpipe.checks.finding import finding, of_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.linking import LinkMap
from cmrpipe.model import Finding, Link
from cmrpipe.readers.links import LinkTable

_MONTHS = (
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sep(t(ember)?)?"
    "|oct(ober)?|nov(ember)?|dec(ember)?"
)
_MANGLED = re.compile(
    rf"[+-]?\d+([.,]\d+)?e[+-]?\d+|\d+[.,]\d+|\d{{1,4}}([-/. ])\d{{1,2}}\2\d{{1,4}}"
    rf"|\d{{1,2}}[- ]({_MONTHS})([- ]\d{{2,4}})?|({_MONTHS})[- ]\d{{1,4}}|#\w+[!?/]?\w*",
    re.IGNORECASE,
)


def check_tables(tables: Sequence[LinkTable], unreadable: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    """The tables themselves; `unreadable` are (path, reason)."""
    if not tables and not unreadable:
        yield finding(
            Code.LINK_TABLE_MISSING,
            "There is no link table, so no contour can be given to an image. "
            "Add link.csv with the columns patient_id,original_id.",
            path="link.csv",
        )
    for path, reason in unreadable:
        yield finding(Code.LINK_TABLE_UNREADABLE, reason, path=path)
    for table in tables:
        if table.oddities:
            text = ", ".join(table.oddities)
            yield finding(
                Code.LINK_TABLE_FORMAT, f"{table.path} was read in spite of: {text}.", path=table.path, what=text
            )
        for row in table.bad:
            dates = [name for name in row.ids if _MANGLED.fullmatch(name)]
            if dates:
                yield finding(
                    Code.LINK_ID_MANGLED,
                    f"{table.path} line {row.line}: {dates[0]!r} looks changed by a spreadsheet; it is no id.",
                    patient_id=row.ids[0] if row.ids[0] not in dates else "",
                    path=table.path,
                    line=row.line,
                )
                continue
            yield finding(
                Code.LINK_ROW_INVALID,
                f"{table.path} line {row.line} names no pair ({row.cause}): {row.text!r}.",
                path=table.path,
                line=row.line,
            )


def check_rows(links: Sequence[Link]) -> Iterator[Finding]:
    """Rows that are repeated or contradict each other."""
    rows: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in links:
        rows[link.patient_id, link.original_id].append(link)
    for (patient, original), same in rows.items():
        if len(same) > 1:
            where = ", ".join(f"{x.path} line {x.line}" for x in same)
            yield finding(
                Code.LINK_DUPLICATE,
                f"{patient} is linked to {original} {len(same)} times ({where}).",
                patient_id=patient,
                path=same[-1].path,
                rows=len(same),
            )


def check_ambiguous(links: LinkMap) -> Iterator[Finding]:
    """Contour folders given to several patients, and patients with several contour folders."""
    patients: dict[str, list[str]] = defaultdict(list)
    for patient, originals in links.originals.items():
        for original in originals:
            patients[original].append(patient)
        if len(originals) > 1:
            yield finding(
                Code.LINK_AMBIGUOUS,
                f"{patient} is linked to {len(originals)} contour folders: {', '.join(originals)}.",
                patient_id=patient,
                path=f"contourfiles/{originals[0]}",
                originals=", ".join(originals),
            )
    for original, names in sorted(patients.items()):
        if len(names) > 1:
            for name in names:
                others = ", ".join(other for other in names if other != name)
                yield finding(
                    Code.LINK_AMBIGUOUS,
                    f"The contours of {original} are linked to {name} and also to {others}.",
                    patient_id=name,
                    path=f"contourfiles/{original}",
                    others=others,
                )


def check_resolution(links: LinkMap, patients: Iterable[str], originals: Iterable[str]) -> Iterator[Finding]:
    """Rows against folders, in both directions."""
    for link, patient, original in links.normalised:
        yield finding(
            Code.LINK_NORMALISED,
            f"{link.path} line {link.line}: {link.patient_id},{link.original_id} was taken for {patient},{original}.",
            patient_id=patient,
            path=link.path,
            line=link.line,
        )
    for rows, code, what in (
        (links.no_patient, Code.LINK_WITHOUT_PATIENT, "patient_id"),
        (links.no_contours, Code.LINK_WITHOUT_CONTOURS, "original_id"),
    ):
        for link in rows:
            name = getattr(link, what)
            mangled = _MANGLED.fullmatch(name) is not None
            folder = f"dicoms/{name}" if what == "patient_id" else f"contourfiles/{name}"
            yield finding(
                Code.LINK_ID_MANGLED if mangled else code,
                f"{link.path} line {link.line}: {what} {name!r} "
                + (
                    "looks changed by a spreadsheet; no folder has that name."
                    if mangled
                    else f"has no folder {folder}."
                ),
                patient_id=link.patient_id,
                path=link.path,
                line=link.line,
            )
    linked = {original for names in links.originals.values() for original in names}
    for patient in patients:
        if patient not in links.originals:
            yield of_patient(
                Code.PATIENT_WITHOUT_LINK,
                patient,
                f"{patient} has images, and no link gives contours to it.",
            )
    for original in originals:
        if original not in linked:
            yield finding(
                Code.CONTOURS_WITHOUT_LINK,
                f"The contours of {original} are linked to no patient that has images.",
                path=f"contourfiles/{original}",
            )
