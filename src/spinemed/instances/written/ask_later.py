"""Ideas about a later injury, tumour or herniation at a level of the report, told by the question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final, get_args

from spinemed.facts.planning.extent import exiting_root
from spinemed.facts.planning.trauma import Ligaments, TlicsNeurology
from spinemed.instances.written.ask_plans import herniation_act
from spinemed.instances.written.ask_scores import (
    SINS_FIELDS,
    harms,
    is_alignment_open,
    is_broken,
    noms_plan,
    sins_points,
    tlics_points,
)
from spinemed.instances.written.document import Document, Idea, discs, is_usual
from spinemed.instances.written.stated import Facts

Fields = Mapping[str, str]
_AO: Final = {"compression": "A1", "burst": "A3", "translation_rotation": "C"}
_SITES: Final = 2
_BONES: Final = ("lytic", "mixed", "blastic")
_BROKEN: Final = ("fracture", "height_loss")
_WEEKS: Final = (2, 3, 4, 5, 7, 8, 9, 10, 12, 14)


def later_injuries(document: Document) -> Iterator[Idea]:
    """Yield TLICS points and treatment of a later fracture of a vertebra that is not said to be broken."""
    fragile = "osteoporotic_fracture" in document.study.conditions  # whose fractures TLICS is not made for
    for site in () if fragile else _whole(document, "T10", "L5", "fracture"):
        for morphology, ligaments, neurology in product(_AO, get_args(Ligaments), get_args(TlicsNeurology)):
            fields = {"site": site, "morphology": morphology, "ligaments": ligaments, "neurology": neurology}
            total = _injury(fields)
            if total and total != "4" and harms(site, neurology):
                yield Idea(fields, total, document.at_site(site), (site,), rule="tlics_2005")


def is_later_injury(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether TLICS gives `key` points."""
    return _injury(fields) == key


def _injury(fields: Fields) -> str:
    return tlics_points(_AO[fields["morphology"]], fields["ligaments"], fields["neurology"])


def later_tumours(document: Document) -> Iterator[Idea]:
    """Yield SINS totals of a later metastasis of a vertebra that is not said to have one or to be broken.

    Of a vertebra that has lost height already, nobody can tell what the tumour has made collapse.
    """
    for site in _whole(document, "C3", "L5", *_BROKEN):
        for _ in range(16):
            fields = {name: document.rng.choice(values) for name, values in SINS_FIELDS.items()}
            fields |= {"site": site, "bone": document.rng.choice(_BONES)}
            total = _tumour(document.facts, fields)
            if total:
                yield Idea(fields, total, document.at_site(site), (site,), site, rule="sins_2010")


def is_later_tumour(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether SINS gives `key` points."""
    return _tumour(facts, fields) == key


def _tumour(facts: Facts, fields: Fields) -> str:
    """Return the SINS points, "" where the report speaks against what the question adds."""
    site = fields["site"]
    if is_broken(facts, site) or not is_alignment_open(facts, site, fields["alignment"]):
        return ""
    score = sins_points(site, fields["bone"], *(fields[name] for name in SINS_FIELDS))
    return "" if score is None else str(score[0])


def later_metastases(document: Document) -> Iterator[Idea]:
    """Yield what NOMS suggests for a later metastasis of such a vertebra."""
    for site in _whole(document, "C3", "L1", *_BROKEN):
        for escc, sensitive, unstable in product(("1a", "2", "3"), ("yes", "no"), ("yes", "no")):
            fields = {"site": site, "escc": escc, "sensitive": sensitive, "unstable": unstable}
            yield Idea(fields, noms_plan(fields), document.at_site(site), (site,), rule="noms_2006")


def is_later_metastasis(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether NOMS suggests `key` for a vertebra that is not broken already."""
    return not is_broken(facts, fields["site"]) and noms_plan(fields) == key


def later_herniations(document: Document) -> Iterator[Idea]:
    """Yield what comes next for a later herniation of a lumbar disc that is not said to have one."""
    places = document.places(discs=True, low="L1", high="S1")
    free = [site for site in places if document.facts.status("herniation", site) != "present"]
    for site in document.sample(free, _SITES):
        for sign, pain, weeks in product(("cauda", "none", "stable", "progressive"), ("yes", "no"), _WEEKS):
            plan = herniation_act(sign, pain == "yes", weeks)
            if plan and (pain == "yes" or sign == "none"):
                fields = {"site": site, "sign": sign, "pain": pain, "weeks": str(weeks)}
                yield Idea(fields, plan, document.at_site(site), (site,), rule="sport_herniation_2006")


def is_later_herniation(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the rule asks for `key`."""
    return herniation_act(fields["sign"], fields["pain"] == "yes", int(fields["weeks"])) == key


def blocks(document: Document) -> Iterator[Idea]:
    """Yield the disc level of the foramen at which a root is blocked, lumbar in the usual numbering alone.

    With a lumbar vertebra more or less sources differ on which root leaves where.
    """
    regions = "CL" if document.usual_numbering else "C"
    for site in discs():
        if site[0] in regions and site != "C2-C3":
            yield Idea({"root": exiting_root(site)}, site, (), (site,), site[0], rule="herniation_anatomy")


def is_block(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the root leaves at the disc level `key`, which is sure of usual numbers alone."""
    return (key[0] == "C" or is_usual(facts)) and exiting_root(key) == fields["root"]


def _whole(document: Document, low: str, high: str, *pathologies: str) -> list[str]:
    """Return a few vertebrae of the document that are said to have none of some pathologies."""
    places = document.places(discs=False, low=low, high=high)
    # Scores of injuries are not made for a bone that a tumour has weakened.
    ill = {*pathologies, "metastasis"}
    free = [site for site in places if all(document.facts.status(name, site) != "present" for name in ill)]
    return document.sample(free, _SITES) if document.usual_numbering else []
