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
    noms_plan,
    sins_points,
    tlics_points,
)
from spinemed.instances.written.document import Document, Idea, discs
from spinemed.instances.written.stated import Facts

Fields = Mapping[str, str]
_AO: Final = {"compression": "A1", "burst": "A3", "translation_rotation": "C"}
_SITES: Final = 2
_BONES: Final = ("lytic", "mixed", "blastic")
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
    """Yield SINS totals of a later metastasis of a vertebra that is not said to have one."""
    for site in _whole(document, "C3", "L5", "metastasis"):
        for _ in range(16):
            fields = {name: document.rng.choice(values) for name, values in SINS_FIELDS.items()}
            fields |= {"site": site, "bone": document.rng.choice(_BONES)}
            total = _tumour(fields) if is_alignment_open(document.facts, site, fields["alignment"]) else ""
            if total:
                yield Idea(fields, total, document.at_site(site), (site,), site, rule="sins_2010")


def is_later_tumour(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether SINS gives `key` points."""
    return is_alignment_open(facts, fields["site"], fields["alignment"]) and _tumour(fields) == key


def _tumour(fields: Fields) -> str:
    score = sins_points(fields["site"], fields["bone"], *(fields[name] for name in SINS_FIELDS))
    return "" if score is None else str(score[0])


def later_metastases(document: Document) -> Iterator[Idea]:
    """Yield what NOMS suggests for a later metastasis of such a vertebra."""
    for site in _whole(document, "C3", "L1", "metastasis"):
        for escc, sensitive, unstable in product(("1a", "2", "3"), ("yes", "no"), ("yes", "no")):
            fields = {"site": site, "escc": escc, "sensitive": sensitive, "unstable": unstable}
            yield Idea(fields, noms_plan(fields), document.at_site(site), (site,), rule="noms_2006")


def is_later_metastasis(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether NOMS suggests `key`."""
    return noms_plan(fields) == key


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


def blocks(_document: Document) -> Iterator[Idea]:
    """Yield the disc level of the foramen at which a root is blocked."""
    for site in discs():
        if site[0] in "CL" and site != "C2-C3":
            yield Idea({"root": exiting_root(site)}, site, (), (site,), site[0], rule="herniation_anatomy")


def is_block(_facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the root leaves at the disc level `key`."""
    return exiting_root(key) == fields["root"]


def _whole(document: Document, low: str, high: str, pathology: str) -> list[str]:
    """Return a few vertebrae of the document that are not said to have a pathology."""
    places = document.places(discs=False, low=low, high=high)
    ill = {pathology, "metastasis"}  # scores of injuries are not made for a bone that a tumour has weakened
    free = [site for site in places if all(document.facts.status(name, site) != "present" for name in ill)]
    return document.sample(free, _SITES) if document.usual_numbering else []
