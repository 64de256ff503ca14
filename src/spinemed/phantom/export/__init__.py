"""Studies on disk: DICOM series, masks in the styles of public sets, and the measured truth."""
