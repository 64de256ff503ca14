"""What needs action beside the leading finding: one sentence each in plan and report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Final, NamedTuple

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.describe import by_level, is_lumbar
from spinemed.instances.clinic.problem import FAR_SLIP, HIGH_SLIP, Problem, severity
from spinemed.levels import Level, Site
from spinemed.records import Finding

BONE_AGE: Final = 50
"""From this age an old fracture asks for a measurement of bone density."""
BENT_AGE: Final = 60
"""From this age a larger kyphosis does so too."""
YOUNG: Final = 40
"""Below this age several wedged vertebrae or Schmorl nodes make one think of Scheuermann disease."""
GROWN_UP: Final = 18
"""From this age nothing is said of the growth that is left."""
SCHEUERMANN_BODIES: Final = 3
"""Vertebrae with a wedge or a Schmorl node from which they are several (Sorensen 1964: three)."""
KYPHOSIS_ENDS: Final = ("T4", "T12")
"""Vertebrae between which a thoracic kyphosis is measured where its finding does not say."""
SURGICAL_KYPHOSIS_DEG: Final = 70.0
"""From this thoracic kyphosis a spine surgeon is asked."""
FLAT_BACK_DEG: Final = 30.0
"""Standing lordosis below which the back counts as flat after a long lumbar fusion."""
LONG_FUSION: Final = 4
"""Lumbar and sacral vertebrae with implants from which a fusion is long."""
SURGICAL: Final = frozenset(
    {"cord", "cord_back", "conus", "stenosis", "slip_high", "slip_isthmic", "slip_beside", "kyphosis_large",
     "fracture_fresh", "fracture_implant", "infection_implant", "slip_unknown"}
)  # fmt: skip
"""Needs that a spine surgeon judges, so that no plan says beside them that no operation is needed."""
_OF_CORD: Final = ("myelopathy", "stenosis")
"""Leads whose own plan gives the canal room."""
_DISCS_BESIDE: Final = 2
"""Discs of a vertebra."""
MOVING_POINTS: Final = 10
"""Percentage points between positions from which a slip is told as changing."""


class Need(NamedTuple):
    """What has to be done besides, and where: `also.<name>` is its phrase."""

    name: str
    sites: tuple[str, ...]


def further_needs(problem: Problem, age: int, osteoporotic: bool = False) -> tuple[Need, ...]:
    """Return what needs action besides the leading problem, the most urgent first.

    Where osteoporosis is known, an old fracture does not ask for a measurement of bone density.
    """
    rest = by_level([one for one in problem.found if not _is_of_lead(one, problem)])
    needs = [
        Need(name, tuple(dict.fromkeys(one.site for one in rest if asks(one))))
        for name, asks in _NEEDS.items()
        if name != "fracture_old" or age >= BONE_AGE
    ]
    if osteoporotic:
        needs = [need._replace(name="fracture_old_known") if need.name == "fracture_old" else need
                 for need in needs]  # fmt: skip
    if problem.lead == "myelopathy":
        needs = [need._replace(name="cord_more") if need.name == "cord" else need for need in needs]
    needs = _beside_implants(_beside_tumour(needs, problem), problem)
    covered = {site for need in needs for site in need.sites} | set(problem.sites)
    needs.append(Need(_why_collapsed(problem, age), _collapsed(rest, covered)))
    needs += _of_kyphosis(problem, age, osteoporotic)
    told = {site for need in needs if need.name.startswith("slip") for site in need.sites}
    unknown = dict.fromkeys(one.site for one in by_level(problem.found) if _is_unexplained_slip(one))
    needs.append(Need("slip_unknown", tuple(site for site in unknown if site not in told)))
    return tuple(need for need in needs if need.sites)


def cord_beside_tumour(problem: Problem) -> tuple[str, ...]:
    """Return where a leading metastasis lies beside a cord or conus that is harmed or has little room."""
    if problem.lead != "metastasis":
        return ()
    tumours = {one.site for one in problem.found if one.pathology == "metastasis"}
    harmed = [one for one in by_level(problem.found) if _is_above_cauda(one)]
    return tuple(dict.fromkeys(one.site for one in harmed if tumours & set(one.site.split("-"))))


def _beside_tumour(needs: Sequence[Need], problem: Problem) -> list[Need]:
    """Return the needs with the cord beside a leading metastasis first, as one of its own."""
    urgent = cord_beside_tumour(problem)
    rest = [Need(name, tuple(site for site in sites if site not in urgent)) for name, sites in needs]
    return [Need("cord_tumour", urgent), *rest]


def _beside_implants(needs: Sequence[Need], problem: Problem) -> list[Need]:
    """Return the needs with what lies at or next to implants: slips, since the segment beside a fusion
    has worn, fresh fractures, which may have loosened them, and infections, which may sit on them.
    """
    held = _held(problem)
    broken = [one.site for one in by_level(problem.found) if _is_fracture("fresh")(one)]
    shaken = tuple(site for site in broken if any(is_at_or_beside(Level(site), level) for level in held))
    slips = [one.site for one in by_level(problem.found) if one.pathology == "slip"]
    beside = tuple(site for site in slips if held and _is_next_to(Site.parse(site), min(held), max(held)))
    kept = [need._replace(sites=tuple(site for site in need.sites if site not in beside))
            if need.name == "slip_isthmic" else need for need in needs]  # fmt: skip
    infected = Need("infection_implant", infected_implants(problem))
    return [infected, *kept, Need("fracture_implant", shaken), Need("slip_beside", beside)]


def infected_implants(problem: Problem) -> tuple[str, ...]:
    """Return the infected segments with an end at or next to what implants hold; () without such."""
    held = _held(problem)
    found = [one.site for one in by_level(problem.found) if one.pathology == "spondylodiscitis"]
    return tuple(
        site
        for site in dict.fromkeys(found)
        if any(is_at_or_beside(Level(end), level) for end in site.split("-") for level in held)
    )


def _held(problem: Problem) -> list[Level]:
    """Return the vertebrae that cages and screws hold."""
    metal = [one for one in problem.found if one.pathology in ("cage", "screws")]
    return [Level(level) for one in metal for level in one.site.split("-")]


@cache
def is_at_or_beside(one: Level, other: Level) -> bool:
    """Return whether two vertebrae are the same or neighbours; T13 and L6 may be there or not."""
    upper, lower = sorted((one, other))
    between = [level for level in Level if upper < level < lower and level not in (Level.T13, Level.L6)]
    return not between


def _is_next_to(segment: Site, first: Level, last: Level) -> bool:
    """Return whether a segment is the one above or below a construct from one vertebra to another."""
    return segment.lower is first or segment.upper is last


def is_like_scheuermann(problem: Problem, age: int) -> bool:
    """Return whether several vertebrae of a young patient are wedged or have Schmorl nodes."""
    wedged = {one.site for one in problem.found if one.pathology == "height_loss" and one.detail == "wedge"}
    nodes = {one.site for one in problem.found if one.pathology == "endplate_defect"}
    return age < YOUNG and len(wedged | nodes) >= SCHEUERMANN_BODIES


def _why_collapsed(problem: Problem, age: int) -> str:
    """Return the name of the need to explain a loss of height: what comes to mind first."""
    if any(one.pathology == "metastasis" for one in problem.found):
        return "height_loss_tumour"
    bent = any(one.pathology == "thoracic_kyphosis" for one in problem.found)
    return "height_loss_young" if is_like_scheuermann(problem, age) and not bent else "height_loss"


def _of_kyphosis(problem: Problem, age: int, osteoporotic: bool) -> list[Need]:
    """Return what an increased kyphosis asks for: a surgeon, bone density, or the thought of its cause."""
    bent = [one for one in problem.found if one.pathology == "thoracic_kyphosis"]
    sites = tuple(one.site for one in bent[:1])
    large = bool(bent) and (bent[0].value or 0.0) >= SURGICAL_KYPHOSIS_DEG
    measured = any(one.pathology == "fracture" and one.detail == "old" for one in problem.found)
    alike = sites if is_like_scheuermann(problem, age) else ()
    return [
        Need("kyphosis_large", sites if large else ()),
        Need("kyphosis_young" if age < GROWN_UP else "kyphosis_adult", alike),
        Need("kyphosis_bone", sites if age >= BENT_AGE and not (osteoporotic or measured) else ()),
    ]


def by_film(needs: Sequence[Need], facts: CaseFacts) -> tuple[Need, ...]:
    """Return the needs, with the bone density of a bent back told as where films alone show its vertebrae.

    They do where no CT or MRI states fracture or height of a vertebra that the kyphosis is measured over,
    and not all of these vertebrae have their height stated. A document tells what its reader saw.
    """
    bent = next((one for one in facts.findings if one.pathology == "thoracic_kyphosis"), None)
    if bent is None or facts.study.text:
        return tuple(needs)
    first, last = map(Level, bent.extent or KYPHOSIS_ENDS)
    films = {series.uid for series in facts.study.series if series.modality == "XR"}
    measured = [level for level in Level if first <= level <= last and level is not Level.T13]
    told = [one for one in facts.findings if one.pathology in ("fracture", "height_loss")]
    told = [one for one in told if Level(one.site) in measured]
    whole = {Level(one.site) for one in told}.issuperset(measured)
    if whole or any(one.evidence.series not in films for one in told):
        return tuple(needs)
    return tuple(need._replace(name="kyphosis_film") if need.name == "kyphosis_bone" else need
                 for need in needs)  # fmt: skip


def _is_unexplained_slip(one: Finding) -> bool:
    """Return whether a vertebra has slipped forward to grade II without a known cause."""
    forward = one.pathology == "slip" and not one.detail and (one.value or 0.0) > 0
    return forward and FAR_SLIP <= severity(one) < HIGH_SLIP


def _collapsed(findings: Sequence[Finding], covered: Collection[str]) -> tuple[str, ...]:
    """Return the vertebrae that have lost much height while nothing else is done about them."""
    lost = [one for one in findings if one.pathology == "height_loss" and one.grade in ("2", "3")]
    return tuple(dict.fromkeys(one.site for one in lost if one.site not in covered))


def other_narrow_levels(problem: Problem) -> tuple[str, ...]:
    """Return the narrow lumbar levels beside those that a leading stenosis is operated at."""
    narrow = [one.site for one in by_level(problem.others) if _is_narrow_lumbar(one)]
    if problem.lead != "stenosis":
        return ()
    return tuple(dict.fromkeys(site for site in narrow if site not in problem.sites))


def _is_narrow_lumbar(one: Finding) -> bool:
    narrow = one.pathology == "canal_stenosis" and one.grade in ("moderate", "severe")
    aside = one.pathology == "recess_stenosis" and one.grade == "severe"
    return is_lumbar(one) and (narrow or aside)


def moving_slips(facts: CaseFacts) -> dict[str, tuple[int, int]]:
    """Return site -> least and largest slip in percent, for slips that change between positions."""
    values: dict[str, list[float]] = {}
    for one in facts.findings:
        if one.pathology == "slip" and one.present and one.value is not None:
            values.setdefault(one.site, []).append(one.value)
    ranges = {site: (round(min(found)), round(max(found))) for site, found in values.items()}
    return {
        site: (low, high) for site, (low, high) in ranges.items() if high - low >= MOVING_POINTS and low >= 0
    }


def still_slip(facts: CaseFacts, site: str) -> str:
    """Return "stable" where films in flexion and extension both measure a slip alike, "unmeasured" where one
    of them does not measure it; "" without a pair of such lateral films, or where the slip moves.

    Of a document count the numbers that it tells; what it does not tell nobody could measure or not.
    """
    used = {one.evidence.series for one in facts.findings}
    bent = {
        posture: {
            series.uid
            for series in facts.study.series
            if series.posture == posture and series.modality == "XR" and "LAT" in series.view
        }
        & used
        for posture in ("flexion", "extension")
    }
    if not all(bent.values()):
        return ""
    slips = [one for one in facts.findings if (one.pathology, one.site) == ("slip", site)]
    slips = [one for one in slips if one.unit or not facts.study.text]
    values = [
        [one.value for one in slips if one.evidence.series in uids and one.value is not None]
        for uids in bent.values()
    ]
    if not all(values):
        return "" if facts.study.text else "unmeasured"
    flat = [value for each in values for value in each]
    return "stable" if max(flat) - min(flat) < MOVING_POINTS else ""


def free_canal(problem: Problem, findings: Sequence[Finding]) -> list[Finding]:
    """Return what findings say of the canal where it is free at a leading slip or fracture, [] elsewhere.

    It decides about both, so that a text tells it before all else that is normal. At a fracture it is free
    where it is so at both discs of every broken vertebra.
    """
    canal = [one for one in findings if one.pathology == "canal_stenosis"]
    led = problem.finding
    if led is None or led.pathology not in ("slip", "fracture"):
        return []
    open_at = {one.site for one in canal if not one.present} - {one.site for one in canal if one.present}
    if led.pathology == "slip":
        return canal if problem.site in open_at else []
    beside = [sum(level in site.split("-") for site in open_at) for level in problem.sites]
    return canal if min(beside) == _DISCS_BESIDE else []


def flat_back(facts: CaseFacts) -> tuple[str, ...]:
    """Return what a long lumbar fusion holds where a document tells little lordosis in standing, else ()."""
    held = [one.site for one in facts.findings if one.present and one.pathology in ("cage", "screws")]
    levels = sorted({Level(level) for site in held for level in site.split("-")})
    lumbar = tuple(level.value for level in levels if level >= Level.L1)
    flat = any(
        one.pathology == "lumbar_lordosis"
        and one.posture == "standing"
        and (one.value or 0.0) < FLAT_BACK_DEG
        for one in facts.findings
    )
    return lumbar if facts.study.text and flat and len(lumbar) >= LONG_FUSION else ()


def _is_of_lead(one: Finding, problem: Problem) -> bool:
    """Return whether the leading plan covers a finding: at its site, or of its kind at its sites.

    The plan of a root, a disc or a painful back does not cover the cord or the conus at its own level, nor
    that of a worn disc a slip there.
    """
    lead = problem.finding
    if lead is None or (problem.lead not in _OF_CORD and _is_above_cauda(one)):
        return False
    if problem.lead == "degeneration" and one.pathology == "slip":
        return False
    return one.site == lead.site or (one.pathology == lead.pathology and one.site in problem.sites)


def _is_at_cord(first: Level, last: Level) -> Callable[[Finding], bool]:
    """Return a test for what narrows or harms the cord or the conus between two vertebrae.

    Beside the cord a narrow side of the canal counts by the canal, which is stated with it.
    """

    def asks(one: Finding) -> bool:
        narrow = one.pathology == "canal_stenosis" and one.grade in ("moderate", "severe")
        aside = one.pathology == "recess_stenosis" and one.grade == "severe" and is_lumbar(one)
        there = narrow or aside or one.pathology == "cord_signal"
        return there and first <= Site.parse(one.site).upper <= last

    return asks


_is_above_cauda: Final = _is_at_cord(Level.C1, Level.L1)


def _is_fracture(age: str) -> Callable[[Finding], bool]:
    return lambda one: one.pathology == "fracture" and one.detail == age


_NEEDS: Final[dict[str, Callable[[Finding], bool]]] = {
    "metastasis": lambda one: one.pathology == "metastasis",
    "fracture_fresh": _is_fracture("fresh"),
    "cord": _is_at_cord(Level.C1, Level.C7),
    "cord_back": _is_at_cord(Level.T1, Level.T11),
    "conus": _is_at_cord(Level.T12, Level.L1),
    "stenosis": lambda one: (
        one.pathology == "canal_stenosis" and one.grade == "severe" and Site.parse(one.site).upper >= Level.L2
    ),
    "fracture_unknown": _is_fracture(""),
    "slip_high": lambda one: one.pathology == "slip" and severity(one) >= HIGH_SLIP,
    "slip_isthmic": lambda one: (
        one.pathology == "slip" and one.detail == "isthmic" and severity(one) < HIGH_SLIP
    ),
    "fracture_old": _is_fracture("old"),
}
