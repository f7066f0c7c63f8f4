"""Codes of findings on link tables and ids."""

from __future__ import annotations

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.codetable.info import CodeInfo, Table

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_C = FindingCode

LINKS: Table = {
    _C.LINK_TABLE_MISSING: CodeInfo(
        _E, "there is no link table", "no link.csv and no links/*.csv", "add link.csv with patient_id,original_id"
    ),
    _C.LINK_TABLE_UNREADABLE: CodeInfo(
        _E, "a link table cannot be read", "not text, empty, or without the two columns", "save it as UTF-8 CSV"
    ),
    _C.LINK_ROW_INVALID: CodeInfo(
        _E,
        "a row of a link table names no pair",
        "an id is missing or holds a path separator, or the row starts with #",
        "mend the row",
    ),
    _C.LINK_DUPLICATE: CodeInfo(
        _W, "a link stands in the tables more than once", "equal rows", "remove the repeated row"
    ),
    _C.LINK_AMBIGUOUS: CodeInfo(
        _E,
        "one contour folder is linked to several patients, or one patient to several contour folders",
        "rows with equal original_id and different patient_id, or the reverse",
        "find out which is right and remove the other row",
    ),
    _C.LINK_NORMALISED: CodeInfo(
        _W,
        "an id fits a folder only after normalisation",
        "case, separators and leading zeros differ",
        "write the id as the folder is named",
    ),
    _C.LINK_TABLE_FORMAT: CodeInfo(
        _I,
        "a link table departs from plain UTF-8 with commas and was read all the same",
        "byte order mark, CRLF line ends, semicolons, tabs, another encoding",
        "nothing, or save it as plain CSV",
    ),
    _C.LINK_ID_MANGLED: CodeInfo(
        _E,
        "an id looks as if a spreadsheet had changed it",
        "a date, a number in scientific notation or with decimals, where no folder has that name",
        "restore the id from its source; format the column as text",
    ),
    _C.PATIENT_WITHOUT_LINK: CodeInfo(
        _E, "a patient has images and no row in a link table", "no row resolves to its folder", "add the row"
    ),
    _C.LINK_WITHOUT_PATIENT: CodeInfo(
        _E,
        "a link names a patient that has no images",
        "no folder dicoms/<patient_id>",
        "fetch the images, or mend the id",
    ),
    _C.LINK_WITHOUT_CONTOURS: CodeInfo(
        _E,
        "a link names contours that are not there",
        "no folder contourfiles/<original_id>",
        "fetch the contours, or mend the id",
    ),
    _C.CONTOURS_WITHOUT_LINK: CodeInfo(
        _E, "a contour folder is linked to no patient", "no row resolves to it", "add the row, or remove the folder"
    ),
}
