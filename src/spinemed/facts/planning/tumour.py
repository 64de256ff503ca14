"""Spinal metastasis: instability score (SINS), epidural compression (ESCC) and the NOMS framework."""

from __future__ import annotations

from typing import Final, Literal, get_args

from spinemed.facts.planning.ruling import (
    Part,
    Ruling,
    Scored,
    claim,
    in_range,
    one_of,
    scored,
    sum_of,
    whole_number,
)
from spinemed.levels import Level, Site, site_of

SinsRegion = Literal["junctional", "mobile", "semirigid", "rigid"]
SinsPain = Literal["mechanical", "occasional_not_mechanical", "none"]
SinsBone = Literal["lytic", "mixed", "blastic"]
SinsAlignment = Literal["subluxation", "deformity", "normal"]
SinsCollapse = Literal["over_50_percent", "under_50_percent", "none_but_over_50_percent_of_body", "none"]
SinsPosterolateral = Literal["bilateral", "unilateral", "none"]
SinsBand = Literal["stable", "potentially_unstable", "unstable"]
EsccGrade = Literal["0", "1a", "1b", "1c", "2", "3"]
TumourAct = Literal["conventional_radiotherapy", "radiosurgery", "decompression_then_radiosurgery"]

_REGION_POINTS: Final[dict[SinsRegion, int]] = {"junctional": 3, "mobile": 2, "semirigid": 1, "rigid": 0}
_REGION_BOUNDS: Final[tuple[tuple[str, str, SinsRegion], ...]] = (
    ("C1", "C2", "junctional"),
    ("C3", "C6", "mobile"),
    ("C7", "T2", "junctional"),
    ("T3", "T10", "semirigid"),
    ("T11", "T12", "junctional"),
    ("L1", "L1", "junctional"),
    ("L2", "L4", "mobile"),
    ("L5", "L5", "junctional"),
    ("S1", "S1", "junctional"),
    ("S2", "S5", "rigid"),
)
_PAIN: Final[dict[SinsPain, int]] = {"mechanical": 3, "occasional_not_mechanical": 1, "none": 0}
_BONE: Final[dict[SinsBone, int]] = {"lytic": 2, "mixed": 1, "blastic": 0}
_ALIGNMENT: Final[dict[SinsAlignment, int]] = {"subluxation": 4, "deformity": 2, "normal": 0}
_COLLAPSE: Final[dict[SinsCollapse, int]] = {
    "over_50_percent": 3, "under_50_percent": 2, "none_but_over_50_percent_of_body": 1, "none": 0,
}  # fmt: skip
_POSTEROLATERAL: Final[dict[SinsPosterolateral, int]] = {"bilateral": 3, "unilateral": 1, "none": 0}


class SinsScore(Scored):
    """SINS points 0 to 18, the band, and whether a surgeon is to be consulted (7 or more)."""

    band: SinsBand
    surgical_consultation: bool


class EsccBand(Ruling):
    """Low (0 to 1c) or high (2, 3) epidural compression."""

    grade: EsccGrade
    band: Literal["low", "high"]


class NomsPlan(Ruling):
    """What NOMS suggests for local control, and whether instability asks for stabilisation as well."""

    local_control: TumourAct
    stabilise: bool


def _region_of_level(level: Level) -> SinsRegion:
    for first, last, region in _REGION_BOUNDS:
        if Level(first) <= level <= Level(last) and level not in (Level.T13, Level.L6):
            return region
    raise ValueError(f"SINS defines no location for {level.value}; pass C1 to S5 in the usual numbering")


def sins_region(site: Site | Level | str) -> SinsRegion:
    """Return the SINS location class of a vertebra C1 to S5, or of a segment inside one class.

    T13, L6 and the coccyx, which the paper does not define, and a segment between two classes (C2-C3) are a
    ValueError. Source: Fisher 2010.

    >>> sins_region("T11"), sins_region("L5-S1"), sins_region("S2")
    ('junctional', 'junctional', 'rigid')
    """
    place = site_of(site)
    regions = {_region_of_level(level) for level in (place.upper, place.lower) if level is not None}
    if len(regions) > 1:
        raise ValueError(
            f"{place} lies between two SINS classes ({', '.join(sorted(regions))}); pass the vertebra that "
            "carries the lesion"
        )
    return regions.pop()


def sins_collapse(height_loss_percent: float, body_involved_percent: float) -> SinsCollapse:
    """Return the SINS collapse class from the height lost and the share of the body that the lesion fills.

    Exactly 50 percent loss has no class in the paper and is a ValueError, as is exactly 50 percent
    involvement without a loss. Source: Fisher 2010.

    >>> sins_collapse(60, 80), sins_collapse(0, 80), sins_collapse(0, 20)
    ('over_50_percent', 'none_but_over_50_percent_of_body', 'none')
    """
    loss = in_range(height_loss_percent, 0, 100, "height_loss_percent")
    involved = in_range(body_involved_percent, 0, 100, "body_involved_percent")
    if loss == 50 or (loss == 0 and involved == 50):
        raise ValueError(
            f"height_loss_percent is {loss:g} and body_involved_percent {involved:g}: SINS gives exactly 50 "
            "to neither side; pass a value off the cut"
        )
    if loss > 0:
        return "over_50_percent" if loss > 50 else "under_50_percent"
    return "none_but_over_50_percent_of_body" if involved > 50 else "none"


def sins_band(total: int) -> SinsBand:
    """Return the band of a SINS total: 0 to 6 stable, 7 to 12 potentially unstable, 13 to 18 unstable.

    >>> [sins_band(total) for total in (6, 7, 12, 13)]
    ['stable', 'potentially_unstable', 'potentially_unstable', 'unstable']
    """
    whole_number(total, 0, 18, "total")
    if total <= 6:
        return "stable"
    return "potentially_unstable" if total <= 12 else "unstable"


def sins(
    site: Site | Level | str,
    pain: SinsPain,
    bone: SinsBone,
    alignment: SinsAlignment,
    collapse: SinsCollapse,
    posterolateral: SinsPosterolateral,
) -> SinsScore:
    """Return the SINS points (0 to 18) of one lesion, its band, and whether a surgeon is to be consulted.

    Every band is keyed; from 7 points a surgical consultation is due. Source: Fisher 2010.

    >>> score = sins("T12", "mechanical", "lytic", "deformity", "over_50_percent", "unilateral")
    >>> score.total, score.band, score.surgical_consultation
    (14, 'unstable', True)
    """
    region = sins_region(site)
    parts = (
        Part(name="location", value=f"{site_of(site)} ({region})", points=_REGION_POINTS[region]),
        scored("pain", pain, _PAIN),
        scored("bone", bone, _BONE),
        scored("alignment", alignment, _ALIGNMENT),
        scored("collapse", collapse, _COLLAPSE),
        scored("posterolateral", posterolateral, _POSTEROLATERAL),
    )
    total = sum_of(parts)
    return SinsScore(
        keyed=True,
        source="sins_2010",
        parts=parts,
        total=total,
        band=sins_band(total),
        surgical_consultation=total >= 7,
    )


def escc_band(grade: EsccGrade) -> EsccBand:
    """Return whether an ESCC grade is low (0 to 1c) or high (2, 3); 1c, which abuts the cord, is not keyed.

    Source: Bilsky 2006; the grades as read at radiopaedia.org, the doubt about 1c at thespinebook.com.

    >>> escc_band("2").band, escc_band("1c").keyed
    ('high', False)
    """
    one_of(grade, get_args(EsccGrade), "grade")
    band: Literal["low", "high"] = "high" if grade in ("2", "3") else "low"
    return EsccBand(keyed=grade != "1c", source="noms_2006", grade=grade, band=band)


def noms(
    escc: EsccGrade, radiosensitive: bool, mechanically_unstable: bool, tolerates_surgery: bool = True
) -> NomsPlan:
    """Return the plan that NOMS suggests: local control by N and O, stabilisation by M, if S allows.

    Radiosensitive tumours get conventional radiotherapy whatever the compression; resistant ones
    radiosurgery, after decompression where the compression is high grade. That surgery often needs a fixation
    also where the spine was stable (Laufer 2013), so no item tells the two apart by `stabilise`. Grade 1c of
    a resistant tumour is not keyed. A patient who tolerates no surgery but would need it is a ValueError:
    what comes instead was not checked against the primary source. Source: Bilsky 2006, abstract.

    >>> noms("3", radiosensitive=True, mechanically_unstable=False).local_control
    'conventional_radiotherapy'
    >>> noms("3", radiosensitive=False, mechanically_unstable=False).local_control
    'decompression_then_radiosurgery'
    """
    compression = escc_band(escc)
    stabilise = claim(mechanically_unstable, "mechanically_unstable")
    act: TumourAct = "radiosurgery"
    if claim(radiosensitive, "radiosensitive"):
        act = "conventional_radiotherapy"
    elif compression.band == "high":
        act = "decompression_then_radiosurgery"
    operation = stabilise or act == "decompression_then_radiosurgery"
    if operation and not claim(tolerates_surgery, "tolerates_surgery"):
        raise ValueError(
            "tolerates_surgery is False where NOMS asks for an operation; the alternative was not checked "
            "against the source, so ask for a case that tolerates surgery or needs none"
        )
    return NomsPlan(
        keyed=radiosensitive or compression.keyed,
        source="noms_2006",
        local_control=act,
        stabilise=stabilise,
    )
