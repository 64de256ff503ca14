"""What leads a case: the one finding that the consultation and the impression are about, and the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, Literal, get_args

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.dermatomes import root_hit
from spinemed.instances.clinic.remembered import remembered
from spinemed.levels import Level, Site
from spinemed.records import Finding, Pathology, Record, Side

Lead = Literal[
    "discitis",
    "metastasis",
    "injury",
    "fragility",
    "myelopathy",
    "scoliosis",
    "herniation",
    "cervical_herniation",
    "stenosis",
    "central_herniation",
    "isthmic_slip",
    "root_stenosis",
    "slip",
    "kyphosis",
    "ankylosing",
    "old_fracture",
    "postoperative",
    "transitional",
    "degeneration",
    "normal",
]
Part = Literal["neck", "upper", "mid", "lower"]
THORACIC: Final[tuple[Part, ...]] = ("upper", "mid")
"""The parts of the back where the cord lies."""

LEADS: Final[tuple[Lead, ...]] = get_args(Lead)
KYPHOSIS_DEG: Final = 50.0
"""Thoracic kyphosis above the usual range of 30 to 50 degrees (shared/design phantom facts, section 1.3)."""
PFIRRMANN_DEGENERATED: Final = 3
"""From this Pfirrmann grade a disc is called degenerated (Pfirrmann 2001: grey, unclear border)."""
FRAGILE_AGE: Final = 60
"""From this age a fresh compression or burst fracture is told as one of fragile bone; the history says so."""
FAR_SLIP: Final = 2000
"""Severity of a slip of Meyerding grade II."""
HIGH_SLIP: Final = 3000
"""Severity of a slip of Meyerding grade III: more than half of the vertebra below."""

_MEASURES: Final[frozenset[Pathology]] = frozenset({"vertebra", "vertebra_in_part", "lumbar_lordosis"})
_WORST: Final[dict[str, int]] = {
    "mild": 1, "moderate": 2, "severe": 3, "protrusion": 1, "extrusion": 2,
    "A1": 1, "A2": 2, "A3": 3, "A4": 4, "B1": 5, "B2": 6, "B3": 7, "C": 8,
}  # fmt: skip
# Standing and lying images first; angles in flexion and extension do not lead a case.
_POSTURES: Final = ("standing", "lying", "unknown", "flexion", "extension")


class Problem(Record):
    """The leading problem with its finding (None for a normal study), and all other abnormal findings.

    `root` is the compressed root, "" where none is sure. `part` is where the pain is.
    """

    lead: Lead
    finding: Finding | None
    others: tuple[Finding, ...]
    part: Part
    root: str = ""
    side: Side | None = None

    @property
    def site(self) -> str:
        """Return the site of the leading finding, "" for a normal study."""
        return "" if self.finding is None else self.finding.site

    @property
    def found(self) -> tuple[Finding, ...]:
        """Return all abnormal findings, the leading one first."""
        return self.others if self.finding is None else (self.finding, *self.others)

    @property
    def sites(self) -> tuple[str, ...]:
        """Return the sites that the same diagnosis and plan are for, from the head down; () if normal."""
        lead = self.finding
        if lead is None:
            return ()
        alike = [one for one in self.found if self.lead in _TOGETHER and _is_alike(one, lead)]
        sites = dict.fromkeys(one.site for one in (lead, *alike))
        return tuple(sorted(sites, key=lambda site: Site.parse(site).upper.order))


def is_abnormal(finding: Finding) -> bool:
    """Return whether a finding is a departure from normal that a report must name."""
    if not finding.present or finding.grade in ("none", "0") or finding.pathology in _MEASURES:
        return False
    if finding.pathology == "disc_degeneration":
        return int(finding.grade or 0) >= PFIRRMANN_DEGENERATED
    if finding.pathology == "thoracic_kyphosis":
        return (finding.value or 0.0) > KYPHOSIS_DEG
    return True


def severity(finding: Finding) -> float:
    """Return how bad a finding is among its pathology: its grade, and its value within the grade."""
    grade = float(finding.grade) if finding.grade.isdigit() else float(_WORST.get(finding.grade, 0))
    value = abs(finding.value or 0.0)
    # The canal's value is the depth that is left: less of it is worse.
    return 1000 * grade + (-value if finding.pathology == "canal_stenosis" else value)


def abnormal(facts: CaseFacts) -> tuple[Finding, ...]:
    """Return one abnormal finding for each site, side and pathology, the worst of a pathology first.

    Of a slip it is the largest over all positions, since that one decides.
    """
    best: dict[tuple[str, str, str, str], Finding] = {}
    for finding in sorted(facts.findings, key=lambda one: _POSTURES.index(one.posture)):
        detail = finding.detail if finding.pathology == "endplate_defect" else ""
        key = finding.pathology, finding.site, finding.side or "", detail
        known = best.get(key)
        if not is_abnormal(finding):
            continue
        if known is None or _says_more(finding, known):
            best[key] = finding
    lost = {one.site: one.value or 0.0 for one in best.values() if one.pathology == "height_loss"}

    def weight(one: Finding) -> tuple[float, Level]:
        """Fractures and metastases of one grade weigh by the height that their vertebra has lost."""
        collapse = lost.get(one.site, 0.0) if one.pathology in ("fracture", "metastasis") else 0.0
        return -severity(one) - collapse, Site.parse(one.site).upper

    return tuple(sorted(best.values(), key=weight))


def _says_more(finding: Finding, known: Finding) -> bool:
    """Return whether a finding of one posture says more: its detail first, then how far it stands out."""
    if finding.pathology == "slip" and severity(finding) != severity(known):
        return severity(finding) > severity(known)
    if known.posture != finding.posture:
        return False
    rank = [(bool(one.grade), bool(one.detail), one.contrast or 0.0) for one in (finding, known)]
    return rank[0] > rank[1]


def first_age(facts: CaseFacts) -> int | None:
    """Return the lowest age of the study's age band, None where it is unknown.

    >>> from spinemed.records import Study
    >>> study = Study(id="s", patient="p", source="x", licence="y", synthetic=True, numbering="unknown",
    ...               age_band="60-69", series=())
    >>> first_age(CaseFacts(study, ()))
    60
    """
    head = facts.study.age_band.split("-")[0]
    return int(head) if head.isdigit() else None


@remembered
def problem_of(facts: CaseFacts) -> Problem:
    """Return the leading problem: what is most dangerous first, then what explains symptoms best."""
    found = abnormal(facts)
    for lead in LEADS:
        rule = _RULES.get(lead)
        led = [one for one in found if rule is not None and rule(one, facts)]
        # Among the other wear an osteophyte is never what a text is about.
        led = [one for one in led if one.pathology != "osteophyte"] or led
        if lead == "degeneration":
            led.sort(key=_rank_of_wear)
        if led:
            # A fracture goes before the height that its vertebra has lost.
            broken = [one for one in led if one.site == led[0].site and one.pathology == "fracture"]
            finding = (broken or led)[0]
            others = tuple(one for one in found if one.id != finding.id)
            side = finding.side if lead != "scoliosis" else None
            return Problem(
                lead=lead,
                finding=finding,
                others=others,
                part=part_of(finding.site),
                root=root_hit(finding) if lead in _RADICULAR else "",
                side=side if side in ("left", "right") else None,
            )
    return Problem(lead="normal", finding=None, others=(), part=_seen_part(facts))


@cache
def part_of(site: str) -> Part:
    """Return which part of the back a site lies in: neck, upper (T1 to T7), mid (T8 to T11) or lower.

    >>> part_of("C7-T1"), part_of("T7"), part_of("T11"), part_of("T12")
    ('neck', 'upper', 'mid', 'lower')
    """
    upper = Site.parse(site).upper
    if upper <= Level.C7:
        return "neck"
    if upper <= Level.T7:
        return "upper"
    return "mid" if upper <= Level.T11 else "lower"


def _seen_part(facts: CaseFacts) -> Part:
    parts = [part_of(one.site) for one in facts.findings if one.pathology == "vertebra"]
    return max(("lower", "neck", "mid", "upper"), key=parts.count) if parts else "lower"


def _of(*pathologies: Pathology) -> Callable[[Finding, CaseFacts], bool]:
    return lambda one, _facts: one.pathology in pathologies


def _fresh(one: Finding) -> bool:
    return one.pathology == "fracture" and one.detail == "fresh"


def _is_fragile(one: Finding, facts: CaseFacts) -> bool:
    return _fresh(one) and one.grade[:1] in ("", "A") and (first_age(facts) or 0) >= FRAGILE_AGE


def is_injury(one: Finding, facts: CaseFacts) -> bool:
    """Return whether a finding is a fresh fracture that took a violent injury."""
    return _fresh(one) and not _is_fragile(one, facts)


def _is_cord_at_risk(one: Finding, _facts: CaseFacts) -> bool:
    cervical = part_of(one.site) == "neck"
    severe = one.pathology == "canal_stenosis" and one.grade == "severe"
    return cervical and (one.pathology == "cord_signal" or severe)


def _is_leading_curve(one: Finding, facts: CaseFacts) -> bool:
    """A curve leads in the young; in adults only where nothing compresses a nerve (it comes late)."""
    if one.pathology != "scoliosis":
        return False
    young = (first_age(facts) or 99) < 20
    return young or not any(_compresses(other, facts) for other in facts.findings if is_abnormal(other))


def _compresses(one: Finding, facts: CaseFacts) -> bool:
    rules = (_is_central_herniation, _is_stenosis, _is_isthmic, _is_root_stenosis)
    on_root = _is_lateral(one, "cervical") or (_is_lateral(one, "lumbar") and bool(root_hit(one)))
    return on_root or any(rule(one, facts) for rule in rules)


def _is_lateral(one: Finding, region: str) -> bool:
    lateral = one.detail in ("subarticular", "foraminal") and one.side in ("left", "right")
    return one.pathology == "herniation" and lateral and Site.parse(one.site).region == region


def _is_central_herniation(one: Finding, _facts: CaseFacts) -> bool:
    midline = one.detail == "central" or one.side not in ("left", "right")
    return one.pathology == "herniation" and midline and Site.parse(one.site).region == "lumbar"


def _is_leading_disc(one: Finding, facts: CaseFacts) -> bool:
    """A central herniation leads, but an isthmic slip of the young or from grade II on goes before it.

    Only one that narrows the canal severely, so that the bladder may be lost, goes before every slip.
    """
    if not _is_central_herniation(one, facts):
        return False
    narrow = [other for other in facts.findings if other.pathology == "canal_stenosis"]
    if any(other.site == one.site and other.grade == "severe" for other in narrow):
        return True
    young = (first_age(facts) or 99) < 20
    slips = [other for other in facts.findings if is_abnormal(other) and _is_isthmic(other, facts)]
    return not any(young or severity(other) >= FAR_SLIP for other in slips)


def _is_stenosis(one: Finding, facts: CaseFacts) -> bool:
    """A narrow canal leads unless a central herniation makes this narrowing or a worse one."""
    narrow = one.pathology == "canal_stenosis" and one.grade in ("moderate", "severe")
    if not narrow or Site.parse(one.site).region != "lumbar":
        return False
    by_disc = {
        other.site for other in facts.findings if is_abnormal(other) and _is_central_herniation(other, facts)
    }
    narrowed = [
        other for other in facts.findings if other.pathology == "canal_stenosis" and other.site in by_disc
    ]
    return one.site not in by_disc and all(severity(other) <= severity(one) for other in narrowed)


def _is_isthmic(one: Finding, facts: CaseFacts) -> bool:
    return _is_lumbar_slip(one, facts) and one.detail == "isthmic" and (one.value or 0.0) > 0


def _is_lumbar_slip(one: Finding, _facts: CaseFacts) -> bool:
    """A slip leads in the lumbar spine alone: its history is that of a low back."""
    return one.pathology == "slip" and Site.parse(one.site).region == "lumbar"


def _is_wear(one: Finding, facts: CaseFacts) -> bool:
    """Whatever is left leads as wear; a slip of the neck or the upper back does so only where it is alone."""
    rest = [other for other in facts.findings if is_abnormal(other) and other.pathology != "slip"]
    return one.pathology != "slip" or not rest


def _rank_of_wear(one: Finding) -> int:
    """Return 0 for a herniated disc, 1 for a canal with little room, 2 for all other wear."""
    narrow = one.pathology == "canal_stenosis" and one.grade in ("moderate", "severe")
    return 0 if one.pathology == "herniation" else 2 - narrow


def _is_root_stenosis(one: Finding, _facts: CaseFacts) -> bool:
    narrow = one.pathology in ("recess_stenosis", "foraminal_stenosis") and is_pressing(one)
    return narrow and one.side in ("left", "right") and bool(root_hit(one))


def _is_alike(one: Finding, lead: Finding) -> bool:
    """Return whether a finding shares the leading diagnosis; a fresh fracture does with fresh ones alone."""
    if {one.pathology, lead.pathology} <= {"fracture", "height_loss"}:
        return _fresh(one) == _fresh(lead) and (one.pathology == "fracture" or not _fresh(lead))
    if one.pathology != lead.pathology:
        return False
    # Narrowing beside the cord has another plan than that of the lumbar canal.
    lumbar = Site.parse(one.site).region == "lumbar"
    return one.pathology != "canal_stenosis" or (one.grade == lead.grade and lumbar)


_TOGETHER: Final[frozenset[Lead]] = frozenset(
    {"discitis", "metastasis", "injury", "fragility", "stenosis", "ankylosing", "old_fracture"}
)
"""Leads whose plan is for all findings of their kind, not for the leading one alone."""


def is_pressing(one: Finding) -> bool:
    """Return whether a finding presses on a root on its side: a lateral herniation, a narrow exit."""
    if one.pathology == "herniation":
        return one.detail in ("subarticular", "foraminal")
    recess = one.pathology == "recess_stenosis" and one.grade in ("moderate", "severe")
    return recess or (one.pathology == "foraminal_stenosis" and one.grade in ("2", "3"))


BENIGN: Final[frozenset[Lead]] = frozenset(
    {"cervical_herniation", "central_herniation", "slip", "kyphosis", "ankylosing", "old_fracture",
     "postoperative", "transitional", "degeneration", "normal"}
)  # fmt: skip
"""Leads whose history has no red flag, so that nothing dangerous may be hidden."""
_RADICULAR: Final = ("herniation", "cervical_herniation", "root_stenosis")
_RULES: Final[dict[Lead, Callable[[Finding, CaseFacts], bool]]] = {
    "discitis": _of("spondylodiscitis"),
    "metastasis": _of("metastasis"),
    "injury": is_injury,
    "fragility": _is_fragile,
    "myelopathy": _is_cord_at_risk,
    "scoliosis": _is_leading_curve,
    "herniation": lambda one, _facts: _is_lateral(one, "lumbar"),
    "cervical_herniation": lambda one, _facts: _is_lateral(one, "cervical"),
    "central_herniation": _is_leading_disc,
    "stenosis": _is_stenosis,
    "isthmic_slip": _is_isthmic,
    "root_stenosis": _is_root_stenosis,
    "slip": _is_lumbar_slip,
    "kyphosis": _of("thoracic_kyphosis"),
    "ankylosing": _of("bridging"),
    "old_fracture": _of("fracture", "height_loss"),
    "postoperative": _of("cage", "screws"),
    "transitional": _of("transitional"),
    "degeneration": _is_wear,
}


def largest_curves(problem: Problem) -> tuple[float, float]:
    """Return the largest thoracic and lumbar Cobb angle; apex T9 and above is thoracic (Schwab 2012)."""
    curves = [one for one in (problem.finding, *problem.others) if one is not None]
    angles = {True: 0.0, False: 0.0}
    for one in curves:
        if one.pathology == "scoliosis":
            thoracic = Site.parse(one.site).upper <= Level.T9
            angles[thoracic] = max(angles[thoracic], one.value or 0.0)
    return angles[True], angles[False]
