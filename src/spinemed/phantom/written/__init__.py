"""Written cases: synthetic patients as radiology reports, without pictures."""

from spinemed.phantom.written.case import SEEDS, SOURCE, Sentence, WrittenCase, written_case

__all__ = ["SEEDS", "SOURCE", "Sentence", "WrittenCase", "written_case"]
