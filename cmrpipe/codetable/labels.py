"""Codes of findings on contours, what is missing, and what people decided."""

from __future__ import annotations

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.codetable.info import CodeInfo, Table

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_C = FindingCode

LABELS: Table = {
    _C.IMAGE_MISSING: CodeInfo(
        _E,
        "an image of the slice x frame grid is not there",
        "frames that most slices have, where the set holds whole cines (more than half of the frames)",
        "fetch it from its source",
    ),
    _C.CONTOUR_WITHOUT_IMAGE: CodeInfo(
        _E,
        "a contour has no image",
        "no readable image with the contour's number",
        "fetch the image, or remove the contour",
    ),
    _C.CONTOURS_MISSING: CodeInfo(
        _E,
        "a patient has images and not one contour",
        "no readable contour in its linked folders",
        "draw them, or leave it out",
    ),
    _C.CONTOUR_MISSING: CodeInfo(
        _W,
        "an endocardial contour is missing between drawn neighbours",
        "drawn in the slices before and after at that phase, not in this one",
        "draw it, or find the lost file",
    ),
    _C.CONTOURS_END_EARLY: CodeInfo(
        _W,
        "endocardial contours end early at base or apex",
        "share of a phase's cavity in slices at an end that the other phase lacks; width of the outermost cavities",
        "look at the slices beyond; draw them, or find the lost files; volumes and EF are wrong without them",
        "validate.end_base, validate.end_apex, validate.end_beyond, validate.end_width",
    ),
    _C.CONTOUR_NOT_DRAWN: CodeInfo(
        _I,
        "slices beyond the drawn ones have no contour, as the drawing protocol wants",
        "no drawn slice on the far side",
        "nothing",
    ),
    _C.ENDO_WITHOUT_EPI: CodeInfo(
        _W,
        "an end-diastolic image has an endocardial and no epicardial contour",
        "the patient's other end-diastolic images have both",
        "draw it, or find the lost file",
    ),
    _C.EPI_WITHOUT_ENDO: CodeInfo(
        _W, "an image has an epicardial and no endocardial contour", "pairs by number", "draw it, or find the lost file"
    ),
    _C.PHASES_UNCLEAR: CodeInfo(
        _W,
        "end-diastole and end-systole cannot be told from each other",
        "two contoured frames a slice are expected, the epicardia at the one with the largest cavities",
        "look at the patient",
    ),
    _C.CONTOUR_UNREADABLE: CodeInfo(
        _E,
        "a contour file cannot be read",
        "each line must be two finite numbers; over 1 GiB, a link to nowhere; or the system refuses to read it, or its "
        "folder",
        "export it again; where the system refuses it, see its permissions and its disk",
    ),
    _C.CONTOUR_TOO_FEW_POINTS: CodeInfo(_E, "a contour has too few points", "fewer than 3", "export it again"),
    _C.CONTOUR_NAME_UNCLEAR: CodeInfo(
        _E,
        "a contour's file name does not say image and kind",
        "IM-0001-<nnnn>-{i,o}contour-manual.txt, in the folder of its kind",
        "rename it",
    ),
    _C.CONTOUR_DUPLICATE_NUMBER: CodeInfo(
        _E, "an image has two contours of one kind", "equal number and kind; neither is used", "remove one"
    ),
    _C.CONTOUR_NOT_MANUAL: CodeInfo(
        _W,
        "contours were not drawn by hand, and are used like an expert's",
        "file names that end with another word than manual, a number behind it apart; predict and other programs write "
        "auto",
        "take them out, unless somebody has looked at each; then name them -manual.txt",
    ),
    _C.CONTOUR_OF_PAPILLARY: CodeInfo(
        _I,
        "outlines of papillary muscles are there, and are not used: the muscles count as cavity",
        "file names with pcontour, p1contour, p2contour",
        "nothing",
    ),
    _C.CONTOUR_OUT_OF_BOUNDS: CodeInfo(
        _E, "a contour leaves its image", "a point more than half a pixel outside", "check what image it was drawn on"
    ),
    _C.CONTOUR_SELF_INTERSECTING: CodeInfo(
        _E, "a contour crosses itself", "edges that cross, the same points twice, or no area", "draw it again"
    ),
    _C.CONTOUR_OPEN: CodeInfo(
        _W,
        "a contour is not closed, or points of it were lost in between",
        "the longest step between two points over the third longest, where it is also 8 % of the contour's length",
        "export it again, or draw it again",
        "validate.open_steps",
    ),
    _C.CONTOUR_SPIKE: CodeInfo(
        _W,
        "a point of a contour juts out, as with a wrong digit",
        "both steps at a point over the contour's third longest, where the way over it is twice that past it",
        "export it again, or mend the point",
        "validate.open_steps",
    ),
    _C.CONTOUR_COARSE: CodeInfo(
        _W,
        "a contour has so few points that straight lines between them cut off some of the area",
        "area of a smooth curve (Catmull-Rom) through points over 1.5 pixels apart, over the polygon's, less 1",
        "export the curve, not the points by which it was drawn; where straight lines were meant, overrule with `keep`",
        "validate.coarse",
    ),
    _C.ENDO_OUTSIDE_EPI: CodeInfo(
        _E,
        "an endocardial contour runs outside of the epicardial one",
        "distance of its outermost point from the epicardium, pixels, or mm where that is more",
        "check both contours",
        "validate.outside_px, validate.outside_mm",
    ),
    _C.WALL_IMPLAUSIBLE: CodeInfo(
        _W,
        "the wall is implausibly thin or thick",
        "mean distance of the two borders, in mm; in cavity radii where the spacing is not known",
        "check both contours; for children, or thick walls, set the limits",
        "validate.wall_mm, validate.wall_share",
    ),
    _C.AREA_JUMP: CodeInfo(
        _W,
        "a cavity is far wider or narrower than expected from its neighbours",
        "radius over the expected one: by the slices around, and by the other phase; the nearer counts",
        "look at it beside its neighbours",
        "validate.area_jump",
    ),
    _C.CENTROID_JUMP: CodeInfo(
        _W,
        "a cavity does not lie where it is expected from its neighbours",
        "distance from the expected centre, in radii: by the slices around, and by the other phase; the nearer counts",
        "look at it beside its neighbours",
        "validate.centre_jump",
    ),
    _C.CONTOUR_COPIED: CodeInfo(
        _E,
        "a contour is a copy of another patient's, slice's or frame's, in its place or moved",
        "points, whatever their start, direction and place; the original lies well in its image, others clearly worse",
        "draw it again on its own image, or leave it out; where one patient has two ids, keep one",
        "validate.copy_original",
    ),
    _C.CONTOUR_REPEATED: CodeInfo(
        _W,
        "contours of one slice are one outline, and fit the images of their frames",
        "points, as for contour-copied; each lies as well as an original has to; reported once a patient",
        "look whether they were carried from frame to frame on purpose",
        "validate.copy_original",
    ),
    _C.CONTOUR_MISFIT: CodeInfo(
        _E,
        "a contour, or all of a patient, does not fit its image",
        "fit: blood inside, darker wall along the outside; exchanged axes, flips, shifts and other images are tried",
        "see the cause it names; nothing is applied by itself",
        "validate.fit, validate.fit_patient, validate.fit_suspect",
    ),
    _C.CONTOUR_OTHER_FRAME: CodeInfo(
        _W,
        "a contour lies at another frame than its phase's contours in the other slices",
        "the frame that most of the phase's slices are drawn at, three at least, where that image is there",
        "look whether its number is right, or the expert chose another frame here",
        "validate.one_frame",
    ),
    _C.CONTOURS_OTHER_PHASE: CodeInfo(
        _E,
        "contours do not follow the heartbeat: end-diastole and end-systole exchanged, or numbers off by frames",
        "brightness of what lies between a slice's larger and smaller contour, in their two images and over the cine",
        "compare the contours' numbers with the frames; renumber them",
        "validate.heartbeat",
    ),
    _C.CONTOURS_OTHER_SLICE: CodeInfo(
        _W,
        "a patient's contours fit the next slice's images better than their own",
        "share of endocardial contours that fit better one slice on, at the same frame, less the share that fit worse",
        "look whether the contours' numbers are those of the images; another export may count otherwise",
        "validate.other_slice, validate.other_slice_part",
    ),
    _C.ORIGIN_DISAGREES: CodeInfo(
        _W,
        "contours fit the images best with another origin than declared",
        "shift with the strongest edges, pixels, beyond three standard errors; of the set, and of a patient against it",
        "check how the contours were exported, then ingest.contour_origin",
        "validate.origin_px, validate.origin_patient_px",
    ),
    _C.LABEL_SUSPECT: CodeInfo(
        _W,
        "a contour lies far from where a model that has not seen the patient puts it",
        "mean distance of the outlines in radii of the patient's median cavity; `cmrpipe suspects` ranks all",
        "look at its picture; the model errs, too",
    ),
    _C.QUARANTINE_WITHOUT_EFFECT: CodeInfo(
        _W,
        "a person's row of quarantine.csv does nothing",
        "no patient, image or contour file of that name; or another person keeps what it leaves out",
        "write the name as it stands in the catalog and the findings, or remove the row",
    ),
    _C.QUARANTINE_UNSIGNED: CodeInfo(
        _W,
        "a row of quarantine.csv says `rule`, and no rule gives it",
        "neither now nor in the last validation, whose findings lie in the findings folder; without these, not now",
        "put your name into `by` when the row is yours, else remove it",
    ),
    _C.QUARANTINE_OUTDATED: CodeInfo(
        _W,
        "a person keeps what a rule leaves out, and its files have changed since",
        "the fingerprint in `seen`; of a contour or an image over all files of its number, of a patient over all files",
        "look at it again; to keep it as it is now, empty the row's cell `seen`",
    ),
    _C.FILES_BESIDE: CodeInfo(
        _E,
        "files or folders lie where the layout has no place for them; they belong to nobody and were not read",
        "beside dicoms/ and contourfiles/, except documents; directly in them, except archives; no table, in links/",
        "move each to where the layout has it, or remove it",
    ),
    _C.STRAY_FILES: CodeInfo(
        _I,
        "files and folders of editors, file managers and network storage were passed over",
        "names: with a dot before them, *~, *.swp, *.tmp, *.part, Thumbs.db, Icon, __MACOSX, @eaDir, $RECYCLE.BIN, "
        "lost+found, ...",
        "nothing",
    ),
}
