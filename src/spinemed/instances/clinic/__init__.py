"""Consultations and six-section reports, true by the findings of a study."""

from spinemed.instances.clinic.consultation import consultation
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.gate import checked
from spinemed.instances.clinic.join import ask_clinic, wanted_pictures
from spinemed.instances.clinic.lint import lint
from spinemed.instances.clinic.report import SECTIONS, parse_sections, report

__all__ = [
    "SECTIONS",
    "Draft",
    "ask_clinic",
    "checked",
    "consultation",
    "lint",
    "parse_sections",
    "report",
    "wanted_pictures",
]
