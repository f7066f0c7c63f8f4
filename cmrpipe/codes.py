"""Stable names of findings, and how much each kind matters; `cmrpipe.codetable` explains them."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters: an error spoils labels or loses data, a warning may, an info does not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class FindingCode(StrEnum):
    """Stable names of findings. Names are never reused for another meaning."""

    LINK_TABLE_MISSING = "link-table-missing"
    LINK_TABLE_UNREADABLE = "link-table-unreadable"
    LINK_ROW_INVALID = "link-row-invalid"
    LINK_DUPLICATE = "link-duplicate"
    LINK_AMBIGUOUS = "link-ambiguous"
    LINK_NORMALISED = "link-normalised"
    LINK_TABLE_FORMAT = "link-table-format"
    LINK_ID_MANGLED = "link-id-mangled"
    PATIENT_WITHOUT_LINK = "patient-without-link"
    LINK_WITHOUT_PATIENT = "link-without-patient"
    LINK_WITHOUT_CONTOURS = "link-without-contours"
    CONTOURS_WITHOUT_LINK = "contours-without-link"

    IMAGE_UNREADABLE = "image-unreadable"
    IMAGE_TRUNCATED = "image-truncated"
    IMAGE_UNDECODABLE = "image-undecodable"
    IMAGE_NOT_MR = "image-not-mr"
    IMAGE_NUMBER_MISMATCH = "image-number-mismatch"
    IMAGE_DUPLICATE_INSTANCE = "image-duplicate-instance"
    IMAGE_DUPLICATE_NUMBER = "image-duplicate-number"
    IMAGE_DUPLICATE_PIXELS = "image-duplicate-pixels"
    IMAGE_IN_TWO_PATIENTS = "image-in-two-patients"
    INSTANCE_IN_TWO_PATIENTS = "instance-in-two-patients"
    IMAGE_PATIENT_MISMATCH = "image-patient-mismatch"
    IMAGE_CONSTANT = "image-constant"
    IMAGE_BLANK_END = "image-blank-end"
    IMAGE_PUT_ASIDE = "image-put-aside"
    SERIES_MIXED = "series-mixed"
    SPACING_MISSING = "spacing-missing"
    SPACING_NOT_SQUARE = "spacing-not-square"
    ORIENTATION_CHANGES = "orientation-changes"
    SIZE_CHANGES = "size-changes"
    SLICE_GAP_IRREGULAR = "slice-gap-irregular"
    SLICE_GAP_HEADER = "slice-gap-header"
    GRID_ASSUMED = "grid-assumed"

    IMAGE_MISSING = "image-missing"
    CONTOUR_WITHOUT_IMAGE = "contour-without-image"
    CONTOURS_MISSING = "contours-missing"
    CONTOUR_MISSING = "contour-missing"
    CONTOUR_NOT_DRAWN = "contour-not-drawn"
    ENDO_WITHOUT_EPI = "endo-without-epi"
    EPI_WITHOUT_ENDO = "epi-without-endo"
    PHASES_UNCLEAR = "phases-unclear"

    CONTOUR_UNREADABLE = "contour-unreadable"
    CONTOUR_TOO_FEW_POINTS = "contour-too-few-points"
    CONTOUR_NAME_UNCLEAR = "contour-name-unclear"
    CONTOUR_DUPLICATE_NUMBER = "contour-duplicate-number"
    CONTOUR_NOT_MANUAL = "contour-not-manual"
    CONTOUR_OUT_OF_BOUNDS = "contour-out-of-bounds"
    CONTOUR_SELF_INTERSECTING = "contour-self-intersecting"
    CONTOUR_OPEN = "contour-open"
    ENDO_OUTSIDE_EPI = "endo-outside-epi"
    WALL_IMPLAUSIBLE = "wall-implausible"
    AREA_JUMP = "area-jump"
    CENTROID_JUMP = "centroid-jump"
    CONTOUR_COPIED = "contour-copied"
    CONTOUR_MISFIT = "contour-misfit"
    CONTOUR_OTHER_FRAME = "contour-other-frame"
    CONTOURS_OTHER_SLICE = "contours-other-slice"
    CONTOURS_OTHER_PHASE = "contours-other-phase"
    ORIGIN_DISAGREES = "origin-disagrees"

    LABEL_SUSPECT = "label-suspect"

    QUARANTINE_WITHOUT_EFFECT = "quarantine-without-effect"
    QUARANTINE_UNSIGNED = "quarantine-unsigned"
    QUARANTINE_OUTDATED = "quarantine-outdated"
    FILES_BESIDE = "files-beside"
    STRAY_FILES = "stray-files"
