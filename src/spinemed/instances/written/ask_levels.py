"""Ideas that ask for a level, and which answers hold: by finding, rank, count, shift, reader and root."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Final

from spinemed.facts.planning.extent import compressed_root, exiting_root, traversing_root
from spinemed.instances.written.document import Document, Idea, discs, shifted, spared_of, vertebrae
from spinemed.instances.written.phrases import sites_of
from spinemed.instances.written.stated import Facts, Said, site_rank
from spinemed.levels import Level, Numbering

Fields = Mapping[str, str]
RANKED: Final = ("disc_degeneration", "height_loss", "canal_stenosis", "slip")
_SEVERITY: Final = {"none": 0, "mild": 1, "moderate": 2, "severe": 3}
_OFFSETS: Final = (-4, -3, -2, -1, 1, 2, 3, 4)
_READERS: Final = {-2: "two_up", -1: "one_up", 0: "same", 1: "one_down", 2: "two_down"}
_COUNTS: Final = {"four": 4, "six": 6}
_OF_DISCS: Final = ("herniation", "modic_change", "canal_stenosis", "slip", "bridging", "spondylodiscitis")
"""What a disc has that is likely to be worn: its grade is missed where it is not told."""
SIGN_ROOTS: Final = {"L3": "L2-L3", "L4": "L3-L4", "L5": "L4-L5", "S1": "L5-S1"}
"""Root -> the disc whose subarticular herniation takes it."""


def form(site: str) -> str:
    """Return whether a site is a disc or a vertebra."""
    return "disc" if "-" in site else "vertebra"


def finding_levels(document: Document) -> Iterator[Idea]:
    """Yield the level of each finding that is at one alone."""
    for key, one in document.single:
        yield Idea({"finding": key}, one.site, (one,), (one.site,), form(one.site))


def is_at(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the named finding is at the site `key`."""
    return key in sites_of(facts, fields["finding"])


def graded_levels(document: Document) -> Iterator[Idea]:
    """Yield the levels that are graded worst, second and least of a pathology."""
    for pathology in RANKED:
        said = _graded(document.facts, pathology)
        for rank in ("most", "second", "least"):
            site = ranked_site(document.facts, pathology, rank)
            if site:
                yield Idea({"pathology": pathology, "rank": rank}, site, said, (site,), pathology)


def is_ranked(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` has the named rank among the graded levels."""
    return ranked_site(facts, fields["pathology"], fields["rank"]) == key


def ranked_site(facts: Facts, pathology: str, rank: str) -> str:
    """Return the one site of a rank, "" with fewer than three graded ones or a tie at that rank."""
    grades = {one.site: _step(one) for one in _graded(facts, pathology)}
    if len(grades) < 3:
        return ""
    order = sorted(grades.values())
    wanted = {"most": order[-1], "second": order[-2], "least": order[0]}[rank]
    here = [site for site, grade in grades.items() if grade == wanted]
    return here[0] if len(here) == 1 else ""


def _graded(facts: Facts, pathology: str) -> tuple[Said, ...]:
    return tuple(one for one in facts.of(pathology) if one.grade and one.finding.detail != "retrolisthesis")


def _step(one: Said) -> int:
    return _SEVERITY[one.grade] if one.grade in _SEVERITY else int(one.grade)


def end_levels(document: Document) -> Iterator[Idea]:
    """Yield the highest and lowest levels of a pathology that is at three or more."""
    for pathology in COUNTED:
        said = document.facts.abnormal(pathology)
        for rank in ("highest", "second_highest", "second_lowest", "lowest"):
            site = end_site(document.facts, pathology, rank)
            if site:
                yield Idea({"pathology": pathology, "rank": rank}, site, said, (site,), pathology)


def is_end(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` is the site at that end."""
    return end_site(facts, fields["pathology"], fields["rank"]) == key


def end_site(facts: Facts, pathology: str, rank: str) -> str:
    """Return the site at an end of those that have a pathology, "" where it has fewer than three."""
    sites = sorted({one.site for one in facts.abnormal(pathology)}, key=site_rank)
    if len(sites) < 3 or (len(sites) < 4 and rank == "second_lowest"):
        return ""
    return sites[{"highest": 0, "second_highest": 1, "second_lowest": -2, "lowest": -1}[rank]]


COUNTED: Final = (
    "disc_degeneration", "herniation", "canal_stenosis", "foraminal_stenosis", "modic_change", "fracture",
    "metastasis", "endplate_defect", "osteophyte", "bridging", "screws",
)  # fmt: skip
"""Pathologies that are counted and looked for from either end."""


def counts(document: Document) -> Iterator[Idea]:
    """Yield how many levels have a pathology; of those denied alone, none."""
    for pathology in COUNTED:
        said = document.facts.of(pathology)
        if said:
            right = str(count_of(document.facts, pathology))
            yield Idea({"pathology": pathology}, right, said, _first(said, lambda one: one.abnormal))


def is_count(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether so many levels have the pathology."""
    return str(count_of(facts, fields["pathology"])) == key


def count_of(facts: Facts, pathology: str) -> int:
    """Return at how many sites a pathology is said to be."""
    return len({one.site for one in facts.abnormal(pathology)})


def graded_counts(document: Document) -> Iterator[Idea]:
    """Yield how many discs reach a Pfirrmann grade, where every disc that is ill or worn is graded."""
    said = _discs_graded(document.facts)
    if said:
        for grade in ("3", "4", "5"):  # an untold disc may well be of grade II
            right = str(sum(one.grade >= grade for one in said))
            yield Idea({"grade": grade}, right, said, _first(said, partial(_reaches, grade=grade)))


def _reaches(one: Said, grade: str) -> bool:
    return one.grade >= grade


def _first(said: Sequence[Said], counts: Callable[[Said], bool]) -> tuple[str, ...]:
    """Return the sites of findings, first those that count: the first of all is the one quoted."""
    return said_sites(sorted(said, key=lambda one: not counts(one)))


def is_graded_count(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether so many discs reach the grade."""
    said = _discs_graded(facts)
    return bool(said) and str(len({one.site for one in said if one.grade >= fields["grade"]})) == key


def _discs_graded(facts: Facts) -> tuple[Said, ...]:
    """Return what is said of worn discs, () where a worn, herniated or infected one is not graded."""
    said = facts.of("disc_degeneration")
    graded = {one.site for one in said if one.grade}
    ill = {one.site for name in _OF_DISCS for one in facts.abnormal(name)}
    return tuple(said) if ill <= graded and all(one.grade for one in said) else ()


def offsets(document: Document, wanted: str) -> Iterator[Idea]:
    """Yield the levels a few steps above and below each finding at a disc or a vertebra."""
    for key, one in document.single if document.usual_numbering else ():
        for steps in _OFFSETS if form(one.site) == wanted else ():
            site = shifted(one.site, steps)
            if site:
                fields = {"finding": key, "steps": str(abs(steps)), "way": "below" if steps > 0 else "above"}
                yield Idea(fields, site, (one,), (site, one.site), one.site)


def is_offset(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` lies so many steps from where the finding is."""
    steps = int(fields["steps"]) * (1 if fields["way"] == "below" else -1)
    return {shifted(site, steps) for site in sites_of(facts, fields["finding"])} == {key}


def distances(document: Document) -> Iterator[Idea]:
    """Yield how many vertebrae or discs one finding lies from another."""
    pairs = list(combinations(document.single, 2)) if document.usual_numbering else []
    for (key, one), (other_key, other) in document.sample(pairs, 12):
        if form(one.site) == form(other.site) and key != other_key and one.site != other.site:
            steps = str(_apart(one.site, other.site))
            fields = {"finding": key, "other": other_key}
            yield Idea(fields, steps, (one, other), (one.site, other.site))


def is_distance(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the two findings lie so many steps apart."""
    first, second = (sites_of(facts, fields[name]) for name in ("finding", "other"))
    return {str(_apart(one, other)) for one in first for other in second} == {key}


def _apart(one: str, other: str) -> int:
    row = discs() if "-" in one else vertebrae()
    return abs(row.index(one) - row.index(other)) if one in row and other in row else -1


def renumbered(document: Document) -> Iterator[Idea]:
    """Yield the true level of a finding that was counted from below, with four or six lumbar vertebrae.

    It is offered beside those of other findings: what five would give is what the report says already.
    Where the neck is shown the levels are counted from there, and nobody needs to suppose a number.
    """
    shows_neck = any(site.startswith("C") for site in document.sites)
    for key, one in document.single if document.usual_numbering and not shows_neck else ():
        for count in _COUNTS:
            right = recounted(one.site, count)
            if right:
                fields = {"finding": key, "count": count}
                yield Idea(fields, right, (one,), (one.site,), form(one.site))


def is_renumbered(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` is the finding's level by the other count."""
    sites = sites_of(facts, fields["finding"])
    return {recounted(site, fields["count"]) for site in sites} == {key}


def recounted(site: str, count: str) -> str:
    """Return a site counted from below with five lumbar vertebrae as it is called with another number.

    "" above T10.

    >>> recounted("L4-L5", "six"), recounted("L4-L5", "four"), recounted("T12", "six")
    ('L5-L6', 'L3-L4', 'L1')
    """
    before = Numbering().levels
    after = Numbering(lumbar=_COUNTS[count]).levels
    ends = site.split("-")
    if any(end not in before or Level(end) < Level.T10 for end in ends):
        return ""
    shift = after.index(Level.S1) - before.index(Level.S1)
    # From the sacrum up, places are the same; the levels' names move by the vertebra that is more or less.
    named = "-".join(after[before.index(Level(end)) + shift].value for end in ends)
    return "" if named == "L4-S1" else named  # which reads as a range elsewhere


def readers(document: Document) -> Iterator[Idea]:
    """Yield how far a second reader's level is from the one that is stated."""
    for key, one in document.single if document.usual_numbering else ():
        for steps, word in _READERS.items():
            site = shifted(one.site, steps)
            if site:
                yield Idea({"finding": key, "site": site}, word, (one,), (one.site, site), key)


def is_reader(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the second reader is off by `key`."""
    steps = next(steps for steps, word in _READERS.items() if word == key)
    return {shifted(site, steps) for site in sites_of(facts, fields["finding"])} == {fields["site"]}


def level_roots(document: Document) -> Iterator[Idea]:
    """Yield the roots that leave or cross at the level of a finding."""
    for key, one in document.single if document.usual_numbering else ():
        for part in ("exiting", "traversing"):
            root = root_at(one.site, part)
            if root:
                yield Idea({"finding": key, "part": part}, root, (one,), (one.site,), one.site[0])


def is_level_root(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` is the root at the level of the finding."""
    return {root_at(site, fields["part"]) for site in sites_of(facts, fields["finding"])} == {key}


def root_at(site: str, part: str) -> str:
    """Return the root that exits or traverses at a disc, "" where no rule names it."""
    if "-" not in site:
        return ""
    try:
        return exiting_root(site) if part == "exiting" else traversing_root(site)
    except ValueError:  # thoracic discs, extra vertebrae, and no root crosses in the neck
        return ""


def pressed_roots(document: Document) -> Iterator[Idea]:
    """Yield the root that a herniation, recess or foraminal stenosis compresses."""
    for key, one in document.single:
        root = pressed_root(one)
        if root and document.usual_numbering:
            yield Idea({"finding": key}, root, (one,), (one.site,), one.site[0])


def is_pressed_root(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` is the root that the named finding compresses."""
    pathology = fields["finding"].partition("|")[0]
    sites = sites_of(facts, fields["finding"])
    found = {pressed_root(one) for one in facts.abnormal(pathology) if one.site in sites}
    return found == {key}


def pressed_root(one: Said) -> str:
    """Return the root that a finding presses on by its side and zone, "" where that is not sure."""
    pathology = one.finding.pathology
    zone = {"recess_stenosis": "subarticular", "foraminal_stenosis": "foraminal"}.get(pathology, one.detail)
    if one.side not in ("left", "right") or zone not in ("subarticular", "foraminal"):
        return ""
    if pathology not in ("herniation", "recess_stenosis", "foraminal_stenosis"):
        return ""
    try:
        ruling = compressed_root(one.site, "foraminal" if zone == "foraminal" else "subarticular", "left")
    except ValueError:  # a thoracic disc
        return ""
    return ruling.root if ruling.keyed else ""


def curve_levels(document: Document) -> Iterator[Idea]:
    """Yield apex and end vertebrae of the one curve that is stated."""
    for part in ("apex", "upper", "lower"):
        site = curve_site(document.facts, part)
        if site:
            said = document.facts.abnormal("scoliosis")
            yield Idea({"part": part}, site, said, (site,))


def is_curve_level(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether `key` is that vertebra of the curve."""
    return curve_site(facts, fields["part"]) == key


def curve_site(facts: Facts, part: str) -> str:
    """Return apex or an end of the one curve, "" with none or several."""
    curves = facts.abnormal("scoliosis")
    if len(curves) != 1 or curves[0].finding.extent is None:
        return ""
    upper, lower = curves[0].finding.extent
    return {"apex": curves[0].site, "upper": upper, "lower": lower}[part]


def sign_discs(document: Document) -> Iterator[Idea]:
    """Yield the disc whose new subarticular herniation explains the signs of a root, in the usual numbering.

    None of a disc that is fused or infected, or lies between screws.
    """
    for root, disc in SIGN_ROOTS.items() if document.usual_numbering else ():
        for sign in ("motor", "sensory") if disc not in document.spared else ():
            yield Idea({"sign": f"{root}_{sign}"}, disc, (), (disc,))


def is_sign_disc(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether a new subarticular herniation of `key` takes the root of the signs."""
    if key in spared_of(facts):
        return False
    return compressed_root(key, "subarticular", "left").root == fields["sign"].partition("_")[0]


def said_sites(said: Sequence[Said]) -> tuple[str, ...]:
    """Return the sites of findings, each once."""
    return tuple(dict.fromkeys(one.site for one in said))
