"""Spinal metastasis: instability score (SINS), epidural compression (ESCC) and the NOMS framework."""

from __future__ import annotations

from typing import Literal

from spinemed.facts.planning.ruling import Ruling, Scored
from spinemed.levels import Level, Site

SinsRegion = Literal["junctional", "mobile", "semirigid", "rigid"]
SinsPain = Literal["mechanical", "occasional_not_mechanical", "none"]
SinsBone = Literal["lytic", "mixed", "blastic"]
SinsAlignment = Literal["subluxation", "deformity", "normal"]
SinsCollapse = Literal["over_50_percent", "under_50_percent", "none_but_over_50_percent_of_body", "none"]
SinsPosterolateral = Literal["bilateral", "unilateral", "none"]
SinsBand = Literal["stable", "potentially_unstable", "unstable"]
EsccGrade = Literal["0", "1a", "1b", "1c", "2", "3"]
TumourAct = Literal["conventional_radiotherapy", "radiosurgery", "decompress_and_stabilise_then_radiosurgery"]


class SinsScore(Scored):
    """SINS points 0 to 18, the band, and whether a surgeon is to be consulted (7 or more)."""

    band: SinsBand
    surgical_consultation: bool


class EsccBand(Ruling):
    """Low (0 to 1c) or high (2, 3) epidural compression."""

    grade: EsccGrade
    band: Literal["low", "high"]


class NomsPlan(Ruling):
    """What NOMS suggests for local control, and whether the spine needs stabilisation as well."""

    local_control: TumourAct
    stabilise: bool


def sins_region(site: Site | Level | str) -> SinsRegion:
    """Return the SINS location class of a vertebra C1 to S5."""
    raise NotImplementedError


def sins(
    site: Site | Level | str,
    pain: SinsPain,
    bone: SinsBone,
    alignment: SinsAlignment,
    collapse: SinsCollapse,
    posterolateral: SinsPosterolateral,
) -> SinsScore:
    """Return the SINS points of one lesion."""
    raise NotImplementedError


def escc_band(grade: EsccGrade) -> EsccBand:
    """Return whether an ESCC grade is low or high."""
    raise NotImplementedError


def noms(
    escc: EsccGrade, radiosensitive: bool, mechanically_unstable: bool, tolerates_surgery: bool = True
) -> NomsPlan:
    """Return the plan that NOMS suggests."""
    raise NotImplementedError
