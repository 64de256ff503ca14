"""Whether an answer holds, kind by kind, judged from all findings of the study: true, false or not stated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

from spinemed.instances.counting_truth import are_apart, leans, marked_body
from spinemed.instances.margins import is_clear
from spinemed.instances.premise import (
    Premise,
    Shown,
    next_below,
    segment_in_ring,
    sites_in_view,
    view_of,
)
from spinemed.instances.windows import SACRUM_MM
from spinemed.levels import Level
from spinemed.records import Finding, Kind, Pathology

Truth = Callable[[Premise, str], bool | None]

SEARCHED: Final[Mapping[Kind, Pathology]] = {
    "herniation_level": "herniation",
    "slip_level": "slip",
    "metastasis_level": "metastasis",
    "fracture_level": "fracture",
    "discitis_level": "spondylodiscitis",
    "cord_signal_level": "cord_signal",
    "modic_level": "modic_change",
    "cage_level": "cage",
    "pars_level": "pars_defect",
    "stenosis_level": "canal_stenosis",
}
"""Kinds that ask at which level a pathology is."""

UNTOLD_AO: Final = ("B1",)
"""AO types that pictures do not tell: a tear through bone is drawn with torn ligaments, as B2 is."""

NARROW: Final = ("moderate", "severe")
"""Grades of a canal that counts as narrow where one is looked for."""
_SACRUM: Final = "S1"
_FIRST: Final = "C2"
_FINE_MM: Final = 0.7
"""Pixels at most this large show if a herniation's base is broad, and outline a root of 4 mm in a foramen."""
_LESION_CONTRAST: Final = 3.5
"""A lesion is told from healthy marrow where it stands out by this many standard deviations of noise."""
_TURNS: Final[Mapping[int, int]] = {0: 0, 90: 1, 180: 2, 270: 3}
# The edge that column 0 (sagittal: anterior) or row 0 (axial: anterior) comes to lie at, turned to the left.
_EDGES: Final = ("left", "bottom", "right", "top")


def graded(pathology: Pathology, key_of: Callable[[Finding], str] = lambda finding: finding.grade) -> Truth:
    """Return the truth of kinds whose answer is the grade (or another key, "" not told) of the asked site."""

    def holds(premise: Premise, key: str) -> bool | None:
        stated = premise.stated(pathology, premise.site)
        keys = {key_of(finding) for finding in stated}
        if len(keys) != 1 or "" in keys or not all(is_clear(finding) for finding in stated):
            return None
        return key in keys

    return holds


def searched(premise: Premise, key: str) -> bool | None:
    """Return whether the pathology that the kind looks for is at the level `key`."""
    pathology = SEARCHED[premise.kind]
    if pathology == "canal_stenosis":
        grade = premise.grade(pathology, key)
        return None if grade is None else grade in NARROW
    if pathology == "modic_change" and any(shown.series.sequence == "STIR" for shown in premise.shown):
        # With its fat suppressed, an image shows the oedema of grade 1 and neither fat nor sclerosis.
        return {"0": False, "1": True}.get(premise.grade(pathology, key) or "")
    return premise.present(pathology, key)


def marked_level(premise: Premise, key: str) -> bool | None:
    """Return whether the ring lies in the body of `key`."""
    site = marked_body(premise, premise.shown[0])
    return site == key if site else None


def marked_disc(premise: Premise, key: str) -> bool | None:
    """Return whether the ring lies between the bodies of the segment `key`."""
    site = segment_in_ring(premise, premise.shown[0])
    return site == key if site and are_apart(premise, premise.shown[0]) else None


def neighbour(step: int) -> Truth:
    """Return the truth of kinds that ask for the vertebra above (-1) or below (1) the ring."""

    def holds(premise: Premise, key: str) -> bool | None:
        seen = [site for site in premise.bodies(premise.shown[0]) if site != "C1"]
        marked = marked_body(premise, premise.shown[0])
        place = seen.index(marked) + step if marked in seen else -1
        return seen[place] == key if 0 <= place < len(seen) else None

    return holds


def levels_in_view(premise: Premise, key: str) -> bool | None:
    """Return whether `key` (`T12:L5`) is the range of bodies that lie wholly in the window."""
    shown = premise.shown[0]
    whole = [
        site
        for site, finding in premise.bodies(shown).items()
        if finding.pathology == "vertebra" and shown.holds(finding) and site not in ("C1", _SACRUM)
    ]
    return f"{whole[0]}:{whole[-1]}" == key if whole and are_apart(premise, shown) else None


def level_if_told(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the marked vertebra, told by sacrum or C2, or `cannot_tell` without both."""
    shown = premise.shown[0]
    told = anchors_in_view(premise, shown)
    if told is None or premise.facts.variant or premise.facts.like_s1:
        return None
    if key == "cannot_tell":
        return not told
    return told and marked_level(premise, key)


def anchors_in_view(premise: Premise, shown: Shown) -> bool | None:
    """Return whether sacrum or C2 lie wholly in the window, False where nothing of either is; else None."""
    bodies = premise.bodies(shown)
    anchors = [bodies[site] for site in (_SACRUM, _FIRST) if site in bodies]
    if any(_tells(shown, one) for one in anchors):
        return True
    boxes = [finding.evidence.box for finding in bodies.values()]
    within = (
        bool(boxes)
        and shown.top >= min(box.top for box in boxes)
        and shown.bottom <= max(box.bottom for box in boxes)
    )
    apart = all(
        one.evidence.box.bottom <= shown.top or one.evidence.box.top >= shown.bottom for one in anchors
    )
    above_c2 = {"C1"} & bodies.keys() and bodies["C1"].evidence.box.bottom > shown.top
    below_s1 = [site for site in bodies if site.startswith("S") and site != _SACRUM]
    return False if within and apart and not above_c2 and not below_s1 else None


def _tells(shown: Shown, anchor: Finding) -> bool:
    """Return whether an anchor lies wholly in the window, the sacrum far enough down to be known as such."""
    if anchor.pathology != "vertebra" or not shown.holds(anchor, clear_px=1.0):
        return False
    below_mm = (shown.bottom - anchor.evidence.box.top) * shown.spacing_mm[0]
    return anchor.site != _SACRUM or below_mm >= SACRUM_MM


def same_level(premise: Premise, key: str) -> bool | None:
    """Return whether the second ring lies as far from the first as `key` says."""
    marked = [marked_body(premise, shown) for shown in premise.shown]
    order = sorted({site for shown in premise.shown for site in premise.bodies(shown)}, key=Level)
    gap = any(next_below(upper) != lower for upper, lower in pairwise(order))
    if len(marked) != 2 or not all(marked) or gap or premise.facts.variant or premise.facts.like_s1:
        return None
    if not all(anchors_in_view(premise, shown) for shown in premise.shown):
        return None  # each picture must tell its level by itself
    steps = order.index(marked[1]) - order.index(marked[0])
    said = {-2: "two_above", -1: "one_above", 0: "same", 1: "one_below", 2: "two_below"}
    return said.get(steps) == key if steps in said else None


def disc_finding(premise: Premise, key: str) -> bool | None:
    """Return whether the marked disc is herniated as `key` says, infected, or neither."""
    infected = premise.present("spondylodiscitis", premise.site)
    grade = premise.grade("herniation", premise.site)
    if infected is None or grade is None or (infected and grade != "none"):
        return None
    # What narrows the canal from the front looks like a herniation, be it one or not.
    if grade == "none" and any(one.grade in NARROW for one in premise.stated("canal_stenosis", premise.site)):
        return None
    if max(premise.shown[0].spacing_mm) > _FINE_MM:
        return None
    there: Pathology = "spondylodiscitis" if infected else "herniation"
    if (infected or grade != "none") and not is_on_slice(premise, there):
        return None
    return key == ("spondylodiscitis" if infected else grade)


def is_on_slice(premise: Premise, pathology: Pathology) -> bool:
    """Return whether the shown series states a pathology of the marked site on the very slice shown."""
    shown = premise.shown[0]
    return any(
        (one.pathology, one.site) == (pathology, premise.site)
        and one.present
        and one.evidence.slice_index == shown.slice_index
        for one in premise.facts.seen_in(shown.series.uid)
    )


def herniation_zone(finding: Finding) -> str:
    """Return the zone of a herniation, `none` without one."""
    return finding.detail if finding.present else "none"


def herniation_side(finding: Finding) -> str:
    """Return the side of a herniation, `none` without one, `central` on the midline."""
    if not finding.present:
        return "none"
    return finding.side if finding.side in ("left", "right") else "central"


def herniated(key_of: Callable[[Finding], str]) -> Truth:
    """Return the truth of a herniation's side or zone; "none" holds between open foramina alone."""

    def holds(premise: Premise, key: str) -> bool | None:
        narrow = any(_foramen_may_be_narrow(premise, side) for side in ("left", "right"))
        hidden = narrow and not premise.present("herniation", premise.site)
        return None if hidden else graded("herniation", key_of)(premise, key)

    return holds


def recess_side(premise: Premise, key: str) -> bool | None:
    """Return whether the recesses of the marked disc are narrow on the sides that `key` names.

    None where a foramen is, or may be, narrow beside a free recess, or the whole canal is: the slice shows a
    narrow way out there.
    """
    narrow: dict[str, bool] = {}
    for finding in premise.stated("recess_stenosis", premise.site):
        for side in ("left", "right") if finding.side in ("both", None) else (str(finding.side),):
            if narrow.setdefault(side, finding.present) != finding.present:
                return None
    if set(narrow) != {"left", "right"}:
        return None
    free = [side for side, is_narrow in narrow.items() if not is_narrow]
    if free and any(one.grade in NARROW for one in premise.stated("canal_stenosis", premise.site)):
        return None
    if any(_foramen_may_be_narrow(premise, side) for side in free):
        return None
    sides = {(True, True): "both", (True, False): "left", (False, True): "right", (False, False): "none"}
    return sides[narrow["left"], narrow["right"]] == key


def _foramen_may_be_narrow(premise: Premise, side: str) -> bool:
    """Return whether a narrow foramen is stated on a side, or held back where none is stated free."""
    said = {one.present for one in premise.stated("foraminal_stenosis", premise.site) if one.side == side}
    held_back = any(one.site == premise.site for one in premise.facts.hidden("foraminal_stenosis"))
    return True in said or (held_back and not said)


def foraminal_grade(premise: Premise, key: str) -> bool | None:
    """Return whether the foramen under the ring has the Lee grade `key`; 2 and 3 need the root's outline."""
    shown = premise.shown[0]
    grades = {
        finding.grade
        for finding in premise.facts.seen_in(shown.series.uid)
        if finding.pathology == "foraminal_stenosis"
        and finding.evidence.slice_index == shown.slice_index
        and shown.ring is not None
        and finding.evidence.box.top <= shown.ring[0] <= finding.evidence.box.bottom
        and finding.evidence.box.left <= shown.ring[1] <= finding.evidence.box.right
    }
    if len(grades) != 1 or (grades & {"2", "3"} and max(shown.spacing_mm) > _FINE_MM):
        return None
    return key in grades


def modic_type(premise: Premise, key: str) -> bool | None:
    """Return whether the marked segment has the Modic type `key`; not stated where it is infected."""
    if premise.present("spondylodiscitis", premise.site):
        return None
    return graded("modic_change")(premise, key)


def segment_finding(premise: Premise, key: str) -> bool | None:
    """Return whether the marked segment is bridged, infected, has a cage, or nothing of these.

    C2-C3 is asked where something is there alone: its front lies beside the middle slices.
    """
    if premise.site == "C2-C3" and not premise.present("bridging", premise.site):
        return None
    asked: tuple[Pathology, ...] = ("bridging", "spondylodiscitis", "cage")
    states = [premise.present(pathology, premise.site) for pathology in asked]
    there = [pathology for pathology, state in zip(asked, states, strict=True) if state]
    if None in states or len(there) > 1 or not all(is_on_slice(premise, one) for one in there):
        return None
    return key == (there[0] if there else "none")


def implant_levels(premise: Premise, key: str) -> bool | None:
    """Return whether `key` (`L3:L5`) is the range of the vertebrae with screws, each seen in the slice."""
    sites = premise.sites_with("screws")
    shown = premise.shown[0]
    bodies = premise.bodies(shown)
    in_slice = {
        one.site
        for one in premise.facts.seen_in(shown.series.uid)
        if one.pathology == "screws" and one.present and one.evidence.slice_index == shown.slice_index
    }
    if not sites or not all(site in in_slice & bodies.keys() and shown.holds(bodies[site]) for site in sites):
        return None
    return key == f"{sites[0]}:{sites[-1]}"


def which_seen(premise: Premise, key: str) -> bool | None:
    """Return whether the image shows the pathology `key`; `none` is judged with the options, see proof."""
    pathology: Pathology = next(one for one in PATHOLOGIES if one == key)
    shown = premise.shown[0]
    if premise.sites_with(pathology):
        seen = [
            one
            for one in premise.facts.seen_in(shown.series.uid)
            if one.pathology == pathology and one.present and shown.holds(one)
        ]
        return True if seen else None
    if premise.is_hidden(pathology, sites_in_view(premise, shown)):
        return None
    segments = pathology in ("herniation", "slip", "spondylodiscitis", "bridging")
    asked = [site for site in sites_in_view(premise, shown) if ("-" in site) == segments]
    states = [premise.present(pathology, site) for site in asked]
    return False if states and all(state is False for state in states) else None


PATHOLOGIES: Final[tuple[Pathology, ...]] = (
    "herniation", "slip", "fracture", "metastasis", "spondylodiscitis", "screws", "bridging",
)  # fmt: skip
"""What `which_seen` can ask for."""


def height_loss(premise: Premise, key: str) -> bool | None:
    """Return whether the marked vertebra has the Genant grade `key`; not where screws disturb an MR image."""
    is_mr = bool(premise.shown) and premise.shown[0].series.modality == "MR"
    if is_mr and premise.present("screws", premise.site):
        return None
    return graded("height_loss")(premise, key)


def vertebra_finding(premise: Premise, key: str) -> bool | None:
    """Return whether the marked vertebra has a lytic or blastic metastasis, a fracture, or none of both."""
    tumour = premise.one("metastasis", premise.site)
    broken = premise.present("fracture", premise.site)
    present = premise.present("metastasis", premise.site)
    if tumour is None or broken is None or present is None or (present and broken):
        return None
    if (present or broken) and not is_on_slice(premise, "metastasis" if present else "fracture"):
        return None
    if present and tumour.contrast is not None and tumour.contrast < _LESION_CONTRAST:
        return None
    return key == (tumour.grade if present else "fracture" if broken else "none")


def fracture_age(premise: Premise, key: str) -> bool | None:
    """Return whether the marked vertebra has a fresh or old fracture, a metastasis, or none of these."""
    stated = premise.stated("fracture", premise.site)
    details = {one.detail for one in stated if one.present and one.detail}  # CT does not tell the age
    broken = premise.present("fracture", premise.site)
    tumour = premise.present("metastasis", premise.site)
    if broken is None or tumour is None or (broken and tumour) or len(details) != int(broken):
        return None
    return key == (next(iter(details)) if broken else "metastasis" if tumour else "none")


def fracture_type(finding: Finding) -> str:
    """Return the AO type, `none` without a fracture, "" for one that its pictures do not tell."""
    return "none" if not finding.present else "" if finding.grade in UNTOLD_AO else finding.grade


def recognise(premise: Premise, key: str) -> bool | None:
    """Return whether the series is of the kind `key`."""
    return key == view_of(premise.shown[0].series)


def front_edge(premise: Premise, key: str) -> bool | None:
    """Return whether the patient's front lies at the edge `key` of a turned picture, None if it leans."""
    shown = premise.shown[0]
    start = {"sagittal": 0, "axial": 3}.get(shown.plane)
    if start is None or leans(premise, shown):
        return None
    return key == _EDGES[(start + _TURNS[shown.turned]) % 4]


def ring_side(premise: Premise, key: str) -> bool | None:
    """Return whether the ring lies on the side `key` of the canal, clearly so."""
    shown = premise.shown[0]
    canal = [
        one.evidence.box
        for one in premise.facts.seen_in(shown.series.uid)
        if one.pathology == "canal_stenosis" and one.evidence.slice_index == shown.slice_index
    ]
    if shown.ring is None or len(canal) != 1:
        return None
    box = canal[0]
    to_left = (shown.ring[1] - (box.left + box.right) / 2) * shown.spacing_mm[1]
    to_back = (shown.ring[0] - (box.top + box.bottom) / 2) * shown.spacing_mm[0]
    if max(abs(to_left), abs(to_back)) < 2 * min(abs(to_left), abs(to_back)) + 5:
        return None
    if abs(to_left) > abs(to_back):
        return key == ("left" if to_left > 0 else "right")
    return key == ("back" if to_back > 0 else "front")
