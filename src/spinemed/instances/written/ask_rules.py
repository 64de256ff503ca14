"""Ideas that describe a later examination or event at a level of the report, and what published rules say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import product
from typing import Final, cast, get_args

from spinemed.facts.planning.deformity import LenkeCurve, lenke_type, schwab_pt, schwab_sva
from spinemed.facts.planning.disc import MsuZone, msu
from spinemed.facts.planning.red_flags import RedFlag, red_flag
from spinemed.facts.planning.slip import meyerding, slip_share_percent
from spinemed.facts.planning.stenosis import SchizasGrade, cervical_canal, mjoa_severity, schizas
from spinemed.facts.planning.trauma import Ligaments, SlicMorphology, SlicNeurology, slic
from spinemed.instances.templates import Words
from spinemed.instances.written.document import Document, Idea
from spinemed.instances.written.stated import Facts
from spinemed.instances.written.templates import question_of
from spinemed.records import Pathology

Fields = Mapping[str, str]
_SITES: Final = 3
_NATIVE: Final = "idsa_2015"
"""The guideline of infection in a spine without implants."""
_MODIC: Final = {("low", "high"): "1", ("high", "high"): "2", ("low", "low"): "3", ("same", "same"): "0"}
_OF_NERVES: Final = (
    "saddle_anaesthesia", "urinary_retention", "new_bladder_or_bowel_incontinence",
    "known_cancer_and_neurological_signs", "loss_of_hand_dexterity", "gait_imbalance_and_hyperreflexia",
)  # fmt: skip
"""Red flags that are signs of the cord or of the cauda equina."""
_OF_FALLS: Final = ("minor_trauma_and_osteoporosis", "minor_trauma_and_long_term_steroids")
_BESIDE_INFECTION: Final[tuple[Pathology, ...]] = ("cage", "screws", "metastasis", "spondylodiscitis")
_BESIDE_FALL: Final[tuple[Pathology, ...]] = ("metastasis", "spondylodiscitis")
_BESIDE_PERCENT: Final = 3.0
_CUTS: Final = (25.0, 50.0, 75.0, 100.0)
_BENDS: Final = (6, 9, 12, 15, 18, 21, 28, 31, 34, 37)
_STRUCTURAL_DEG: Final = 25


def modic_signals(document: Document) -> Iterator[Idea]:
    """Yield the Modic type of signals beside a lumbar disc, whose vertebrae nothing else has altered."""
    ill = {one.site for name in ("fracture", "metastasis") for one in document.facts.abnormal(name)}
    found = _discs(document, "L1", "S1", "modic_change")
    for site in (one for one in found if ill.isdisjoint(one.split("-"))):
        for (first, second), key in _MODIC.items():
            yield _at(document, site, {"first": first, "second": second}, key)


def is_modic(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the signals are those of that Modic type."""
    return _MODIC.get((fields["first"], fields["second"])) == key


def pfirrmann_looks(document: Document) -> Iterator[Idea]:
    """Yield the Pfirrmann grade of a described disc."""
    for site in _discs(document, "L1", "S1", "disc_degeneration"):
        for grade in "12345":
            yield _at(document, site, {"look": grade}, grade)


def lee_looks(document: Document) -> Iterator[Idea]:
    """Yield the Lee grade of a described lumbar foramen."""
    for site in _discs(document, "L1", "S1", "foraminal_stenosis"):
        for grade in "0123":
            yield _at(document, site, {"look": grade}, grade)


def is_look(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the description is the one of that grade."""
    return fields["look"] == key


def schizas_looks(document: Document) -> Iterator[Idea]:
    """Yield the severity after Schizas of a described lumbar canal."""
    for site in _discs(document, "L1", "S1", "canal_stenosis"):
        for grade in ("A1", "B", "C", "D"):
            yield _at(document, site, {"sac": grade}, _schizas(grade))


def is_schizas(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the description means that severity."""
    return _schizas(fields["sac"]) == key


@cache
def _schizas(grade: str) -> str:
    return schizas(cast(SchizasGrade, grade)).severity


def ao_breaks(document: Document) -> Iterator[Idea]:
    """Yield the AO type of a described new fracture of a vertebra that is not said to be broken."""
    places = document.places(discs=False, low="T4", high="L5")
    ill = ("fracture", "metastasis")  # AO types are of injuries, not of a bone that a tumour has weakened
    whole = [site for site in places if all(document.facts.status(name, site) != "present" for name in ill)]
    for site in document.sample(whole, _SITES):
        for ao in ("A1", "A2", "A3", "A4", "B1", "B2", "C"):
            yield _at(document, site, {"break": ao}, ao)


def is_ao(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the description is the one of that AO type."""
    return fields["break"] == key


def slip_shares(document: Document) -> Iterator[Idea]:
    """Yield the Meyerding grade of a slip in mm at a lumbar disc."""
    for site in _discs(document, "L3", "S1", "slip"):
        for _ in range(14):
            depth = document.rng.randrange(32, 41)
            slip = document.rng.randrange(4, depth * 3 // 4)  # up to grade III
            grade = _slip_grade(slip, depth)
            if grade:
                yield _at(document, site, {"slip": str(slip), "depth": str(depth)}, grade)


def is_slip_share(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the slip has that grade."""
    return _slip_grade(int(fields["slip"]), int(fields["depth"])) == key


@lru_cache(maxsize=1024)
def _slip_grade(slip: int, depth: int) -> str:
    """Return Meyerding's grade, "" beside a cut between two."""
    percent = slip_share_percent(slip, depth)
    near = any(abs(percent - cut) < _BESIDE_PERCENT for cut in _CUTS)
    return "" if near else meyerding(percent).grade


def neck_canals(document: Document) -> Iterator[Idea]:
    """Yield how a cervical canal of some width is called."""
    for site in _discs(document, "C3", "C7", "canal_stenosis"):
        for width in (6, 7, 8, 9, 11, 14, 15, 16, 17, 18):
            ruling = cervical_canal(width)
            if ruling.keyed:
                yield _at(document, site, {"width": str(width)}, ruling.canal)


def is_neck_canal(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the width is called so."""
    return cervical_canal(float(fields["width"])).canal == key


def mjoa_scores(document: Document) -> Iterator[Idea]:
    """Yield the severity that goes with an mJOA score, where nothing but wear may harm the neck's cord."""
    for points in () if _is_neck_ill(document) else range(4, 19):
        yield Idea({"mjoa": str(points)}, _mjoa(points))


def is_mjoa(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the score means that severity."""
    return _mjoa(int(fields["mjoa"])) == key


@cache
def _mjoa(points: int) -> str:
    return mjoa_severity(points).severity


def msu_extents(document: Document) -> Iterator[Idea]:
    """Yield the MSU grade of a described herniation at a lumbar disc without one."""
    for site in _discs(document, "L2", "S1", "herniation"):
        for percent, zone in product((20, 30, 40, 60, 75, 90, 110, 120, 130), ("A", "B", "C")):
            key = _msu(percent, zone)
            yield _at(document, site, {"percent": str(percent), "zone": zone}, key)


def is_msu(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether size and zone are those."""
    return _msu(int(fields["percent"]), fields["zone"]) == key


@lru_cache(maxsize=256)
def _msu(percent: int, zone: str) -> str:
    return msu(percent, cast(MsuZone, zone)).label


def flag_requirements(document: Document) -> Iterator[Idea]:
    """Yield what a red flag that appears later requires."""
    for flag, months in _flags(document):
        yield Idea({"flag": flag, "months": months}, _flag(flag)[0], rule=_flag(flag)[2])


def is_requirement(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the flag requires `key`."""
    return _flag(fields["flag"])[0] == key


def flag_urgencies(document: Document) -> Iterator[Idea]:
    """Yield how soon a red flag that appears later asks for imaging."""
    for flag, months in _flags(document):
        if is_timed(flag):
            yield Idea({"flag": flag, "months": months}, _flag(flag)[1], rule=_flag(flag)[2])


def is_urgency(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the flag has that urgency."""
    return is_timed(fields["flag"]) and _flag(fields["flag"])[1] == key


def is_timed(flag: str) -> bool:
    """Return whether how soon a flag asks for imaging is agreed: for infection the guideline names no time.

    >>> is_timed("urinary_retention"), is_timed("spinal_pain_and_fever")
    (True, False)
    """
    return _flag(flag)[2] != _NATIVE


def _flags(document: Document) -> Iterator[tuple[str, str]]:
    form = question_of("written_red_flag").fields["flag"]
    for flag in form.en if isinstance(form, Words) else ():
        if not is_clouded(document.facts, flag):
            yield flag, _months(document)


def is_clouded(facts: Facts, flag: str) -> bool:
    """Return whether what is stated already may explain a flag, or makes another answer as good.

    Signs of nerves are nothing new where something presses on the cord or the cauda; what an infection
    requires differs beside implants, what it or a fall requires beside a tumour; a fall over a tight canal
    may harm the cord first; a raised CRP belongs to ankylosing disease.
    """
    if flag in _OF_NERVES:
        return is_pressing(facts)
    beside = _BESIDE_INFECTION if _flag(flag)[2] == _NATIVE else _BESIDE_FALL if flag in _OF_FALLS else ()
    inflamed = flag == "spinal_pain_and_raised_crp_or_esr" and facts.abnormal("bridging")
    fallen = flag in _OF_FALLS and is_tight(facts)
    return bool(inflamed) or fallen or any(facts.abnormal(name) for name in beside)


def is_pressing(facts: Facts) -> bool:
    """Return whether something is stated that presses on the cord or the cauda, or is likely to."""
    large = any(one.grade == "extrusion" for one in facts.abnormal("herniation"))
    broken = any(one.finding.detail != "old" for one in facts.abnormal("fracture"))
    ill = any(facts.abnormal(name) for name in ("metastasis", "spondylodiscitis"))
    return is_tight(facts) or large or broken or ill


def is_tight(facts: Facts) -> bool:
    """Return whether a canal is said to be narrow, and not mildly, or the cord to be bright."""
    narrow = any(one.grade != "mild" for one in facts.abnormal("canal_stenosis"))
    return narrow or bool(facts.abnormal("cord_signal"))


@cache
def _flag(flag: str) -> tuple[str, str, str]:
    """Return what a flag requires, how soon, and the source that says so."""
    ruling = red_flag(cast(RedFlag, flag))
    return (ruling.requires, ruling.urgency, ruling.source) if ruling.keyed else ("", "", "")


def lenke_curves(document: Document) -> Iterator[Idea]:
    """Yield the Lenke type of curves with their residual angles on bending."""
    for major in ("main_thoracic", "thoracolumbar_lumbar"):
        for _ in range(16):
            proximal, other = (document.rng.choice(_BENDS) for _ in range(2))
            key = _lenke(major, proximal, other)
            if key:
                fields = {"major": major, "proximal": str(proximal), "other": str(other)}
                yield Idea(fields, key)


def is_lenke(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the curves have that type."""
    return _lenke(fields["major"], int(fields["proximal"]), int(fields["other"])) == key


@lru_cache(maxsize=1024)
def _lenke(major: str, proximal: int, other: int) -> str:
    """Return Lenke's type, "" where there is none."""
    second = "thoracolumbar_lumbar" if major == "main_thoracic" else "main_thoracic"
    bends = (("proximal_thoracic", proximal), (second, other))
    stiff = frozenset(cast(LenkeCurve, name) for name, angle in bends if angle >= _STRUCTURAL_DEG)
    try:
        return str(lenke_type(cast(LenkeCurve, major), stiff).type)
    except ValueError:  # a stiff proximal thoracic beside a thoracolumbar major curve alone
        return ""


def schwab_films(document: Document) -> Iterator[Idea]:
    """Yield the SRS-Schwab modifiers of a later standing film; the classification is one of adults."""
    for _ in range(24 if document.is_adult else 0):
        sva, tilt = document.rng.randrange(5, 140), document.rng.randrange(8, 42)
        yield Idea({"sva": str(sva), "tilt": str(tilt)}, _schwab(sva, tilt))


def is_schwab(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the film has these modifiers."""
    return _schwab(int(fields["sva"]), int(fields["tilt"])) == key


@lru_cache(maxsize=8192)
def _schwab(sva: int, tilt: int) -> str:
    return f"{schwab_sva(sva).modifier} {schwab_pt(tilt).modifier}"


def neck_injuries(document: Document) -> Iterator[Idea]:
    """Yield SLIC totals of a later injury of a neck without metal, fusion, fracture or tumour."""
    if _is_neck_ill(document) or any(site[0] == "C" for site in document.spared):
        return
    for morphology, ligaments, neurology in product(
        ("compression", "burst", "distraction", "translation_rotation"),
        get_args(Ligaments),
        get_args(SlicNeurology),
    ):
        total = _slic(morphology, ligaments, neurology)
        if total:
            fields = {"morphology": morphology, "ligaments": ligaments, "neurology": neurology}
            yield Idea({**fields, "months": _months(document)}, total)


def _is_neck_ill(document: Document) -> bool:
    """Return whether the neck is said to be broken, or to have a metastasis or an infection."""
    ill = ("fracture", "metastasis", "spondylodiscitis")
    return any(one.site[0] == "C" for name in ill for one in document.facts.abnormal(name))


def is_slic(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether SLIC gives `key` points."""
    return _slic(fields["morphology"], fields["ligaments"], fields["neurology"]) == key


@lru_cache(maxsize=256)
def _slic(morphology: str, ligaments: str, neurology: str) -> str:
    try:
        score = slic(
            cast(SlicMorphology, morphology),
            cast(Ligaments, ligaments),
            cast(SlicNeurology, neurology),
            False,
        )
    except ValueError:  # a torn spine with intact ligaments
        return ""
    return str(score.total)


def _months(document: Document) -> str:
    return str(document.rng.randrange(2, 25))


def _discs(document: Document, low: str, high: str, pathology: str) -> list[str]:
    """Return a few discs of the document at which nothing is said to be of a pathology, present or not."""
    places = document.places(discs=True, low=low, high=high)
    free = [site for site in places if document.facts.status(pathology, site) != "present"]
    return document.sample(free, _SITES) if document.usual_numbering else []


def _at(document: Document, site: str, fields: Fields, right: str) -> Idea:
    """Return an idea about a site, shown with a sentence of the report that names it."""
    return Idea({"site": site, **fields}, right, document.at_site(site), (site,))
