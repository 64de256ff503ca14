"""What the shown series cannot tell, and what is there although they do not show it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.instances.clinic.further import is_at_or_beside
from spinemed.instances.clinic.problem import BENIGN, Lead, Problem, is_abnormal, problem_of
from spinemed.instances.clinic.remembered import remembered
from spinemed.instances.counting_truth import DENS_SHARE, has_rudiment
from spinemed.instances.truth import UNTOLD_AO
from spinemed.levels import Level, levels_between
from spinemed.records import Finding, Pathology, Series

_DANGERS: Final[tuple[Pathology, ...]] = (
    "spondylodiscitis",
    "metastasis",
    "fracture",
    "cord_signal",
    "scoliosis",
    "thoracic_kyphosis",
)
"""What a harmless reading must not be given over; a curve, because it may cause the pain of the back."""
_BENT: Final = frozenset(level.value for level in levels_between("T4", "T12"))
"""Vertebrae over which a thoracic kyphosis is measured ..."""
_BEND_SHOWN: Final = 4
"""... of which a picture from the side that holds as many shows that the back is round."""
_UPRIGHT: Final = ("standing", "flexion", "extension")
_KEPT: Final[tuple[Pathology, ...]] = (
    "vertebra", "vertebra_in_part", "thoracic_kyphosis", "lumbar_lordosis", "scoliosis",
)  # fmt: skip
"""What metal at one level does not spoil."""
_IN_FIELD: Final[tuple[Pathology, ...]] = (
    "fracture", "metastasis", "spondylodiscitis", "cord_signal", "slip", "endplate_defect", "cage", "screws",
)  # fmt: skip
"""What no text leaves out where a shown series holds its vertebra, be it cut by the picture's edge.

Metal is stated on CT and films alone, but MRI shows where it is."""
_PLAIN: Final[tuple[tuple[Pathology, str], ...]] = (("modic_change", "3"), ("disc_degeneration", "5"))
"""Wear that shows where nobody can grade it, with its grade: sclerosed endplates on CT, a collapsed disc."""
_OF_AXIAL_PAIN: Final[frozenset[Lead]] = BENIGN | {"isthmic_slip"}
"""Leads that are said to explain an axial pain, which plain wear elsewhere explains as well."""
_SHOWN_BY: Final[Mapping[Pathology, tuple[str, ...]]] = {"canal_stenosis": ("MR",), "modic_change": ("CT",)}
"""What one modality alone shows."""
_OF_BOTH: Final[tuple[Pathology, ...]] = ("slip", "modic_change", "disc_degeneration")
"""What is seen only where both vertebrae of its segment are."""
_WITH_DENS: Final = "C2"
_ASIDE: Final[tuple[Pathology, ...]] = ("foraminal_stenosis", "herniation")
"""What sagittal slices beside the midline show on one side."""
_OLD: Final = "70"
"""Age bands from this one on, as text: `70-79` and above."""
_DARK_ON_STIR: Final = ("2", "3")
"""Modic types whose signal STIR suppresses."""
_ABSENT: Final = ("none", "0")
"""Grades of what is held back because it may be there, although it is not."""
_SLIGHT: Final = (*_ABSENT, "mild")
_CAUSES: Final[tuple[Pathology, ...]] = ("spondylodiscitis", "metastasis")
"""What would change the diagnosis of any finding at its own site."""
_OF_CANAL: Final[tuple[Lead, ...]] = (
    "slip", "isthmic_slip", "myelopathy", "cervical_herniation", "root_stenosis"
)  # fmt: skip
"""Leads whose plan turns on how much room the canal has at their own level."""


def hidden_sites(facts: CaseFacts, pathology: Pathology, but: Collection[str] = ()) -> set[str]:
    """Return the sites where a pathology is held back, in a grade not among `but`, and not stated.

    A fracture that films alone hold back counts as stated where they state the height that it has cost.
    """
    stated = {one.site for one in facts.findings if one.pathology == pathology and is_abnormal(one)}
    if pathology == "fracture":
        films = {series.uid for series in facts.study.series if series.modality == "XR"}
        beyond = {one.site for one in facts.hidden if one.pathology == "fracture" and one.series not in films}
        lost = {one.site for one in facts.findings if one.pathology == "height_loss" and is_abnormal(one)}
        stated |= lost - beyond
    return {one.site for one in facts.hidden if one.pathology == pathology and one.grade not in but} - stated


@remembered
def restrained(facts: CaseFacts) -> CaseFacts:
    """Return the facts without what the series of a finding does not tell.

    Where a curve is held back, the films that show curves are left out: the curves that they do state would
    pass for all there are. With an unstable or violent fracture nobody stands for a film. Beside metal an MR
    image tells nothing normal, and between two vertebrae with metal no grade of a disc. Types and causes are
    those of `as_told`.
    """
    facts = _without_metal(_without_standing(_without_curves(facts)))
    shown = {one.evidence.series for one in facts.findings}
    sequences = {series.uid: series.sequence for series in facts.study.series if series.uid in shown}
    return CaseFacts(facts.study, as_told(facts.findings, sequences), facts.hidden)


def as_told(findings: Iterable[Finding], sequences: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return findings without the types and causes that their series, uid -> sequence, do not tell.

    A Modic type needs T1 and T2 of the same study and is none on fat-suppressed images (Modic 1988), on
    which fat and sclerosis are but dark: there only type 1 is told, as a change of signal;
    T1 alone does not tell a lytic from a blastic metastasis. A slip is called isthmic only where the defect
    of the pars is among the findings.
    """
    shown = {name for one in sequences.values() for name in one.split("/")}

    def limited(one: Finding) -> Finding:
        own = sequences.get(one.evidence.series, "")
        untyped = (
            one.present and one.pathology == "modic_change" and (own == "STIR" or not {"T1", "T2"} <= shown)
        )
        unnamed = one.present and one.pathology == "metastasis" and own == "T1"
        return one.model_copy(update={"grade": ""}) if untyped or unnamed else one

    def is_dark(one: Finding) -> bool:
        fatty = one.pathology == "modic_change" and one.present and one.grade in _DARK_ON_STIR
        return fatty and sequences.get(one.evidence.series, "") == "STIR"

    return _by_gap(tuple(limited(one) for one in findings if not is_dark(one)))


def isthmic_by_gap(facts: CaseFacts) -> CaseFacts:
    """Return the facts with the cause left out of isthmic slips whose pars defect is not among them."""
    return CaseFacts(facts.study, _by_gap(facts.findings), facts.hidden)


def _by_gap(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    broken = {one.site for one in findings if one.pathology == "pars_defect" and one.present}

    def named(one: Finding) -> Finding:
        unproven = one.pathology == "slip" and one.detail == "isthmic" and one.present
        known = not unproven or one.site.split("-")[0] in broken
        return one if known else one.model_copy(update={"detail": ""})

    return tuple(map(named, findings))


def _without_curves(facts: CaseFacts) -> CaseFacts:
    if not hidden_sites(facts, "scoliosis"):
        return facts
    films = {one.series for one in facts.hidden if one.pathology == "scoliosis"}
    films |= {one.evidence.series for one in facts.findings if one.pathology == "scoliosis"}
    return of_series(facts, {one.evidence.series for one in facts.findings} - films)


def _without_standing(facts: CaseFacts) -> CaseFacts:
    torn = any(one.pathology == "fracture" and one.grade[:1] in ("B", "C") for one in _fresh(facts))
    unstable = torn or problem_of(facts).lead == "injury"
    upright = {series.uid for series in facts.study.series if series.posture in _UPRIGHT}
    if not unstable or not upright:
        return facts
    return of_series(facts, {one.evidence.series for one in facts.findings} - upright)


def _fresh(facts: CaseFacts) -> list[Finding]:
    return [one for one in facts.findings if one.present and one.detail == "fresh"]


def _without_metal(facts: CaseFacts) -> CaseFacts:
    if facts.study.text:  # a document tells what its reader saw beside the metal
        return facts
    metal = set(implant_sites(facts))
    on_mr = {series.uid for series in facts.study.series if series.modality == "MR"}

    def told(one: Finding) -> bool:
        beside = one.evidence.series in on_mr and not metal.isdisjoint(one.site.split("-"))
        replaced = one.pathology == "disc_degeneration" and metal.issuperset(one.site.split("-"))
        spoiled = replaced or not is_abnormal(one)
        return not (beside and spoiled) or one.pathology in _KEPT

    return CaseFacts(facts.study, tuple(one for one in facts.findings if told(one)), facts.hidden)


def implant_sites(facts: CaseFacts) -> list[str]:
    """Return the vertebrae that cages and screws hold, from the head down."""
    there = [one for one in facts.findings if one.present and one.pathology in ("cage", "screws")]
    levels = {Level(level) for one in there for level in one.site.split("-")}
    return [level.value for level in sorted(levels)]


def of_series(facts: CaseFacts, uids: set[str]) -> CaseFacts:
    """Return the facts of some series; what the others state as abnormal counts as hidden."""
    kept = tuple(one for one in facts.findings if one.evidence.series in uids)
    lost = {
        Hidden(one.evidence.series, one.site, one.pathology, one.side or "", one.grade)
        for one in facts.findings
        if one.evidence.series not in uids and is_abnormal(one)
    }
    return CaseFacts(facts.study, kept, facts.hidden | lost)


def withheld(facts: CaseFacts, problem: Problem) -> str:
    """Return why no text may be given: something is there that would change it and is not shown; else ""."""
    for name in _CAUSES:
        here = hidden_sites(facts, name) & set(problem.sites)
        if here:
            return f"{name} is there at {min(here)}, but the shown series do not show it"
    for name in _DANGERS if problem.lead in BENIGN else ():
        there = hidden_sites(facts, name)
        if there and (name != "thoracic_kyphosis" or _is_bend_shown(facts)):
            return f"{name} is there at {min(there)}, but the shown series do not show it"
    round_back = hidden_sites(facts, "thoracic_kyphosis") if problem.lead == "scoliosis" else set()
    if round_back and _is_bend_shown(facts):
        return f"thoracic_kyphosis is there at {min(round_back)}, which bends more than the curve that leads"
    for name in _IN_FIELD:
        cut = {site for site in hidden_sites(facts, name, _ABSENT) if _is_in_field(facts, site, name)}
        cut -= _beside_infection(facts) if name == "endplate_defect" else set()
        if cut:
            return f"{name} is there at {min(cut)}, whose vertebra is in view, but no shown series tells it"
    return (
        _plain_wear(facts, problem)
        or _rudimentary(facts, problem)
        or _untold_side(facts, problem)
        or _unseen_at_age(facts, problem)
        or _cut_implants(facts)
        or _cut_dens(facts)
        or _narrow_unsaid(facts, problem)
        or _other_exit(facts, problem)
        or _undated(facts, problem)
        or _untold_type(facts, problem)
    )


def _plain_wear(facts: CaseFacts, problem: Problem) -> str:
    """Return that pictures with no cause of pain, or a harmless one, show plain wear that nobody graded."""
    for name, grade in _PLAIN if problem.lead in _OF_AXIAL_PAIN else ():
        worst = {one.site for one in facts.hidden if (one.pathology, one.grade) == (name, grade)}
        seen = {site for site in hidden_sites(facts, name) & worst if _is_in_field(facts, site, name)}
        if seen:
            return f"{name} {grade} is there at {min(seen)} and plain to see, but no shown series grades it"
    return ""


def _rudimentary(facts: CaseFacts, problem: Problem) -> str:
    """Return that a collapsed disc may be taken for the rudiment that makes a vertebra transitional."""
    discs = [one for one in facts.hidden if one.pathology == "disc_degeneration"]
    if problem.lead != "transitional" or facts.study.text or not has_rudiment(facts.findings, discs):
        return ""
    return f"a collapsed disc beside {problem.site} or the sacrum cannot be told from a rudimentary one"


def _untold_side(facts: CaseFacts, problem: Problem) -> str:
    """Return that a sided finding is told that sagittal slices alone show: none tells which side it is of.

    The side is known where the complaint has it, where axial slices show that level, and where both sides
    are alike.
    """
    if facts.study.text:
        return ""
    planes = {series.uid: series.plane for series in facts.study.series}
    across = {one.site for one in facts.findings if planes.get(one.evidence.series) == "axial"}
    sided = [one for one in problem.found if one.pathology in _ASIDE and one.side in ("left", "right")]
    for one in sided:
        alike = any((one.site, one.grade) == (two.site, two.grade) and one.side != two.side for two in sided)
        if one.side != problem.side and one.site not in across and not alike:
            return f"no slice tells the side of the {one.pathology} at {one.site}"
    return ""


def _unseen_at_age(facts: CaseFacts, problem: Problem) -> str:
    """Return that harmless pictures of an old patient without MRI may hide a fresh fragility fracture."""
    bare = not facts.study.text and not any(series.modality == "MR" for series in facts.study.series)
    if bare and problem.lead in BENIGN and (facts.study.age_band or "") >= _OLD:
        return "at this age CT and films alone do not rule out a fresh fragility fracture"
    return ""


def _beside_infection(facts: CaseFacts) -> set[str]:
    """Return the vertebrae whose endplates a stated infection has eaten: it tells their dents."""
    return {level for one in facts.of("spondylodiscitis", present=True) for level in one.site.split("-")}


def _from_the_side(facts: CaseFacts) -> set[str]:
    """Return the series that show the spine from the side."""
    return {
        series.uid
        for series in facts.study.series
        if ("LAT" in series.view if series.modality == "XR" else series.plane == "sagittal")
    }


def _cut_dens(facts: CaseFacts) -> str:
    """Return that C2 would be told whole and unbroken although the upper edge of a picture cuts its dens."""
    aside = _from_the_side(facts)
    for one in facts.findings:
        box = one.evidence.box
        told = (one.site, one.pathology) == (_WITH_DENS, "vertebra") and one.evidence.series in aside
        if told and box is not None and box.top < DENS_SHARE * (box.bottom - box.top):
            return "the body of C2 is whole, but the upper edge cuts its dens"
    return ""


def _is_bend_shown(facts: CaseFacts) -> bool:
    """Return whether a shown series from the side holds enough of the thorax to show that a back is round."""
    bodies: dict[str, set[str]] = {uid: set() for uid in _from_the_side(facts)}
    for one in facts.findings:
        if one.pathology in ("vertebra", "vertebra_in_part") and one.evidence.series in bodies:
            bodies[one.evidence.series].add(one.site)
    return any(len(sites & _BENT) >= _BEND_SHOWN for sites in bodies.values())


def _untold_type(facts: CaseFacts, problem: Problem) -> str:
    """Return that no picture tells the AO type of a fracture, which its text would name and score."""
    untold = {one.site for one in problem.found if one.pathology == "fracture" and one.grade in UNTOLD_AO}
    if not untold or facts.study.text:  # a document tells what its reader saw
        return ""
    return f"the fracture of {min(untold)} is of a type that no picture tells"


def _is_in_field(facts: CaseFacts, site: str, pathology: Pathology) -> bool:
    """Return whether a series that could show a pathology holds a vertebra of its site, be it held back.

    CT and MRI can; a slip is seen from the side, on films too, and so is a disc without height, where both
    vertebrae are. The room of the canal shows on MRI alone, sclerosed bone about a disc on CT.
    """
    could = {series.uid for series in facts.study.series if _could_show(series, pathology)}
    held = {
        one.site
        for one in facts.findings
        if one.pathology in ("vertebra", "vertebra_in_part") and one.evidence.series in could
    }
    held |= {one.site for one in facts.hidden if one.pathology == "vertebra" and one.series in could}
    levels = site.split("-")
    return held.issuperset(levels) if pathology in _OF_BOTH else not held.isdisjoint(levels)


def _could_show(series: Series, pathology: Pathology) -> bool:
    if pathology in ("slip", "disc_degeneration"):
        return "LAT" in series.view if series.modality == "XR" else series.plane != "axial"
    return series.modality in _SHOWN_BY.get(pathology, ("CT", "MR"))


def _cut_implants(facts: CaseFacts) -> str:
    """Return that implants reach further than the shown series tell, as at the edge of a picture."""
    held = [Level(level) for level in implant_sites(facts)]
    for name in ("screws", "cage"):
        for site in sorted(hidden_sites(facts, name)):
            levels = [Level(level) for level in site.split("-")]
            if any(is_at_or_beside(level, other) for level in levels for other in held):
                return f"{name} are there at {site} beside the stated implants, but no shown series tells it"
    return ""


def _narrow_unsaid(facts: CaseFacts, problem: Problem) -> str:
    """Return that the canal is narrow where it decides, but no series states how much.

    With a harmless lead a canal that is more than mildly narrow decides wherever it is in view.
    """
    decisive = {one.site for one in problem.found if one.pathology == "cord_signal"}
    if problem.lead in _OF_CANAL:
        decisive |= {problem.site}
    unsaid = decisive & hidden_sites(facts, "canal_stenosis")
    if facts.study.text:  # what a document does not tell is not hidden but unknown
        cord = {one.site for one in problem.found if one.pathology == "cord_signal"}
        unsaid |= (decisive & cord) - {one.site for one in problem.found if one.pathology == "canal_stenosis"}
    if problem.lead in BENIGN:
        more = hidden_sites(facts, "canal_stenosis", _SLIGHT)
        unsaid |= {site for site in more if _is_in_field(facts, site, "canal_stenosis")}
    return f"canal_stenosis is there at {min(unsaid)}, but the shown series do not grade it" if unsaid else ""


def _other_exit(facts: CaseFacts, problem: Problem) -> str:
    """Return that the foramen on the other side of a pressed root is narrow, but no series states it."""
    if not problem.root or problem.side is None:
        return ""
    narrow = [one for one in facts.hidden if one[1:3] == (problem.site, "foraminal_stenosis")]
    other = {one.side for one in narrow} - {problem.side}
    other -= {one.side for one in facts.of("foraminal_stenosis", present=True) if one.site == problem.site}
    return f"foraminal_stenosis is there at {problem.site}, but no shown series states it" if other else ""


def _undated(facts: CaseFacts, problem: Problem) -> str:
    """Return that a fracture has no age although a shown T1 or STIR series has its vertebra."""
    undated = {one.site for one in problem.found if one.pathology == "fracture" and not one.detail}
    dating = {series.uid for series in facts.study.series if series.sequence in ("T1", "STIR")}
    on_mr = {series.uid for series in facts.study.series if series.modality == "MR"}
    shown = {one.site for one in facts.findings if one.evidence.series in dating}
    shown |= {one.site for one in facts.hidden if one.pathology == "fracture" and one.series in on_mr}
    doubtful = undated & shown
    return f"the fracture of {min(doubtful)} has no age although its vertebra is shown" if doubtful else ""
