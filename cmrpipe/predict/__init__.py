"""Prediction on new patients: from DICOM folders to contours, masks, DICOM Segmentation, pictures, volumes."""
