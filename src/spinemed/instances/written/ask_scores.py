"""Ideas about scores of injuries and tumours from the report and what the question adds, and which hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Final, cast, get_args

from spinemed.facts.planning.trauma import (
    AoMorphology,
    AoNeurology,
    InjuryScore,
    Ligaments,
    ThoracolumbarModifier,
    TlicsMorphology,
    TlicsNeurology,
    thoracolumbar_aosis,
    tlics,
)
from spinemed.facts.planning.tumour import (
    EsccGrade,
    SinsAlignment,
    SinsBone,
    SinsCollapse,
    SinsPain,
    SinsPosterolateral,
    noms,
    sins,
    sins_region,
)
from spinemed.instances.rules_truth import TLICS_OF_AO
from spinemed.instances.written.document import Document, Idea, is_usual
from spinemed.instances.written.phrases import sites_of
from spinemed.instances.written.stated import Facts, Said, site_rank
from spinemed.levels import Level

Fields = Mapping[str, str]
SINS_FIELDS: Final = {
    "pain": get_args(SinsPain),
    "alignment": get_args(SinsAlignment),
    "collapse": get_args(SinsCollapse),
    "posterolateral": get_args(SinsPosterolateral),
}
_KYPHOSIS_DEG: Final = 50.0
"""Thoracic kyphosis above which the back counts as bent, as in `instances.clinic.problem`."""
_AO_POINTS: Final[tuple[AoNeurology, ...]] = ("N0", "N1", "N2", "N3")
_ESCC: Final[tuple[EsccGrade, ...]] = ("1a", "2", "3")
_ON_CORD: Final = ("2", "3")
_MISSING: Final = {
    "tlics": ("ligaments", "neurology"),
    "sins": ("pain", "alignment", "collapse", "posterolateral"),
}


def injury_scores(document: Document) -> Iterator[Idea]:
    """Yield TLICS totals of the one injury at a level, with ligaments and neurology added."""
    for one in _injuries(document):
        for ligaments, neurology in product(get_args(Ligaments), get_args(TlicsNeurology)):
            fields = {"site": one.site, "ligaments": ligaments, "neurology": neurology}
            total = tlics_total(document.facts, fields)
            if total and harms(one.site, neurology):
                yield Idea(fields, total, (one,), (one.site,), one.site)


def is_injury_score(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether TLICS gives `key` points."""
    return tlics_total(facts, fields) == key


def injury_plans(document: Document) -> Iterator[Idea]:
    """Yield TLICS points with the treatment they ask for, where they ask for one."""
    for idea in injury_scores(document):
        if idea.right != "4":
            yield idea


def tlics_total(facts: Facts, fields: Fields) -> str:
    """Return the TLICS points of the injury at a site with what the question adds, "" where it has none."""
    ao = _ao_at(facts, fields["site"])
    return tlics_points(ao, fields["ligaments"], fields["neurology"]) if ao else ""


def tlics_points(ao: str, ligaments: str, neurology: str) -> str:
    """Return the TLICS points of an AO type, "" for what does not occur."""
    score = _tlics(ao, ligaments, neurology)
    return "" if score is None else str(score.total)


@lru_cache(maxsize=256)
def _tlics(ao: str, ligaments: str, neurology: str) -> InjuryScore | None:
    morphology: TlicsMorphology | None = TLICS_OF_AO.get(ao)
    impossible = morphology == "compression" and (neurology != "intact" or ligaments == "disrupted")
    if morphology is None or impossible:
        return None
    try:
        return tlics(morphology, cast(Ligaments, ligaments), cast(TlicsNeurology, neurology))
    except ValueError:  # a torn spine with intact ligaments
        return None


def harms(site: str, neurology: str) -> bool:
    """Return whether an injury of a vertebra can cause a deficit: the cord ends at L1, below it is the cauda.

    >>> harms("L3", "complete_cord"), harms("T12", "cauda_equina"), harms("L1", "nerve_root")
    (False, False, True)
    """
    if neurology.endswith("_cord"):
        return Level(site) <= Level.L1
    return neurology != "cauda_equina" or Level(site) >= Level.L1


def _injuries(document: Document) -> list[Said]:
    """Return the fractures with a told AO type that are not old, none where fragile bone may have broken.

    TLICS and the AO Spine scores are made for injuries by force.
    """
    if not is_injured(document):
        return []
    return [one for one in document.facts.abnormal("fracture") if _ao_at(document.facts, one.site)]


def is_injured(document: Document) -> bool:
    """Return whether the fractures of a case come from an injury and not from fragile bone."""
    conditions = document.study.conditions
    return "traumatic_fracture" in conditions and "osteoporotic_fracture" not in conditions


def _ao_at(facts: Facts, site: str) -> str:
    """Return the told AO type of a fracture below the neck that is not healed, "" elsewhere."""
    here = [one for one in facts.at("fracture", site) if one.abnormal]
    told = {one.grade for one in here}
    if len(told) != 1 or any(one.finding.detail == "old" for one in here) or site[0] == "C":
        return ""
    return told.pop()


def ao_scores(document: Document) -> Iterator[Idea]:
    """Yield AO Spine thoracolumbar injury points of the injury at a level, with neurology added."""
    for one in _injuries(document):
        for neurology, modifier in product(_AO_POINTS, ("none", "M1")):
            fields = {"site": one.site, "neurology": neurology, "modifier": modifier}
            total = ao_total(document.facts, fields)
            if total:
                yield Idea(fields, total, (one,), (one.site,), one.site)


def is_ao_score(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the AO score is `key`."""
    return ao_total(facts, fields) == key


def ao_total(facts: Facts, fields: Fields) -> str:
    """Return the AO points, "" where the report tells no type or the rule refuses the pair."""
    ao = _ao_at(facts, fields["site"])
    if not ao or (ao in ("A1", "A2") and fields["neurology"] != "N0"):
        return ""
    return _ao_total(ao, fields["neurology"], fields["modifier"])


@lru_cache(maxsize=256)
def _ao_total(ao: str, neurology: str, modifier: str) -> str:
    try:
        score = thoracolumbar_aosis(
            cast(AoMorphology, ao), cast(AoNeurology, neurology), cast(ThoracolumbarModifier, modifier)
        )
    except ValueError:  # M1 with a torn tension band
        return ""
    return str(score.total)


def tumour_scores(document: Document) -> Iterator[Idea]:
    """Yield SINS totals of a metastasis whose bone is told, with the rest added by the question."""
    for one in document.facts.abnormal("metastasis"):
        for _ in range(24):
            fields = {name: document.rng.choice(values) for name, values in SINS_FIELDS.items()}
            fields["site"] = one.site
            total = sins_total(document.facts, fields)
            if total:
                yield Idea(fields, total, (one,), (one.site,), one.site)


def is_tumour_score(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether SINS gives `key` points."""
    return sins_total(facts, fields) == key


def tumour_bands(document: Document) -> Iterator[Idea]:
    """Yield the SINS band of such metastases."""
    for idea in tumour_scores(document):
        yield idea._replace(right=sins_band_of(document.facts, idea.fields))


def is_tumour_band(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the SINS total lies in the band."""
    return sins_band_of(facts, fields) == key


def sins_total(facts: Facts, fields: Fields) -> str:
    """Return the SINS points of the metastasis at a site, "" where its bone is not told."""
    scored = _sins_at(facts, fields)
    return "" if scored is None else str(scored[0])


def sins_band_of(facts: Facts, fields: Fields) -> str:
    """Return the band of its points."""
    scored = _sins_at(facts, fields)
    return "" if scored is None else scored[1]


def _sins_at(facts: Facts, fields: Fields) -> tuple[int, str] | None:
    bones = {one.grade for one in facts.at("metastasis", fields["site"]) if one.abnormal}
    # Where the report itself tells what height is lost, the question need not, and might contradict it.
    told = facts.at("height_loss", fields["site"])
    whole = fields["collapse"].startswith("none")
    if len(bones) != 1 or "" in bones or is_broken(facts, fields["site"]) or (told and not whole):
        return None
    if not is_alignment_open(facts, fields["site"], fields["alignment"]):
        return None
    return sins_points(fields["site"], bones.pop(), *(fields[name] for name in SINS_FIELDS))


def _is_denied_beside(facts: Facts, pathology: str, site: str) -> bool:
    """Return whether a disc above or below a vertebra is told free of a finding."""
    beside = {one.site for one in facts.of(pathology) if site in one.site.split("-")}
    return any(facts.status(pathology, disc) == "absent" for disc in beside)


def is_broken(facts: Facts, site: str) -> bool:
    """Return whether a vertebra is said to be fractured or to have lost height."""
    return any(facts.status(name, site) == "present" for name in ("fracture", "height_loss"))


def is_alignment_open(facts: Facts, site: str, alignment: str) -> bool:
    """Return whether a question may add this alignment: none is normal in a curve or at a fracture.

    Nor is a vertebra out of its place beside a disc that is told free of slip.
    """
    if alignment == "subluxation":
        return not _is_denied_beside(facts, "slip", site)
    if alignment != "normal":
        return True
    bent = facts.abnormal("scoliosis") or any(
        (one.value or one.finding.value or 0.0) > _KYPHOSIS_DEG for one in facts.of("thoracic_kyphosis")
    )
    slipped = any(site in one.site.split("-") for one in facts.abnormal("slip"))
    return not (bent or slipped or is_broken(facts, site))


@lru_cache(maxsize=4096)
def sins_points(
    site: str, bone: str, pain: str, alignment: str, collapse: str, sides: str
) -> tuple[int, str] | None:
    """Return SINS total and band, None for an extra vertebra, which SINS does not know."""
    try:
        score = sins(
            site,
            cast(SinsPain, pain),
            cast(SinsBone, bone),
            cast(SinsAlignment, alignment),
            cast(SinsCollapse, collapse),
            cast(SinsPosterolateral, sides),
        )
    except ValueError:  # an extra vertebra, which SINS does not know
        return None
    return score.total, score.band


def tumour_plans(document: Document) -> Iterator[Idea]:
    """Yield what NOMS suggests for a stated metastasis with compression, histology and stability added."""
    for one in document.facts.abnormal("metastasis"):
        if Level(one.site) > Level.L1:  # the grades are of compression of the cord
            continue
        possible = [escc for escc in _ESCC if not _is_room_told(document.facts, one.site, escc)]
        for escc, sensitive, unstable in product(possible, ("yes", "no"), ("yes", "no")):
            fields = {"site": one.site, "escc": escc, "sensitive": sensitive, "unstable": unstable}
            yield Idea(fields, noms_plan(fields), (one,), (one.site,), one.site)


def is_tumour_plan(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether NOMS suggests `key` for the metastasis at the site."""
    there = any(one.abnormal for one in facts.at("metastasis", fields["site"]))
    open_room = not _is_room_told(facts, fields["site"], fields["escc"])
    return there and open_room and noms_plan(fields) == key


def _is_room_told(facts: Facts, site: str, escc: str) -> bool:
    """Return whether a report denies stenosis beside a vertebra whose tumour presses on the cord."""
    return escc in _ON_CORD and _is_denied_beside(facts, "canal_stenosis", site)


def noms_plan(fields: Fields) -> str:
    """Return local control, and "+stabilise" where instability asks for it.

    Before radiosurgery of a high-grade compression, surgery both decompresses and fixes what it destabilises
    (Laufer 2013), so the two are one answer.
    """
    return _noms(fields["escc"], fields["sensitive"] == "yes", fields["unstable"] == "yes")


@lru_cache(maxsize=64)
def _noms(escc: str, sensitive: bool, unstable: bool) -> str:
    plan = noms(cast(EsccGrade, escc), sensitive, unstable)
    alone = not plan.stabilise or plan.local_control == "decompression_then_radiosurgery"
    return plan.local_control if alone else f"{plan.local_control}+stabilise"


def missing_parts(document: Document) -> Iterator[Idea]:
    """Yield what a score still lacks, where the question adds all other parts, or lacks nothing."""
    for score, pathology in (("tlics", "fracture"), ("sins", "metastasis")):
        asked = score == "sins" or is_injured(document)
        for one in document.facts.abnormal(pathology) if asked else ():
            usable = _ao_at(document.facts, one.site) in TLICS_OF_AO if score == "tlics" else bool(one.grade)
            for lacking in (*_MISSING[score], "nothing") if usable else ():
                if not _is_addable(document.facts, score, one.site, lacking):
                    continue
                fields = {"score": score, "site": one.site, "added": f"{score}_but_{lacking}"}
                yield Idea(fields, lacking, (one,), (one.site,), f"{score} {one.site}")


def _is_addable(facts: Facts, score: str, site: str, lacking: str) -> bool:
    """Return whether all but `lacking` may be added: for SINS this says that alignment is normal."""
    return score != "sins" or lacking == "alignment" or is_alignment_open(facts, site, "normal")


def is_missing_part(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` is what the score of the lesion at the site lacks."""
    pathology = "fracture" if fields["score"] == "tlics" else "metastasis"
    there = any(one.abnormal and one.grade for one in facts.at(pathology, fields["site"]))
    there = there and _is_addable(facts, fields["score"], fields["site"], key)
    return there and fields["added"] == f"{fields['score']}_but_{key}"


def sins_locations(document: Document) -> Iterator[Idea]:
    """Yield the SINS location class of levels with a finding, as if a tumour sat there."""
    for key, one in document.single:
        region = location_of(document.facts, one.site, document.usual_numbering)
        if region:
            yield Idea({"finding": key}, region, (one,), (one.site,))


def is_sins_location(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the finding lies in that class."""
    usual = is_usual(facts)
    return {location_of(facts, site, usual) for site in sites_of(facts, fields["finding"])} == {key}


def location_of(facts: Facts, site: str, usual: bool) -> str:
    """Return the class of a vertebra, or of a disc inside one class; "" where there is none.

    None is told of a vertebra that has a tumour, which need not be supposed, and from T11 down of a spine
    without the `usual` numbering, where junctions lie elsewhere.
    """
    moved = not usual and site_rank(site) >= site_rank("T11")
    return "" if moved or facts.status("metastasis", site) == "present" else _region(site)


@lru_cache(maxsize=128)
def _region(site: str) -> str:
    try:
        return sins_region(site)
    except ValueError:  # extra vertebrae, and discs between two classes
        return ""
