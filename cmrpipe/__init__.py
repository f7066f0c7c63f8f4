"""cmrpipe: from cardiac MR slices and expert contours to a verified training store and an evaluated model."""

__version__ = "0.1.0"
