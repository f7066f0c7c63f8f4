"""Where patients come from: a folder in the layout, a folder of unsorted DICOM, a PACS over DICOMweb."""
