"""DICOM, NIfTI and MetaImage files to volumes in LPS; slices, windows, pictures."""
