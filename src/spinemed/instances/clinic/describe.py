"""Sentences of findings: what is abnormal, like findings gathered in one sentence, and what is normal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Final

from spinemed.instances.clinic.problem import Part, is_abnormal, part_of
from spinemed.instances.clinic.wording import Style, runs_of, say, several, term
from spinemed.levels import Level, Site
from spinemed.records import Finding, Pathology

ROMAN: Final = ("0", "I", "II", "III", "IV", "V")
_LISTED: Final[frozenset[Pathology]] = frozenset(
    {"disc_degeneration", "modic_change", "osteophyte", "bridging", "screws", "endplate_defect", "cage",
     "fracture", "metastasis", "spondylodiscitis", "cord_signal", "pars_defect"}
)  # fmt: skip
"""Pathologies of which several sites with one grade share a sentence."""
_PAIRED: Final = ("recess_stenosis", "foraminal_stenosis")
_SEVERITY: Final = ("none", "mild", "moderate", "severe")
_NORMAL_ORDER: Final[tuple[Pathology, ...]] = (
    "fracture", "height_loss", "metastasis", "spondylodiscitis", "slip", "pars_defect", "herniation",
    "canal_stenosis", "recess_stenosis", "foraminal_stenosis", "cord_signal", "disc_degeneration",
    "modic_change", "endplate_defect", "osteophyte", "bridging",
)  # fmt: skip
_WHOLE: Final = ("fracture", "height_loss")
"""What is denied only in vertebrae that are seen whole."""
_SCATTERED: Final = ("osteophyte", "bridging")
"""What slices beside a curved spine show at single levels: a dialogue denies it of a whole run alone."""
_NARROW: Final = ("moderate", "severe")
_CURVES: Final = ("thoracic_kyphosis", "lumbar_lordosis")


def by_level(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings from the head down; at one place vertebrae stand before segments."""
    return sorted(findings, key=lambda one: _place(one.site))


@cache
def _place(site: str) -> tuple[int, bool]:
    return Site.parse(site).upper.order, "-" in site


def grouped(findings: Sequence[Finding]) -> list[tuple[Finding, ...]]:
    """Return findings in their order, those that may share a sentence gathered at the first of them."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        groups.setdefault(_group(one), []).append(one)
    return [tuple(by_level(group)) for group in groups.values()]


def _group(one: Finding) -> tuple[str, ...]:
    """Return what findings of one sentence have in common; both sides of a narrow exit share one."""
    if one.pathology == "canal_stenosis":
        # Narrowing beside the cord is told apart from that of the lumbar canal, which has another plan.
        return one.pathology, one.grade, str(is_lumbar(one))
    if one.pathology in _LISTED:
        return one.pathology, one.grade, one.side or "", one.detail
    if one.pathology in _PAIRED:
        return one.pathology, one.grade, one.site
    return one.pathology, one.id


def sentence(group: Sequence[Finding], style: Style, key: str, moving: Collection[str] = ()) -> str:
    """Return the sentence of one group of abnormal findings.

    The slips at the sites `moving` differ between positions: their range is told elsewhere, so no size is.
    """
    first = group[0]
    name = f"finding.{phrase_name(first)}"
    fields = fields_of(group, style, key)
    if first.pathology == "slip" and first.site in moving:
        fields["size"] = ""
    return say(name, style.language, f"{key}:{first.site}:{first.side}", fields)


def phrase_name(finding: Finding) -> str:
    """Return the name of a finding's phrase without its prefix."""
    if finding.pathology == "fracture":
        name = f"fracture_{finding.detail}" if finding.detail in ("fresh", "old") else "fracture"
        if name == "fracture_fresh" and finding.grade in ("A3", "A4"):
            return "fracture_fresh_burst"
        return name if finding.grade else f"{name}_untyped"
    if finding.pathology == "herniation" and (is_central(finding)):
        return "herniation_central"
    if finding.pathology == "slip" and (finding.detail == "retrolisthesis" or (finding.value or 0) < 0):
        return "retrolisthesis"
    if finding.pathology == "slip" and not finding.detail:
        return "slip_plain"
    if finding.pathology == "height_loss" and not finding.detail:
        return "height_loss_plain"
    if finding.pathology == "metastasis" and not finding.grade:
        return "metastasis_untyped"
    if finding.pathology == "modic_change" and not finding.grade:
        return "endplate_signal"
    if finding.pathology in _PAIRED and not is_lumbar(finding):
        return "paracentral" if finding.pathology == "recess_stenosis" else "foraminal_plain"
    return f"transitional_{finding.grade}" if finding.pathology == "transitional" else finding.pathology


def is_lumbar(finding: Finding) -> bool:
    """Return whether a finding lies where lateral recesses are named and Lee's grades apply."""
    return Site.parse(finding.site).region == "lumbar"


def _zone(finding: Finding) -> str:
    """Return the zone of a herniation: above the lumbar spine none is called after the articular process."""
    return "paracentral" if finding.detail == "subarticular" and not is_lumbar(finding) else finding.detail


def is_central(finding: Finding) -> bool:
    """Return whether a herniation lies on the midline or has no side."""
    return finding.detail == "central" or finding.side not in ("left", "right")


def fields_of(group: Sequence[Finding], style: Style, key: str) -> dict[str, str]:
    """Return the fields that the phrases of findings may use."""
    first = group[0]
    sites = list(dict.fromkeys(one.site for one in group))
    fields = {
        "level": style.sites(sites),
        "several": several(sites),
        "ao": first.grade,
        "genant": first.grade,
        "lee": first.grade,
        "modic": first.grade,
        "pfirrmann": _roman(first.grade),
        "meyerding": _roman(first.grade),
        "apex": style.site(first.site),
        "cobb": number(first.value),
        "angle": number(first.value),
    }
    words = {
        "form": first.detail,
        "severity": _SEVERITY[int(first.grade)]
        if first.grade.isdigit() and int(first.grade) < 4
        else first.grade,
        "kind": first.grade,
        "zone": _zone(first),
        "cause": first.detail,
        "bone": first.grade,
        "endplate": first.detail,
    }
    fields |= {name: _word(word, style) for name, word in words.items()}
    fields["side"] = _side(group, style)
    if first.extent is not None:
        fields["first"], fields["last"] = (style.site(end) for end in first.extent)
    # What little is lost is left out of a picture, not of a text that tells it.
    tells_depth = first.grade != "mild" or is_of_text(first)
    fields |= {
        # Behind the posterior wall is not where a foraminal herniation lies.
        "reach": _measured("" if first.detail == "foraminal" else "reach", first, style, key),
        "depth": _measured("depth" if len(sites) == 1 and tells_depth else "", first, style, key),
        "size": _measured(_SIZES.get(phrase_name(first), ""), first, style, key),
    }
    return fields


_SIZES: Final = {
    "height_loss": "loss",
    "height_loss_plain": "loss",
    "slip": "slip",
    "slip_plain": "slip",
    "retrolisthesis": "back",
}


def normal_sentences(
    findings: Sequence[Finding],
    style: Style,
    key: str,
    every: Sequence[Finding],
    within: Part | None = None,
    near: Sequence[Level] | None = None,
) -> list[str]:
    """Return what is normal among findings, a sentence for each pathology; curves with their angle.

    `every` are the findings of the whole case: what is altered there is not called normal here. `within`
    keeps the sites of one part of the back. `near` leaves out what is denied of a single site, and of none
    beside these vertebrae (any, where there are none): in a dialogue it would stand there by chance.
    """
    sentences: list[str] = []
    altered, whole = _altered(every), vertebrae_seen(findings)
    curved = any(one.pathology == "scoliosis" and one.present for one in every)
    told: dict[Pathology, list[str]] = {}
    for pathology in _NORMAL_ORDER:
        sites = [
            site for site in _normal_sites(findings, pathology) if site not in altered.get(pathology, ())
        ]
        sites = [site for site in sites if within in (None, part_of(site))]
        if pathology in _WHOLE:
            sites = [site for site in sites if site in whole]
        if near is not None and not _is_worth_denying(sites, near):
            continue
        if near is not None and curved and pathology in _SCATTERED and not _is_one_run(sites):
            continue
        # Two lists of vertebrae that differ puzzle: the loss of height is denied with the fracture, unless a
        # text tells both.
        differ = pathology == "height_loss" and told.get("fracture", sites) != sites
        if sites and (not differ or any(map(is_of_text, findings))):
            told[pathology] = sites
            fields = {"level": style.sites(sites, denied=True)}
            sentences.append(say(f"normal.{pathology}", style.language, f"{key}:{pathology}", fields))
    for one in findings:
        if (
            one.pathology in _CURVES
            and not is_abnormal(one)
            and one.extent is not None
            and one.value is not None
        ):
            fields = fields_of((one,), style, key)
            sentences.append(say(f"normal.{one.pathology}", style.language, key, fields))
        elif one.pathology == "scoliosis" and not one.present:
            sentences.append(say("normal.scoliosis", style.language, key))
    return sentences


def _is_worth_denying(sites: Sequence[str], near: Sequence[Level]) -> bool:
    """Return whether several sites are denied, one of them at or beside given vertebrae, if any are given."""
    levels = [Level(level) for site in sites for level in site.split("-")]
    beside = any(abs(level.order - other.order) <= 1 for level in levels for other in near)
    return len(sites) > 1 and (beside or not near)


def _is_one_run(sites: Sequence[str]) -> bool:
    """Return whether at least three sites follow each other, with none beside them."""
    return len(sites) > 2 and len(runs_of(sites)) == 1


def _altered(every: Sequence[Finding]) -> dict[Pathology, set[str]]:
    """Return the sites that are not called normal, because something else there has changed them."""
    there = {
        name: {one.site for one in every if one.pathology == name and is_abnormal(one)}
        for name in ("fracture", "height_loss", "cage", "screws", "slip", "bridging")
    }
    screwed = {level for site in there["screws"] for level in site.split("-")[:1]}
    fused = there["cage"] | {
        one.site for one in every if "-" in one.site and screwed.issuperset(one.site.split("-"))
    }
    if any(one.pathology == "transitional" and one.grade == "L5_sacralised" for one in every):
        fused = fused | {"L5-S1"}
    broken = there["fracture"] | there["height_loss"]
    # What narrows the canal from the front looks like a herniation, be it one or not.
    # A text has told the two apart.
    narrow = {one.site for one in every if one.pathology == "canal_stenosis" and one.grade in _NARROW}
    narrow = set() if any(map(is_of_text, every)) else narrow
    return {
        "fracture": broken,
        "height_loss": broken,
        "bridging": fused,
        "osteophyte": {level for site in there["bridging"] for level in site.split("-")},
        "herniation": fused | narrow,
        "disc_degeneration": fused,
        "slip": there["slip"],
    }


def vertebrae_seen(findings: Sequence[Finding]) -> list[str]:
    """Return the vertebrae that are wholly in view, from the head down."""
    return sorted({one.site for one in findings if one.pathology == "vertebra"}, key=_place)


def has_four_lumbar(findings: Sequence[Finding]) -> bool:
    """Return whether the spine is stated to have four lumbar vertebrae, no L5."""
    return any(one.pathology == "transitional" and one.grade == "L4_only" for one in findings)


def number(value: float | None) -> str:
    """Return a measured number as texts print it: rounded, without its sign.

    >>> number(31.4), number(-7.6)
    ('31', '8')
    """
    return "" if value is None else str(round(abs(value)))


def _normal_sites(findings: Sequence[Finding], pathology: Pathology) -> list[str]:
    """Return the sites where a pathology was looked for and is absent, on both sides where it has sides."""
    stated = [one for one in findings if one.pathology == pathology]
    there = {one.site for one in stated if is_abnormal(one)}
    free = {one.site for one in stated if not one.present or one.grade in ("none", "0", "1")} - there
    if pathology in ("recess_stenosis", "foraminal_stenosis"):
        free = {site for site in free if len({one.side for one in stated if one.site == site}) == 2}
        free -= {one.site for one in stated if one.grade not in ("none", "0")}
    if pathology == "recess_stenosis":
        free = {site for site in free if Site.parse(site).region == "lumbar"}
    if pathology not in ("disc_degeneration",):
        free -= {one.site for one in stated if one.present}
    return [one.site for one in by_level([_first(stated, site) for site in free])]


def _first(findings: Sequence[Finding], site: str) -> Finding:
    return next(one for one in findings if one.site == site)


def is_of_text(finding: Finding) -> bool:
    """Return whether a text states a finding, which has no place in a picture then."""
    box = finding.evidence.box
    return box.left == box.right


def _measured(name: str, finding: Finding, style: Style, key: str) -> str:
    # A number without a unit is one that rules know and the report at hand does not tell.
    if not name or finding.value is None or not finding.unit or number(finding.value) == "0":
        return ""
    return say(f"part.{name}", style.language, key, {"number": number(finding.value)})


def _side(group: Sequence[Finding], style: Style) -> str:
    sides = {one.side for one in group} & {"left", "right", "both"}
    if not sides:
        return ""
    # A curve is convex "to the left" and 凸向左侧; both languages use the plain side word.
    return term("both" if len(sides) > 1 else str(sides.pop()), style.language)


def _word(name: str, style: Style) -> str:
    try:
        return term(name, style.language)
    except KeyError:
        return name


def _roman(grade: str) -> str:
    return ROMAN[int(grade)] if grade.isdigit() and int(grade) < len(ROMAN) else grade
