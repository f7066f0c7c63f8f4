"""The one table of finding codes: what each means, how bad it is, how it is measured, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from cmrpipe.codes import FindingCode, Severity


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What the table says of one code; `param` names the keys in params.yaml that set its thresholds."""

    severity: Severity
    meaning: str
    measured: str
    action: str
    param: str = ""


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_C = FindingCode

CODES: dict[FindingCode, CodeInfo] = {
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
    _C.IMAGE_UNREADABLE: CodeInfo(
        _E,
        "a file below dicoms/ is no usable image",
        "not DICOM, no single grey image in it, over 1 GiB, compressed pixels that cannot be decoded, a link to "
        "nowhere; or the system refuses to read it, or its folder",
        "fetch it anew; where the system refuses it, see its permissions and its disk",
    ),
    _C.IMAGE_TRUNCATED: CodeInfo(
        _E, "an image ends before its last pixel", "pixel bytes against rows, columns and bits", "fetch it anew"
    ),
    _C.IMAGE_UNDECODABLE: CodeInfo(
        _E,
        "the pixels of an image cannot be had though its header seemed in order",
        "decoding (bits stored, rescale tags); images that are drawn in, or looked at beside these",
        "fetch it anew",
    ),
    _C.IMAGE_NOT_MR: CodeInfo(_E, "an image is not MR", "Modality (0008,0060)", "remove it from the folder"),
    _C.IMAGE_NUMBER_MISMATCH: CodeInfo(
        _E,
        "an image's file name and its InstanceNumber differ: contours go by the file name",
        "number in the name against (0020,0013), which in a stack of several series may count within its series",
        "find out which one the contours mean and rename the file",
    ),
    _C.IMAGE_NUMBER_BY_SERIES: CodeInfo(
        _I,
        "InstanceNumber counts within the series, the files' names through the stack",
        "several series in the stack; both numbers equally far apart in most images of a series",
        "nothing, where the contours go by the files' names",
    ),
    _C.IMAGE_DUPLICATE_INSTANCE: CodeInfo(
        _E,
        "two images of a patient are one instance",
        "equal SOPInstanceUID, or equal series and InstanceNumber",
        "remove the copy",
    ),
    _C.IMAGE_DUPLICATE_NUMBER: CodeInfo(
        _E,
        "a contour's number is that of several images; it is not used",
        "number of the file name, else InstanceNumber, of images of the stack that are not one instance",
        "give each image a number of its own, that by which the contours go",
    ),
    _C.IMAGE_DUPLICATE_PIXELS: CodeInfo(
        _E, "two images hold the same pixels", "hash of the pixel bytes", "fetch the right image from its source"
    ),
    _C.IMAGE_IN_TWO_PATIENTS: CodeInfo(
        _E,
        "images of two patients are the same: one patient under two ids, or images in another's folder",
        "equal pixels, blank images apart, and equal SOPInstanceUID; told once for two patients",
        "find out whose they are and remove the other's, or one id; until then their contours are left out in both",
    ),
    _C.INSTANCE_IN_TWO_PATIENTS: CodeInfo(
        _E,
        "images of two patients have one SOPInstanceUID and other pixels",
        "equal SOPInstanceUID; no image of the two patients has equal pixels",
        "find out at the source whether one was made from the other, or the identifiers mean nothing",
    ),
    _C.STUDY_IN_TWO_PATIENTS: CodeInfo(
        _E,
        "two patients are of one examination: one person under two ids, or images in another's folder",
        "equal StudyInstanceUID or FrameOfReferenceUID; both patients from half of their images on, else these images",
        "put them under one id, or move the images; where they are two people, overrule with `keep`",
    ),
    _C.PATIENTS_ALIKE: CodeInfo(
        _E,
        "two patients seem to be one person, or an image to be another patient's, but for brightness, size or noise",
        "agreement of contoured images on a grid of 32 x 32 cells, of 1; images cut, turned or mirrored are not seen",
        "keep one; where they are two people, overrule with `keep`; until then both patients (or images) are left out",
        "validate.alike",
    ),
    _C.IMAGE_PATIENT_MISMATCH: CodeInfo(
        _E,
        "an image's header names another patient than its folder",
        "PatientID (0010,0020) against the folder, after normalisation",
        "move it to its patient, or correct the header at the source",
    ),
    _C.PATIENT_RENAMED: CodeInfo(
        _W,
        "all images of a patient carry one PatientID, and it is not the folder's name",
        "PatientID (0010,0020), after normalisation, where no other folder has that name or images that carry it",
        "check that the folder's name is right; a de-identified export may have names of its own",
    ),
    _C.IMAGE_CONSTANT: CodeInfo(_E, "all pixels of an image are equal", "smallest and largest pixel", "fetch it anew"),
    _C.IMAGE_BLANK_END: CodeInfo(
        _E,
        "the last rows of an image are blank, those of its slice's other frames are not",
        "rows of zeros at the end against the slice's other frames, where these agree; interrupted copies leave such",
        "fetch it anew",
        "validate.blank_end",
    ),
    _C.CONTOUR_IN_IMAGE: CodeInfo(
        _E,
        "a contour is drawn into an image's pixels, or into most of a patient's",
        "share of the contour along which the image is brighter, or darker, than on both sides",
        "export the images themselves, without graphics",
        "validate.burnt",
    ),
    _C.IMAGE_BLANK_ROWS: CodeInfo(
        _E,
        "a block of rows in the midst of a contoured image is blank",
        "longest run of rows of one value each between others, against all rows; a lost part of a file leaves it",
        "fetch it anew",
        "validate.blank_rows",
    ),
    _C.IMAGE_PUT_ASIDE: CodeInfo(
        _W,
        "a source has images, or other things, that did not land",
        "no part of the layout; by headers no MR, another series, no number or patient, a copy, equal numbers",
        "see aside/ in the raw folder; where the wrong series was taken, set source.series and land again",
    ),
    _C.SERIES_MIXED: CodeInfo(
        _E,
        "a patient's folder holds images of several series",
        "SeriesInstanceUID; the series with most images is taken for the short-axis cine",
        "keep one series a folder",
    ),
    _C.SPACING_MISSING: CodeInfo(
        _I,
        "no pixel spacing: areas and volumes in mm cannot be had",
        "PixelSpacing (0028,0030) absent or not positive",
        "fetch the original images if volumes are wanted",
    ),
    _C.SPACING_NOT_SQUARE: CodeInfo(
        _W,
        "pixels are not square",
        "relative difference of row and column spacing; told once where all of a patient's images agree",
        "check that it is so in the source",
        "validate.square",
    ),
    _C.ORIENTATION_CHANGES: CodeInfo(
        _E,
        "slices of one series are not parallel",
        "angle between row or column directions of an image and of its series, degrees",
        "remove images of other planes (localizers, long axis)",
        "validate.angle_deg",
    ),
    _C.SIZE_CHANGES: CodeInfo(
        _E, "images of one series differ in size or spacing", "rows, columns, PixelSpacing", "fetch them anew"
    ),
    _C.SLICE_GAP_IRREGULAR: CodeInfo(
        _W,
        "slices are not evenly spaced",
        "relative deviation of a distance along the normal from the median distance",
        "look for a lost slice",
        "validate.gap",
    ),
    _C.SLICE_GAP_HEADER: CodeInfo(
        _W,
        "the header's slice spacing is not the measured one",
        "relative difference of SpacingBetweenSlices and the distance of positions",
        "nothing: volumes use the measured gap; check the export",
        "validate.gap_header",
    ),
    _C.GRID_ASSUMED: CodeInfo(
        _I,
        "slice and frame were taken from the file number",
        "no position or trigger time in the header; frames a slice assumed",
        "check ingest.frames_per_slice",
        "ingest.frames_per_slice",
    ),
    _C.SCALE_IMPLAUSIBLE: CodeInfo(
        _W,
        "the field of view, or the distance of the slices, is not that of a cardiac scan",
        "pixels times PixelSpacing, the longer side, from 96 pixels on; median distance of positions along the normal",
        "hold PixelSpacing and ImagePositionPatient against the source: another unit, the spacing of another matrix",
        "validate.field_mm, validate.slice_gap_mm",
    ),
    _C.VOLUME_IMPLAUSIBLE: CodeInfo(
        _W,
        "the end-diastolic volume, or the mass, is not that of a heart",
        "from all of the patient's contours, of three slices at least",
        "hold PixelSpacing and positions against the source; look whether all contours are of this patient",
        "validate.edv_ml, validate.mass_g",
    ),
    _C.IMAGES_AT_ONE_PLACE: CodeInfo(
        _E,
        "images stand where another one does: one position in all headers, or a slice acquired twice",
        "several images of one slice and frame, or more of a slice than frames; files of one instance count once",
        "keep one acquisition of each slice, or fetch the images with positions of their own",
    ),
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
        _I, "slices beyond the drawn ones have no contour, as by protocol", "no drawn slice on the far side", "nothing"
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
        "end-diastole and end-systole cannot be told",
        "two contoured frames a slice are expected, the epicardia at the one with the largest cavities",
        "look at the patient",
    ),
    _C.CONTOUR_UNREADABLE: CodeInfo(
        _E,
        "a contour file cannot be read",
        "each line must be two finite numbers; over 1 GiB, a link to nowhere; or the system refuses to read it, or its "
        "folder",
        "export it anew; where the system refuses it, see its permissions and its disk",
    ),
    _C.CONTOUR_TOO_FEW_POINTS: CodeInfo(_E, "a contour has too few points", "fewer than 3", "export it anew"),
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
        "file names that end with another word than manual; predict and other programs write auto",
        "take them out, unless somebody has looked at each; then name them -manual.txt",
    ),
    _C.CONTOUR_OUT_OF_BOUNDS: CodeInfo(
        _E, "a contour leaves its image", "a point more than half a pixel outside", "check what image it was drawn on"
    ),
    _C.CONTOUR_SELF_INTERSECTING: CodeInfo(
        _E, "a contour crosses itself", "edges that cross, the same points twice, or no area", "draw it anew"
    ),
    _C.CONTOUR_OPEN: CodeInfo(
        _W,
        "a contour is not closed, or points of it were lost in between",
        "the longest step between two points over the third longest, where it is also 8 % of the contour's length",
        "export it anew, or draw it anew",
        "validate.open_steps",
    ),
    _C.CONTOUR_SPIKE: CodeInfo(
        _W,
        "a point of a contour juts out, as with a wrong digit",
        "both steps at a point over the contour's third longest, where the way over it is twice that past it",
        "export it anew, or mend the point",
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
        "an endocardial contour leaves the epicardial one",
        "distance of its outermost point from the epicardium, pixels",
        "check both contours",
        "validate.outside_px",
    ),
    _C.WALL_IMPLAUSIBLE: CodeInfo(
        _W,
        "the wall is implausibly thin or thick",
        "mean distance of the two borders, in mm; in cavity radii where the spacing is not known",
        "check both contours",
        "validate.wall_mm, validate.wall_share",
    ),
    _C.AREA_JUMP: CodeInfo(
        _W,
        "a cavity is far wider or narrower than its neighbours let expect",
        "radius over the expected one: by the slices around, and by the other phase; the nearer counts",
        "look at it beside its neighbours",
        "validate.area_jump",
    ),
    _C.CENTROID_JUMP: CodeInfo(
        _W,
        "a cavity lies beside where its neighbours let expect it",
        "distance from the expected centre, in radii: by the slices around, and by the other phase; the nearer counts",
        "look at it beside its neighbours",
        "validate.centre_jump",
    ),
    _C.CONTOUR_COPIED: CodeInfo(
        _E,
        "a contour is a copy of another patient's, slice's or frame's, in its place or moved",
        "points, whatever their start, direction and place; the original lies well in its image, others clearly worse",
        "draw it anew on its own image, or leave it out; where one patient has two ids, keep one",
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
        "contours do not go with the heartbeat: end-diastole and end-systole exchanged, or numbers off by frames",
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
        "a contour lies far from where a model puts it that has never seen the patient",
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
        "files or folders lie where the layout has none, belong to nobody and were not read",
        "beside dicoms/ and contourfiles/, documents apart; files directly in them, archives apart; no table in links/",
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
