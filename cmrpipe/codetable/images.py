"""Codes of findings on images: their files, headers and pixels."""

from __future__ import annotations

from cmrpipe.codes import FindingCode, Severity
from cmrpipe.codetable.info import CodeInfo, Table

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_C = FindingCode

IMAGES: Table = {
    _C.IMAGE_UNREADABLE: CodeInfo(
        _E,
        "a file below dicoms/ is no usable image",
        "not DICOM, no single grey image in it, over 1 GiB, compressed pixels that cannot be decoded, a link to "
        "nowhere; or the system refuses to read it, or its folder",
        "fetch it again; install what decodes it, convert it, export it in grey, or split it, as the finding says; "
        "where the system refuses it, see its permissions and its disk",
    ),
    _C.IMAGE_TRUNCATED: CodeInfo(
        _E, "an image ends before its last pixel", "pixel bytes against rows, columns and bits", "fetch it again"
    ),
    _C.IMAGE_UNDECODABLE: CodeInfo(
        _E,
        "the pixels of an image cannot be decoded, though its header is in order",
        "decoding (bits stored, rescale tags) of images with contours, and of those looked at beside them",
        "fetch it again",
    ),
    _C.IMAGE_NOT_MR: CodeInfo(
        _E,
        "an image is not MR",
        "Modality (0008,0060); reported once where all of a patient's images agree",
        "remove it from the folder; where a program that converted MR images wrote OT, take the code out of "
        "validate.quarantine",
    ),
    _C.IMAGE_NUMBER_MISMATCH: CodeInfo(
        _E,
        "an image's file name and its InstanceNumber differ: contours go by the file name",
        "number in the name against (0020,0013); see image-number-by-series and images-renumbered",
        "find out which one the contours mean and rename the file",
    ),
    _C.IMAGES_RENUMBERED: CodeInfo(
        _W,
        "most images of a patient carry another InstanceNumber than their files",
        "one step between the numbers, or both go evenly from frame to frame; images that depart are "
        "image-number-mismatch",
        "check that the contours were drawn by the files' numbers",
    ),
    _C.IMAGE_NUMBER_BY_SERIES: CodeInfo(
        _I,
        "InstanceNumber counts within the series, the files' names through the stack",
        "several series in the folder; both numbers equally far apart in most images of a series",
        "nothing, where the contours go by the files' names",
    ),
    _C.IMAGE_DUPLICATE_INSTANCE: CodeInfo(
        _E,
        "two images of a patient are one instance",
        "equal SOPInstanceUID; where it is missing or a filler, equal series and InstanceNumber",
        "remove the copy",
    ),
    _C.IMAGE_IDS_SHARED: CodeInfo(
        _W,
        "images of a patient have one identifier and other pixels: it is a filler",
        "SOPInstanceUID, or series and InstanceNumber in its place, of more than 8 images with other pixels; or of "
        "three, where this is so of most of the patient's images",
        "export with identifiers of their own; until then copies are found by their pixels alone",
    ),
    _C.IMAGE_DUPLICATE_NUMBER: CodeInfo(
        _E,
        "several images have a contour's number; the contour is not used",
        "number of the file name, else InstanceNumber, of images of the stack that are different instances",
        "give each image a number of its own, the one that the contours mean",
    ),
    _C.IMAGE_DUPLICATE_PIXELS: CodeInfo(
        _E,
        "two images hold the same pixels",
        "equal pixels, except of blank images",
        "fetch the right image from its source",
    ),
    _C.IMAGE_REPEATED: CodeInfo(
        _W,
        "images of a cine hold the pixels of the frame before or after, or the last those of the first",
        "equal pixels of frames that follow one another, a quarter of a cine of eight frames and more at most",
        "nothing, where the cine was stretched to more frames, or ends as it begins; else fetch the right image",
    ),
    _C.IMAGE_IN_TWO_PATIENTS: CodeInfo(
        _E,
        "images of two patients are the same: one patient under two ids, or images in another's folder",
        "equal pixels, except of blank images; reported once for two patients",
        "find out whose they are and remove the others, or one id; until then their contours are left out in both",
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
        "equal StudyInstanceUID or FrameOfReferenceUID; both patients from half of their images on, where another "
        "identifier or an oblique plane is equal, too; else these images",
        "put them under one id, or move the images; where they are two people, overrule with `keep`",
    ),
    _C.STUDY_UID_SHARED: CodeInfo(
        _W,
        "patients have one identifier of an examination, and nothing else says that they are one person",
        "equal StudyInstanceUID or FrameOfReferenceUID alone; or of three patients who are most of the set, or of nine",
        "find out at the source; put one person under one id, export others with identifiers of their own",
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
        "an image's header names another patient than its folder, or than most images of a renamed one",
        "PatientID (0010,0020) that is more than signs against the folder, after normalisation; see patient-renamed",
        "move it to its patient, or correct the header at the source",
    ),
    _C.PATIENT_RENAMED: CodeInfo(
        _W,
        "most images of a patient carry one PatientID, and it is not the folder's name",
        "PatientID (0010,0020), after normalisation, where no other folder has that name or images that carry it",
        "check that the folder's name is right; a de-identified export may have names of its own",
    ),
    _C.PATIENT_ID_SHARED: CodeInfo(
        _W,
        "folders carry one PatientID, which a program gave to everybody",
        "PatientID (0010,0020) of most images of folders of other names: of three folders who are most of the set, or "
        "of nine",
        "give each person an id of its own at the source",
    ),
    _C.PERSON_IN_TWO_PATIENTS: CodeInfo(
        _E,
        "a patient carries another one's PatientID, in a study of its own: visits of one person; the first is used",
        "PatientID (0010,0020) of most images of fewer folders of other names, each with a StudyInstanceUID of its own",
        "put visits of one person under one id; keep the row where they are two people",
    ),
    _C.IMAGE_CONSTANT: CodeInfo(_E, "all pixels of an image are equal", "smallest and largest pixel", "fetch it again"),
    _C.IMAGE_BLANK_END: CodeInfo(
        _E,
        "the last rows of an image are blank, those of its slice's other frames are not",
        "rows of zeros at the end against the slice's other frames, where these agree; interrupted copies leave such",
        "fetch it again",
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
        "longest run of rows of one value each within the picture, against all rows, unless the slice's other frames "
        "show none there either; a lost part of a file leaves it",
        "fetch it again",
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
        "no pixel spacing: areas and volumes in mm cannot be computed",
        "PixelSpacing (0028,0030) absent or not positive",
        "fetch the original images if volumes are wanted",
    ),
    _C.SPACING_NOT_SQUARE: CodeInfo(
        _W,
        "pixels are not square",
        "relative difference of row and column spacing; reported once where all of a patient's images agree",
        "check that it is so in the source",
        "validate.square",
    ),
    _C.ORIENTATION_CHANGES: CodeInfo(
        _E,
        "slices of one stack are not parallel",
        "angle between row or column directions of an image and of most of the stack, degrees",
        "remove images of other planes (localizers, long axis)",
        "validate.angle_deg",
    ),
    _C.SERIES_TILTED: CodeInfo(
        _W,
        "slices that are series of their own are turned a little against the others",
        "the same angle, up to 2.6 degrees, of images that are turned as their series is",
        "nothing, where slices were planned again during the scan; volumes take them for parallel",
        "validate.angle_deg",
    ),
    _C.SIZE_CHANGES: CodeInfo(
        _E,
        "images of one stack differ in size or spacing",
        "rows, columns, PixelSpacing",
        "fetch them again; where they were acquired so, pad, cut or resample images and contours: the store holds one "
        "size a patient",
    ),
    _C.SLICE_GAP_IRREGULAR: CodeInfo(
        _W,
        "slices are not evenly spaced",
        "deviation of a distance along the normal from the median distance, more than a tenth of it",
        "look for a lost slice; no volume is given across such a distance, in clinical.csv, evaluation or prediction",
    ),
    _C.SLICE_GAP_HEADER: CodeInfo(
        _W,
        "the header's slice spacing is not the measured one",
        "relative difference of SpacingBetweenSlices and the distance of positions",
        "find out which of the two is right: volumes use the measured distance",
        "validate.gap_header",
    ),
    _C.SLICES_OVERLAP: CodeInfo(
        _W,
        "slices lie so close to each other that they overlap, as where an export halved their positions",
        "SliceThickness less the distance of positions, as a share of SliceThickness; medians of the stack",
        "hold ImagePositionPatient against the source: volumes go with the distance; where slices were interpolated, "
        "nothing, or set the limit",
        "validate.overlap",
    ),
    _C.GRID_ASSUMED: CodeInfo(
        _I,
        "slice or frame is not in the headers, but comes from the images' numbers, trigger times and order",
        "no position; no CardiacNumberOfImages, or one that no slice reaches; numbers and trigger times in conflict",
        "look whether images are missing; check ingest.frames_per_slice, tried where no header says",
        "ingest.frames_per_slice",
    ),
    _C.SCALE_IMPLAUSIBLE: CodeInfo(
        _W,
        "the field of view, or the distance of the slices, is not that of a cardiac scan",
        "pixels times PixelSpacing, the longer side, from 96 pixels on; median distance of positions along the normal",
        "hold PixelSpacing and ImagePositionPatient against the source: another unit, the spacing of another matrix; "
        "for children, or images that were cut, set the limits",
        "validate.field_mm, validate.slice_gap_mm",
    ),
    _C.VOLUME_IMPLAUSIBLE: CodeInfo(
        _W,
        "the end-diastolic volume, or the mass, is not that of a heart",
        "from all of the patient's contours, of three slices at least",
        "hold PixelSpacing and positions against the source; look whether all contours are of this patient; "
        "for children set the limits",
        "validate.edv_ml, validate.mass_g",
    ),
    _C.IMAGES_AT_ONE_PLACE: CodeInfo(
        _E,
        "images stand where another one does: one position in all headers, a slice acquired twice, or phase maps",
        "several images of one slice and frame, or more of a slice than frames; files of one instance count once",
        "keep one acquisition of each slice, and of its images the magnitude, or fetch them with own positions",
    ),
}
