"""The embedded default source: anatomy, rendering, DICOM writing of a synthetic spine."""
