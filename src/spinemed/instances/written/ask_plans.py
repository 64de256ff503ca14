"""Ideas about treatment: next steps, levels and sides of an operation, and which answers hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import combinations, product
from typing import Final, cast, get_args

from spinemed.facts.planning.deformity import idiopathic_scoliosis, risser_skeleton, schwab_pi_ll
from spinemed.facts.planning.disc import MotorDeficit, herniation_plan
from spinemed.facts.planning.extent import segment_fusion
from spinemed.facts.planning.slip import SlipSymptoms, slip_plan
from spinemed.facts.planning.stenosis import StenosisSymptoms, lumbar_stenosis_plan
from spinemed.instances.written.ask_levels import SIGN_ROOTS, form, pressed_root
from spinemed.instances.written.document import Document, Idea, unlike, vertebrae
from spinemed.instances.written.phrases import fits, sites_of
from spinemed.instances.written.stated import Facts, Said, site_rank
from spinemed.levels import Level

Fields = Mapping[str, str]
_MOTOR: Final[tuple[MotorDeficit, ...]] = get_args(MotorDeficit)
_REACHES: Final = (1, 2, 3)
_SLIGHT: Final = ("mild", "1")
"""Grades of a narrow recess or foramen that may irritate a root: no reason to treat it by itself."""
_MOST_SCREWS: Final = 16
_CAUDA: Final = "cauda"
_STATES: Final = (*get_args(StenosisSymptoms), "moderate_progressive", "severe_progressive", _CAUDA)
"""What a narrow canal may do: symptoms without a deficit, with one that grows worse, or a cauda equina."""
_NARROW: Final = ("mild", "moderate", "severe")


def herniation_acts(document: Document) -> Iterator[Idea]:
    """Yield what comes next for a stated lumbar herniation with signs and time added."""
    for key, one in document.single:
        if (
            one.finding.pathology == "herniation"
            and one.site[0] == "L"
            and not _is_beside_break(document, one.site)
        ):
            for sign, pain, weeks in product(("cauda", *_MOTOR), ("yes", "no"), (2, 4, 8, 10, 14)):
                fields = {"finding": key, "sign": sign, "pain": pain, "weeks": str(weeks)}
                plan = herniation_act(sign, pain == "yes", weeks)
                if plan and (pain == "yes" or sign == "none"):
                    yield Idea(fields, plan, (one,), (one.site,), key)


def _is_beside_break(document: Document, site: str) -> bool:
    """Return whether a vertebra beside a disc is freshly broken, which then comes first."""
    fresh = {one.site for one in document.facts.abnormal("fracture") if one.finding.detail == "fresh"}
    return not fresh.isdisjoint(site.split("-"))


def is_herniation_act(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the rule asks for `key`."""
    lumbar = any(site[0] == "L" for site in sites_of(facts, fields["finding"]))
    return lumbar and herniation_act(fields["sign"], fields["pain"] == "yes", int(fields["weeks"])) == key


@lru_cache(maxsize=256)
def herniation_act(sign: str, pain: bool, weeks: int) -> str:
    """Return what comes next for a lumbar herniation, "" where sources differ."""
    motor: MotorDeficit = "none" if sign == "cauda" else cast(MotorDeficit, sign)
    ruling = herniation_plan(sign == "cauda", motor, pain, weeks)
    return ruling.plan if ruling.keyed else ""


def stenosis_acts(document: Document) -> Iterator[Idea]:
    """Yield what comes next for the tightest lumbar canal stenosis stated, with symptoms and time added."""
    tightest = _tightest(document.facts)
    for key, one in document.single:
        if one.finding.pathology == "canal_stenosis" and one.site in tightest:
            narrow = one.grade in ("moderate", "severe")
            for state, weeks in product(_STATES if narrow else get_args(StenosisSymptoms), (4, 8, 30, 40)):
                plan = _stenosis_plan(state, weeks)
                if plan:
                    fields = {"finding": key, "state": state, "weeks": str(weeks)}
                    yield Idea(fields, plan, (one,), (one.site,), key)


def _tightest(facts: Facts) -> tuple[str, ...]:
    """Return the one lumbar level whose told grade of stenosis is worst, () where others may be as bad."""
    narrow = [one for one in facts.abnormal("canal_stenosis") if one.site[0] == "L"]
    if any(one.grade not in _NARROW for one in narrow):
        return tuple(one.site for one in narrow) if len(narrow) == 1 else ()
    worst = max((_NARROW.index(one.grade) for one in narrow), default=-1)
    found = tuple(one.site for one in narrow if _NARROW.index(one.grade) == worst)
    return found if len(set(found)) == 1 else ()


def is_stenosis_act(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the rule asks for `key`."""
    lumbar = any(site[0] == "L" for site in sites_of(facts, fields["finding"]))
    return lumbar and _stenosis_plan(fields["state"], int(fields["weeks"])) == key


@lru_cache(maxsize=256)
def _stenosis_plan(state: str, weeks: int) -> str:
    """Return the plan for symptoms without a deficit, with one that grows worse, or for the cauda equina."""
    cauda = state == _CAUDA
    symptoms, _, worse = ("severe" if cauda else state).partition("_")
    ruling = lumbar_stenosis_plan(cast(StenosisSymptoms, symptoms), cauda, bool(worse), weeks)
    return ruling.plan if ruling.keyed else ""


def slip_acts(document: Document) -> Iterator[Idea]:
    """Yield what an isthmic slip of an adult asks for first, by the symptoms added."""
    for one in document.facts.abnormal("slip") if document.is_adult else ():
        for symptoms in get_args(SlipSymptoms):
            plan = slip_act(document.facts, one.site, symptoms)
            if plan:
                yield Idea({"site": one.site, "symptoms": symptoms}, plan, (one,), (one.site,), one.site)


def is_slip_act(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the rule asks for `key`."""
    return slip_act(facts, fields["site"], fields["symptoms"]) == key


def slip_act(facts: Facts, site: str, symptoms: str) -> str:
    """Return the plan for an isthmic slip whose grade is told, "" elsewhere and where sources differ."""
    here = [one for one in facts.at("slip", site) if one.abnormal]
    grades = {one.grade for one in here}
    if len(grades) != 1 or "" in grades or any(one.detail != "isthmic" for one in here):
        return ""
    return _slip_plan(25 * int(grades.pop()) - 5, symptoms)


@lru_cache(maxsize=64)
def _slip_plan(percent: int, symptoms: str) -> str:
    ruling = slip_plan(percent, False, cast(SlipSymptoms, symptoms), conservative_failed=False)
    return ruling.plan if ruling.keyed else ""


def curve_acts(document: Document) -> Iterator[Idea]:
    """Yield what the stated curve would ask for in an adolescent, once grown by some degrees."""
    curves = document.facts.abnormal("scoliosis")
    if len(curves) == 1 and curves[0].value is not None:
        for risser, growth in product((0, 1, 2, 4, 5), (2, 4, 8, 12, 16, 20, 24, 30, 36)):
            plan = curve_act(document.facts, risser, growth)
            if plan:
                fields = {"risser": str(risser), "growth": str(growth)}
                yield Idea(fields, plan, curves, (curves[0].site,))


def is_curve_act(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the thresholds ask for `key`."""
    return curve_act(facts, int(fields["risser"]), int(fields["growth"])) == key


def curve_act(facts: Facts, risser: int, growth: int) -> str:
    """Return the plan by angle and Risser sign, "" without one curve with its angle or near a cut."""
    curves = facts.abnormal("scoliosis")
    if len(curves) != 1 or curves[0].value is None:
        return ""
    return _cobb_plan(curves[0].value + growth, risser)


@lru_cache(maxsize=2048)
def _cobb_plan(angle: float, risser: int) -> str:
    ruling = idiopathic_scoliosis(angle, risser_skeleton(risser))
    return ruling.plan if ruling.keyed else ""


def lordosis_gaps(document: Document) -> Iterator[Idea]:
    """Yield the SRS-Schwab modifier of a pelvic incidence beside an adult's stated lordosis."""
    for one in document.facts.of("lumbar_lordosis")[:1] if document.is_adult else ():
        if one.value is not None and 20 <= one.value <= 75:
            for gap in (2, 4, 6, 12, 14, 16, 18, 24, 28, 32):
                incidence = int(one.value) + gap
                fields = {"incidence": str(incidence)}
                modifier = gap_of(document.facts, incidence)
                if modifier and 35 <= incidence <= 85:
                    yield Idea(fields, modifier, (one,), (one.site,))


def is_lordosis_gap(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the modifier is `key`."""
    return gap_of(facts, int(fields["incidence"])) == key


def gap_of(facts: Facts, incidence: int) -> str:
    """Return the modifier of incidence minus the one stated lordosis, "" without one."""
    values = {one.value for one in facts.of("lumbar_lordosis")}
    value = values.pop() if len(values) == 1 else None
    return "" if value is None else schwab_pi_ll(incidence, value).modifier


def screw_ranges(document: Document) -> Iterator[Idea]:
    """Yield the ends of a construct of some levels above and below a fractured or diseased vertebra."""
    for key, one in document.single if document.usual_numbering else ():
        if one.finding.pathology in ("fracture", "metastasis") and one.finding.detail != "old":
            for above, below in product(_REACHES, _REACHES):
                right = construct(one.site, above, below)
                fields = {"finding": key, "above": str(above), "below": str(below)}
                if right:
                    yield Idea(fields, right, (one,), (one.site,), one.site)


def is_screw_range(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the construct spans `key`."""
    sites = sites_of(facts, fields["finding"])
    return {construct(site, int(fields["above"]), int(fields["below"])) for site in sites} == {key}


def construct(site: str, above: int, below: int) -> str:
    """Return the ends of a construct, "" where it leaves T1 to S1.

    >>> construct("L1", 2, 1)
    'T11:L2'
    """
    row = vertebrae()
    if site not in row:
        return ""
    first, last = row.index(site) - above, row.index(site) + below
    if first < 0 or last >= len(row) or Level(row[first]) < Level.T1:
        return ""
    return f"{row[first]}:{row[last]}"


def inside_fusion(document: Document) -> Iterator[Idea]:
    """Yield which of four stated findings lies within a fusion of named ends."""
    found = [one for one in document.single if form(one[1].site) == "disc"]
    chosen = list(unlike(document.sample(found, len(found))))[:4] if document.usual_numbering else []
    offered = tuple(key for key, _ in chosen)
    if len(set(offered)) < 3:
        return
    for key, one in chosen:
        first, last = one.site.split("-")
        fields = {"first": first, "last": last}
        yield Idea(fields, key, tuple(said for _, said in chosen), (one.site,), "|".join(offered), offered)


def is_inside_fusion(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether a finding's disc is bridged by the fusion."""
    bridged = _bridged(fields["first"], fields["last"])
    sites = sites_of(facts, key)
    return bool(sites) and sites <= bridged


@lru_cache(maxsize=512)
def _bridged(first: str, last: str) -> frozenset[str]:
    return frozenset(segment_fusion(first, last).segments)


def decompressions(document: Document) -> Iterator[Idea]:
    """Yield the segment and side to decompress for a lateral herniation, beside those of another one.

    The question names the herniation without its side.
    """
    found = [
        (key.replace(f"|{one.side}|", "||"), one)
        for key, one in document.named
        if one.finding.pathology == "herniation" and one.side in ("left", "right") and one.site[0] in "LC"
    ]
    found = [(key, one) for key, one in found if len(sites_of(document.facts, key)) == 1]
    sites = [one.site for _, one in found]
    offered = tuple(f"{site} {side}" for site in sites[:2] for side in ("left", "right"))
    for key, one in found:
        shown = offered if len(set(sites[:2])) == 2 and one.site in sites[:2] else ()
        said = tuple(other for _, other in found[:2]) if shown else (one,)
        yield Idea({"finding": key}, f"{one.site} {one.side}", said, (one.site,), "|".join(shown), shown)


def is_decompression(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether segment and side are those of the named herniation."""
    site, _, side = key.partition(" ")
    at_site = [one for one in facts.at("herniation", site) if one.abnormal]
    return sites_of(facts, fields["finding"]) == {site} and {one.side for one in at_site} == {side}


def spans(document: Document) -> Iterator[Idea]:
    """Yield the shortest fusion that covers two stated findings at discs."""
    for (key, one), (other_key, other) in _pairs(document):
        right = span_of(one.site, other.site)
        fields = {"finding": key, "other": other_key}
        yield Idea(fields, right, (one, other), (one.site, other.site), one.site[0])


def is_span(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` is that range."""
    return {span_of(*sites) for sites in _sites_of_both(facts, fields)} == {key}


def screw_counts(document: Document) -> Iterator[Idea]:
    """Yield how many screws such a fusion needs with two in every vertebra."""
    for idea in spans(document):
        yield idea._replace(right=screws_of(idea.right), group="")


def is_screw_count(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether it needs so many screws."""
    return {screws_of(span_of(*sites)) for sites in _sites_of_both(facts, fields)} == {key}


def _pairs(document: Document) -> list[tuple[tuple[str, Said], tuple[str, Said]]]:
    found = [one for one in document.single if form(one[1].site) == "disc"]
    pairs = [
        (one, other)
        for one, other in combinations(found, 2)
        if one[0] != other[0] and one[1].site != other[1].site
    ]
    near = [
        pair
        for pair in pairs
        if int(screws_of(span_of(pair[0][1].site, pair[1][1].site)) or 99) <= _MOST_SCREWS
    ]
    return document.sample(near, 12) if document.usual_numbering else []


def _sites_of_both(facts: Facts, fields: Fields) -> Iterator[tuple[str, str]]:
    yield from product(sites_of(facts, fields["finding"]), sites_of(facts, fields["other"]))


def span_of(one: str, other: str) -> str:
    """Return the vertebrae at the ends of two discs, upper first.

    >>> span_of("L5-S1", "L3-L4")
    'L3:S1'
    """
    ends = sorted({*one.split("-"), *other.split("-")}, key=site_rank)
    return f"{ends[0]}:{ends[-1]}"


def screws_of(span: str) -> str:
    """Return two for each vertebra of a range, "" outside the usual numbering."""
    row, (first, last) = vertebrae(), span.split(":")
    return str(2 * (row.index(last) - row.index(first) + 1)) if {first, last} <= set(row) else ""


def explained(document: Document) -> Iterator[Idea]:
    """Yield which stated finding explains the signs of a root, where each of them takes another root."""
    by_root: dict[str, list[tuple[str, Said]]] = {}
    for key, one in document.single if document.usual_numbering else ():
        root = pressed_root(one)
        if root in SIGN_ROOTS:
            by_root.setdefault(root, []).append((key, one))
    by_site = {(one.site, one.finding.pathology): one for one in document.facts.said if one.abnormal}
    pressed = Counter(map(pressed_root, by_site.values()))
    alone = {
        root: members[0]
        for root, members in by_root.items()
        if len(members) == pressed[root] == 1 and not _is_overshadowed(document.facts, root, members[0][1])
    }
    offered = tuple(key for key, _ in alone.values()) if len(alone) >= 3 else ()
    said = tuple(one for _, one in alone.values())
    for root, (key, one) in alone.items():
        for sign in ("motor", "sensory"):
            fields = {"sign": f"{root}_{sign}", "side": one.side}
            yield Idea(fields, key, said, (one.site,), "|".join(offered), offered[:4])


def is_explained(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the finding takes the root of the signs on their side."""
    pathology = key.partition("|")[0]
    sites = sites_of(facts, key)
    found = [one for one in facts.abnormal(pathology) if one.site in sites and fits(key, one)]
    root = fields["sign"].partition("_")[0]
    return bool(found) and all(
        pressed_root(one) == root and one.side == fields["side"] and not _is_overshadowed(facts, root, one)
        for one in found
    )


def _is_overshadowed(facts: Facts, root: str, one: Said) -> bool:
    """Return whether a finding is slight, or another herniation or a tight canal lies where a root crosses.

    That may press on the root as well, whatever its side, and is treated before a narrow recess or foramen.
    """
    if one.grade in _SLIGHT:
        return True
    disc = SIGN_ROOTS.get(root, "")
    if one.finding.pathology == "herniation" and one.site == disc:
        return False
    tight = any(other.grade in _NARROW[1:] for other in facts.at("canal_stenosis", disc))
    return tight or facts.status("herniation", disc) == "present"
