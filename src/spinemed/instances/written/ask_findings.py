"""Ideas that ask what is at a level, and which answers hold: findings, grades, statuses, changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Final

from spinemed.facts.normal import genant_grade
from spinemed.facts.planning.slip import meyerding
from spinemed.instances.written.ask_levels import form, said_sites
from spinemed.instances.written.document import Document, Idea, unlike
from spinemed.instances.written.phrases import sites_of
from spinemed.instances.written.stated import Facts, Said

Fields = Mapping[str, str]
OPTIONS: Final = 4
_TRIES: Final = 6
SCALES: Final = (
    "disc_degeneration", "canal_stenosis", "height_loss", "slip", "modic_change", "fracture", "metastasis",
)  # fmt: skip
OF_DISCS: Final = (
    "herniation", "canal_stenosis", "foraminal_stenosis", "slip", "disc_degeneration", "modic_change",
    "spondylodiscitis", "recess_stenosis", "bridging", "cord_signal",
)  # fmt: skip
OF_VERTEBRAE: Final = (
    "fracture",
    "metastasis",
    "endplate_defect",
    "height_loss",
    "osteophyte",
    "pars_defect",
)
_REGION: Final = {"cord_signal": "C", "recess_stenosis": "L"}
"""Where alone something is reported: the first letter of the sites."""
STATUSES: Final = ("present", "absent", "unmentioned")
_ROMAN: Final = {"0": 0, "I": 1, "II": 2, "III": 3, "IV": 4, "V": 5}
_LOSSES: Final = (6, 9, 12, 15, 22, 23, *range(28, 38), *range(43, 66, 2))
_SLIPS: Final = (*range(8, 23, 2), *range(28, 48, 2), *range(53, 73, 3), *range(78, 97, 3))
CHANGES: Final = ("same", "up_1", "up_2", "up_3")


def site_findings(document: Document) -> Iterator[Idea]:
    """Yield what is found at a level, beside three findings of its form that are at other levels alone."""
    for shape in ("disc", "vertebra"):
        found = [(key, one) for key, one in document.named if form(one.site) == shape]
        for _ in range(_TRIES):
            chosen = list(unlike(document.sample(found, len(found))))[:OPTIONS]
            keys = tuple(key for key, _ in chosen)
            if len(chosen) < OPTIONS or not _apart(chosen, document.facts):
                continue
            for key, one in chosen:
                yield Idea({"site": one.site}, key, (one,), (one.site,), "|".join(keys), keys)
    lone = [(key, one) for key, one in document.named if _alone(document.facts, one)]
    for key, one in lone:
        yield Idea({"site": one.site}, key, (one,), (one.site,), f"alone {form(one.site)}")


def _apart(chosen: list[tuple[str, Said]], facts: Facts) -> bool:
    """Return whether each of some findings fits its own site alone among theirs."""
    sites = {one.site for _, one in chosen}
    return all(sites_of(facts, key) & sites == {one.site} for key, one in chosen)


def _alone(facts: Facts, said: Said) -> bool:
    """Return whether a finding is the only abnormal one at its site and at what it touches."""
    return sum(one.abnormal and is_touching(one.site, said.site) for one in facts.said) == 1


def is_touching(site: str, other: str) -> bool:
    """Return whether two sites are the same, or a disc and a vertebra beside it.

    >>> is_touching("L3-L4", "L4"), is_touching("L3-L4", "L4-L5"), is_touching("L3", "L4")
    (True, False, False)
    """
    return site == other or site in other.split("-") or other in site.split("-")


def is_site_finding(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether a finding that can be called so is at the site, or at a disc or vertebra of it."""
    return any(is_touching(site, fields["site"]) for site in sites_of(facts, key))


def pairings(document: Document) -> Iterator[Idea]:
    """Yield which of three findings is at which of three levels, beside false orders of them."""
    for shape in ("disc", "vertebra"):
        found = [(key, one) for key, one in document.named if form(one.site) == shape]
        for _ in range(_TRIES):
            chosen = list(unlike(document.sample(found, len(found))))[:3]
            if len(chosen) < 3 or not _apart(chosen, document.facts):
                continue
            sites = [one.site for _, one in chosen]
            said = tuple(one for _, one in chosen)
            orders = [_pairs(sites, order) for order in permutations(key for key, _ in chosen)]
            offered = (orders[0], *document.sample(orders[1:], OPTIONS - 1))
            yield Idea({}, orders[0], said, tuple(sites), orders[0], offered)


def _pairs(sites: list[str], keys: tuple[str, ...]) -> str:
    return ";".join(f"{site}={key}" for site, key in zip(sites, keys, strict=True))


def is_pairing(facts: Facts, _fields: Fields, key: str) -> bool:
    """Return whether every pair of site and finding holds."""
    pairs = [one.split("=") for one in key.split(";")]
    return all(site in sites_of(facts, what) for site, what in pairs)


def grades(document: Document) -> Iterator[Idea]:
    """Yield the grade or type of each finding that is told or follows from its number."""
    for scale in SCALES:
        for one in document.facts.of(scale):
            key = grade_at(document.facts, one.site, scale)
            if key:
                yield Idea({"scale": scale, "site": one.site}, key, (one,), (one.site,), scale)


def is_grade(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the site has that grade of that scale."""
    return grade_at(facts, fields["site"], fields["scale"]) == key


def grade_at(facts: Facts, site: str, scale: str) -> str:
    """Return `scale grade` where all that is said of a site has one grade, "" elsewhere."""
    here = facts.at(scale, site)
    found = {one.grade for one in here}
    if len(found) != 1 or any(one.finding.detail == "retrolisthesis" for one in here):
        return ""
    grade = found.pop()
    return f"{scale} {grade}" if grade and (grade not in ("0", "none") or scale == "canal_stenosis") else ""


def traits(document: Document) -> Iterator[Idea]:
    """Yield side, zone, age, cause or form of a finding, where the words tell it."""
    for key, one in document.named:
        pathology, _, side, detail = key.split("|")
        if side in ("left", "right") and _sides(document.facts, one) == {side}:
            yield Idea(_trait("side", pathology, one), side, (one,), (one.site,), "side")
        if detail and _details(document.facts, one) == {detail}:
            yield Idea(_trait("kind", pathology, one), detail, (one,), (one.site,), f"{pathology} kind")


def _trait(trait: str, pathology: str, one: Said) -> dict[str, str]:
    return {"trait": f"{pathology}_{trait}", "site": one.site}


def _sides(facts: Facts, said: Said) -> set[str]:
    return {
        one.side or one.finding.side or ""
        for one in facts.at(said.finding.pathology, said.site)
        if one.abnormal
    }


def _details(facts: Facts, said: Said) -> set[str]:
    return {one.finding.detail for one in facts.at(said.finding.pathology, said.site) if one.abnormal}


def is_trait(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the named finding at the site has that side or kind."""
    pathology, _, trait = fields["trait"].rpartition("_")
    here = [one for one in facts.at(pathology, fields["site"]) if one.abnormal]
    if trait == "side":
        return bool(here) and {one.side for one in here} == {key}
    return bool(here) and {one.detail for one in here} == {key}


def site_statuses(document: Document) -> Iterator[Idea]:
    """Yield whether something is found, ruled out or not mentioned at a level."""
    for site, pathology, status in _statuses(document):
        said = document.facts.at(pathology, site) or document.at_site(site)
        yield Idea({"pathology": pathology, "site": site}, status, said, (site,))


def _statuses(document: Document) -> list[tuple[str, str, str]]:
    """Return (site, pathology, status) of the document, a few of each status."""
    found: dict[str, list[tuple[str, str, str]]] = {status: [] for status in STATUSES}
    for site in document.sites:
        for pathology in _asked_of(site):
            status = document.facts.status(pathology, site)
            if status:
                found[status].append((site, pathology, status))
    return [one for members in found.values() for one in document.sample(members, 8)]


def _asked_of(site: str) -> tuple[str, ...]:
    """Return what may be asked of a site: the cord's signal in the neck, recesses in the low back alone."""
    every = OF_DISCS if form(site) == "disc" else OF_VERTEBRAE
    return tuple(one for one in every if site.startswith(_REGION.get(one, "")))


def is_site_status(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the site has that status for the pathology."""
    return facts.status(fields["pathology"], fields["site"]) == key


def status_levels(document: Document) -> Iterator[Idea]:
    """Yield which of three levels has, lacks or is not examined for a pathology, each of another status."""
    for shape, pathologies in (("disc", OF_DISCS), ("vertebra", OF_VERTEBRAE)):
        sites = [site for site in document.sites if form(site) == shape]
        for pathology in pathologies:
            by_status: dict[str, list[str]] = {status: [] for status in ("", *STATUSES)}
            for site in sites:
                if pathology in _asked_of(site):
                    by_status[document.facts.status(pathology, site)].append(site)
            if all(by_status[status] for status in STATUSES):
                offered = tuple(document.rng.choice(by_status[status]) for status in STATUSES)
                yield from _of_three(document, {"pathology": pathology}, offered, "level")


def _of_three(document: Document, fields: Fields, offered: tuple[str, ...], over: str) -> Iterator[Idea]:
    """Yield an idea for each status, its right answer the one offered that has it."""
    for status, right in zip(STATUSES, offered, strict=True):
        pairs = [(fields["pathology"], one) if over == "level" else (one, fields["site"]) for one in offered]
        said = tuple(one for pathology, site in pairs for one in document.facts.at(pathology, site))
        unnamed = offered[2] if over == "level" else fields["site"]
        said += (
            ()
            if over != "level"
            else tuple(one for one in document.at_site(unnamed) if one.finding.pathology not in ANGLES)
        )
        # The first of the site is the one quoted.
        said = tuple(sorted(said, key=lambda one: right not in (one.site, one.finding.pathology)))
        sites = (right,) if over == "level" else (fields["site"],)
        yield Idea({**fields, "status": status}, right, said, sites, "|".join(offered), offered)


def is_status_level(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the pathology has that status at the site `key`."""
    return facts.status(fields["pathology"], key) == fields["status"]


def status_findings(document: Document) -> Iterator[Idea]:
    """Yield which of three pathologies is found, ruled out or not mentioned at one level."""
    for site in document.sites:
        by_status: dict[str, list[str]] = {status: [] for status in ("", *STATUSES)}
        for pathology in _asked_of(site):
            by_status[document.facts.status(pathology, site)].append(pathology)
        if all(by_status[status] for status in STATUSES):
            offered = tuple(document.rng.choice(by_status[status]) for status in STATUSES)
            yield from _of_three(document, {"site": site}, offered, "finding")


def is_status_finding(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the pathology `key` has that status at the site."""
    return facts.status(key, fields["site"]) == fields["status"]


def later_losses(document: Document) -> Iterator[Idea]:
    """Yield how Genant's grade changes when a later film shows another loss of height."""
    for one in document.facts.of("height_loss"):
        yield from _later(document, one, "height_loss", _LOSSES)


def later_slips(document: Document) -> Iterator[Idea]:
    """Yield how Meyerding's grade changes when a later film shows a further slip of a lumbar vertebra."""
    for one in document.facts.of("slip"):
        stiff = "ankylosing_spondylitis" in document.study.conditions
        young = document.study.age_band.split("-")[0] in ("0", "10", "20", "30")
        fused = stiff or (young and document.facts.abnormal("bridging"))
        if one.site not in document.spared and one.site[0] == "L" and not fused:
            for idea in _later(document, one, "slip", _SLIPS):
                if idea.right != CHANGES[3]:
                    yield idea


def _later(document: Document, one: Said, pathology: str, percents: tuple[int, ...]) -> Iterator[Idea]:
    for percent in document.sample(percents, 12):
        change = change_of(document.facts, one.site, pathology, percent)
        if change:
            fields = {"site": one.site, "percent": str(percent)}
            yield Idea(fields, change, (one,), (one.site,), one.site)


def is_later_loss(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether Genant's grade changes by `key`."""
    return change_of(facts, fields["site"], "height_loss", int(fields["percent"])) == key


def is_later_slip(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether Meyerding's grade changes by `key`."""
    return change_of(facts, fields["site"], "slip", int(fields["percent"])) == key


def change_of(facts: Facts, site: str, pathology: str, percent: int) -> str:
    """Return by how many grades a later percentage is worse; "" for a smaller one or an untold grade."""
    here = facts.at(pathology, site)
    before = {one.grade if one.abnormal else "0" for one in here}
    if len(before) != 1 or "" in before or any(one.finding.detail == "retrolisthesis" for one in here):
        return ""
    if any(one.value is not None and one.value > percent for one in here):
        return ""
    after = genant_grade(percent) if pathology == "height_loss" else _ROMAN[meyerding(percent).grade]
    steps = after - int(before.pop())
    return CHANGES[steps] if 0 <= steps < len(CHANGES) else ""


ANGLES: Final = ("scoliosis", "lumbar_lordosis", "thoracic_kyphosis")
SHARES: Final = ("height_loss", "slip")


def later_angles(document: Document) -> Iterator[Idea]:
    """Yield by how much a later angle exceeds the stated one."""
    yield from _further(document, ANGLES)


def later_shares(document: Document) -> Iterator[Idea]:
    """Yield by how many points a later percentage exceeds the stated one."""
    yield from _further(document, SHARES)


def _further(document: Document, pathologies: tuple[str, ...]) -> Iterator[Idea]:
    for pathology in pathologies:
        for one in document.facts.of(pathology):
            base = value_at(document.facts, pathology, one.site)
            if base is None:
                continue
            for step in document.sample(range(3, 19), 9):
                now = base + step
                fields = {"measure": pathology, "now": str(now)}
                if pathology in SHARES:
                    fields["site"] = one.site
                elif len(document.facts.of(pathology)) > 1:
                    continue
                yield Idea(fields, str(step), (one,), (one.site,), f"{pathology} {one.site}")


def is_further(facts: Facts, fields: Fields, key: str) -> bool:
    """Return whether the later number is larger by `key`."""
    site = fields.get("site") or next(iter(said_sites(facts.of(fields["measure"]))), "")
    base = value_at(facts, fields["measure"], site)
    return base is not None and int(fields["now"]) - base == int(key)


def value_at(facts: Facts, pathology: str, site: str) -> int | None:
    """Return the one printed number of a finding at a site, None without one or with several."""
    here = facts.at(pathology, site)
    values = {one.value for one in here}
    value = values.pop() if len(values) == 1 else None
    if value is None or value != round(value) or any(one.finding.detail == "retrolisthesis" for one in here):
        return None
    return int(value)
