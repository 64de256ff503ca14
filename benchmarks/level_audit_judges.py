"""The right answers of kinds that rest on masks, geometry and truth.json; one function a kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from level_audit_study import decoded, ring_centre
from level_audit_truth import NotCheckedError, Shown, herniation

Right = set[str]
Judge = Callable[[Shown], Right]
CANAL_CUTS: Final = (0.15, 1 / 3, 2 / 3)
FORAMEN_CUTS: Final = (0.2, 0.5, 0.8)
HERNIATION_MM: Final = 1.5
"""Reach from which disc tissue counts as herniated: of 407 discs in axial slices those without a herniation
measured up to 0.7 mm, those with one (stated 3.0 mm and more) 2.3 mm and more."""
CENTRAL_MM: Final = 2.5
"""How far aside a herniation on the midline may lie; in the same slices it was up to 0.6 mm, others 4 mm."""
FORAMINAL_SHARE: Final = {"C": 0.75, "T": 0.54, "L": 0.54}
"""Share of the disc's half width from which a herniation lies in the foramen: in the same slices those in the
recess lay at 0.26 to 0.43 (neck: 0.49 to 0.58), those in the foramen at 0.65 to 0.87 (neck: 0.92)."""


def marked_level(shown: Shown) -> Right:
    return {shown.ring_level}


def _beside(steps: int) -> Judge:
    def judge(shown: Shown) -> Right:
        return {str(shown.study.beside(shown.ring_level, steps))}

    return judge


def levels_in_view(shown: Shown) -> Right:
    return {f"{first} {last}" for first, last in shown.ranges_in_view()}


def marked_disc(shown: Shown) -> Right:
    return {shown.ring_disc}


def level_if_told(shown: Shown) -> Right:
    seen = [share for level in ("S1", "C2") if (share := shown.share_seen(level)) > 0]
    if not seen:
        return {"cannot_tell"}
    if max(seen) < 0.5:
        raise NotCheckedError("the sacrum or C2 is in view in small part")
    return {shown.ring_level}


def disc_beside(shown: Shown) -> Right:
    level = shown.ring_level
    if re.search(r"below|下方", _without_numbering(shown)):
        return {f"{level}-{shown.study.beside(level, 1)}"}
    return {f"{shown.study.beside(level, -1)}-{level}"}


def level_two_away(shown: Shown) -> Right:
    return {
        str(
            shown.study.beside(
                shown.ring_level, 2 if re.search(r"downwards|尾侧", _without_numbering(shown)) else -2
            )
        )
    }


def exit_root(shown: Shown) -> Right:
    """Cervical roots leave above their vertebra, C8 below C7; all others below the vertebra of their name."""
    level = shown.ring_level
    return {f"C{int(level[1:]) + 1}" if level[0] == "C" else level}


def _without_numbering(shown: Shown) -> str:
    """The question without the sentence on what to count from, which has its own "above" and "upwards"."""
    parts = re.split(r"(?<=[.?。？])", str(shown.row["question"]))
    return " ".join(part for part in parts if re.search(r"marked|ring|圈|标记", part))


def count_in_view(shown: Shown) -> Right:
    return {str(count) for count in shown.counts_in_view()}


def same_level(shown: Shown) -> Right:
    picture = decoded(shown.row["images"][1]["bytes"])
    try:
        files, place = shown.study.find(picture, shown.files)
        row, column = ring_centre(picture)
    except ValueError as error:
        raise NotCheckedError(f"second picture: {error}") from error
    if place.score < 0.9:
        raise NotCheckedError("the second picture's slice was not found")
    marker = {"row": row, "column": column, "radius": 8.0}
    other = Shown({**shown.row, "marker": marker}, shown.study, files, place, picture.shape[:2])
    levels = shown.study.levels
    return {str(levels.index(other.ring_level) - levels.index(shown.ring_level))}


def transitional(shown: Shown) -> Right:
    return {str(shown.study.truth["variant"])}


def recognise(shown: Shown) -> Right:
    kind, header = shown.files.kind, shown.files.header
    if kind.startswith("xr"):
        columns_run = str(header.PatientOrientation[0])
        return {f"xr {'frontal' if columns_run in 'LR' else 'lateral'}"}
    across = [abs(float(value)) for value in header.ImageOrientationPatient]
    plane = "sagittal" if across[1] > 0.8 and across[5] > 0.8 else "axial"
    return {f"{'t2' if kind == 't2_axial' else kind} {plane}"}


def front_edge(shown: Shown) -> Right:
    """The edge from which columns or rows run backwards; a quarter turn moves it on, counter-clockwise."""
    edges = ["left", "bottom", "right", "top"]
    if shown.files.is_film:
        runs = str(shown.files.header.PatientOrientation[0])[0]
        columns, rows = {"P": 1.0, "A": -1.0}.get(runs, 0.0), 0.0
        if not columns:
            raise NotCheckedError("a frontal film has no front edge")
    else:
        columns, rows = -float(shown.files.affine[1, 0]), -float(shown.files.affine[1, 1])
    unturned = (
        ("left" if columns > 0 else "right") if abs(columns) > abs(rows) else "top" if rows > 0 else "bottom"
    )
    return {edges[(edges.index(unturned) + shown.place.turned) % 4]}


def ring_side(shown: Shown) -> Right:
    row, column, _ = shown.ring
    left, behind, _ = shown.files.patient_mm(shown.place.slice_number, row, column) - shown.canal_mm()
    if abs(left) > abs(behind):
        return {"left" if left > 0 else "right"}
    return {"back" if behind > 0 else "front"}


def disc_degeneration(shown: Shown) -> Right:
    return {str(shown.disc(shown.ring_disc)["pfirrmann"])}


def canal_stenosis(shown: Shown) -> Right:
    return {str(_canal_grade(shown, shown.disc_in_slice))}


def recess_side(shown: Shown) -> Right:
    left, right = (lost >= CANAL_CUTS[0] for lost in shown.disc(shown.disc_in_slice)["recess_share_lost"])
    return {"both" if left and right else "left" if left else "right" if right else "none"}


def foraminal_grade(shown: Shown) -> Right:
    site = str(shown.row["level"])
    row, column, _ = shown.ring
    disc = shown.disc(site)
    at = shown.files.patient_mm(shown.place.slice_number, row, column)
    if abs(at[2] - disc["centre_mm"][2]) > 25:
        raise NotCheckedError("the ring is far from the disc of its site")
    lost = disc["foramen_share_lost"][0 if at[0] > disc["centre_mm"][0] else 1]
    return {str(_grade(lost, FORAMEN_CUTS))}


def height_loss(shown: Shown) -> Right:
    return {str(_genant(shown.vertebra(shown.ring_level)))}


def slip_grade(shown: Shown) -> Right:
    return {str(meyerding(shown.disc(shown.ring_disc)["slip_percent"]))}


def one_disc(shown: Shown, holds: Callable[[Mapping[str, Any]], bool]) -> Right:
    seen = shown.in_order() + (["S1"] if "S1" in shown.bodies else [])
    found = [
        str(disc["site"])
        for disc in shown.files.posture["discs"]
        if holds(disc)
        and set(str(disc["site"]).split("-")) <= set(seen)
        and in_window(shown, str(disc["site"]))
    ]
    return set(found) if len(found) == 1 else {f"{len(found)} discs: {' '.join(found)}"}


def in_window(shown: Shown, site: str) -> bool:
    upper, lower = (shown.bodies[level] for level in site.split("-"))
    row, column = (upper.bottom + lower.top) / 2, (upper.column + lower.column) / 2
    top, left, bottom, right = shown.window
    return top < row < bottom and left < column < right


def slip_level(shown: Shown) -> Right:
    return one_disc(shown, lambda disc: meyerding(disc["slip_percent"]) > 0)


def stenosis_level(shown: Shown) -> Right:
    return one_disc(shown, lambda disc: _lost(disc) >= CANAL_CUTS[1])


def unstable_slip(shown: Shown) -> Right:
    site = shown.ring_disc
    both = {one["posture"]: one for one in shown.study.truth["postures"]}
    flexed, extended = (
        float(shown.disc(site, both[name])["slip_percent"]) for name in ("flexion", "extension")
    )
    if abs(flexed - extended) >= 8:
        return {"flexion" if abs(flexed) > abs(extended) else "extension"}
    return {"stable" if max(abs(flexed), abs(extended)) >= 5 else "none"}


def _largest_curve(shown: Shown) -> Mapping[str, Any] | None:
    curves = sorted(shown.files.posture["curves"]["cobb"], key=lambda one: -one["degrees"])
    return curves[0] if curves and curves[0]["degrees"] >= 10 else None


def change_curve(shown: Shown) -> Right:
    """Side and course of the largest curve of both examinations; up to 5 degrees are a measuring error."""
    name = shown.files.posture["posture"]
    first, second = (
        max(posture["curves"]["cobb"], key=lambda one: float(one["degrees"]), default=None)
        for exam in (shown.study.truth, shown.study.truth["later"])
        for posture in exam["postures"]
        if posture["posture"] == name
    )
    if not first or not second or first["convex"] != second["convex"]:
        return {"no curve to one side in both examinations"}
    gained = second["degrees"] - first["degrees"]
    return {f"{first['convex']} {'more' if gained > 5 else 'same' if gained >= -5 else 'less'}"}


def scoliosis_side(shown: Shown) -> Right:
    curve = _largest_curve(shown)
    if curve is None:
        return {"none"}
    low = shown.study.levels.index(curve["apex"]) >= shown.study.levels.index("T12")
    return {f"{'lumbar' if low else 'thoracic'} {curve['convex']}"}


def scoliosis_severity(shown: Shown) -> Right:
    curve = _largest_curve(shown)
    return {str(0 if curve is None else _grade(curve["degrees"], (10, 25, 40)))}


def scoliosis_plan(shown: Shown) -> Right:
    """Usual thresholds in adolescents: a brace from 25 degrees while Risser is 0 to 2, surgery over 40."""
    curve = _largest_curve(shown)
    degrees = 0.0 if curve is None else float(curve["degrees"])
    risser = int(re.findall(r"Risser\D*(\d)", str(shown.row["question"]))[0])
    if degrees < 10:
        return {"no_scoliosis"}
    if degrees > 40:
        return {"operate"}
    return {"brace" if degrees >= 25 and risser <= 2 else "observe"}


def herniated(shown: Shown) -> tuple[str, str]:
    """Side and zone of the herniation that an axial picture shows, or "none" twice."""
    reach, left, aside = herniation(shown, shown.disc_in_slice)
    if reach < HERNIATION_MM:
        return "none", "none"
    if abs(left) < CENTRAL_MM:
        return "central", "central"
    zone = "foraminal" if aside > FORAMINAL_SHARE[shown.disc_in_slice[0]] else "subarticular"
    return "left" if left > 0 else "right", zone


def herniation_side(shown: Shown) -> Right:
    return {herniated(shown)[0]}


def herniation_zone(shown: Shown) -> Right:
    return {herniated(shown)[1]}


def _grade(share: float, cuts: tuple[float, ...]) -> int:
    return sum(share >= cut for cut in cuts)


def _lost(disc: Mapping[str, Any]) -> float:
    return 1 - float(disc["sac_left_mm"]) / float(disc["sac_normal_mm"])


def _canal_grade(shown: Shown, site: str) -> int:
    return _grade(_lost(shown.disc(site)), CANAL_CUTS)


def _genant(vertebra: Mapping[str, Any]) -> int:
    return _grade(float(vertebra["height_loss_percent"] or 0.0), (20, 25, 40))


def meyerding(percent: float) -> int:
    return 0 if abs(percent) < 5 else 1 + _grade(abs(percent), (25, 50, 75, 100))


VOLUME: Final[Mapping[str, Judge]] = {
    "marked_level": marked_level, "level_above": _beside(-1), "level_below": _beside(1),
    "levels_in_view": levels_in_view, "marked_disc": marked_disc, "level_if_told": level_if_told,
    "transitional": transitional, "recognise": recognise, "front_edge": front_edge, "ring_side": ring_side,
    "disc_degeneration": disc_degeneration, "canal_stenosis": canal_stenosis, "recess_side": recess_side,
    "foraminal_grade": foraminal_grade, "height_loss": height_loss, "slip_grade": slip_grade,
    "slip_level": slip_level, "slip_fusion": slip_level, "stenosis_level": stenosis_level,
    "unstable_slip": unstable_slip, "scoliosis_side": scoliosis_side,
    "scoliosis_severity": scoliosis_severity,
    "scoliosis_plan": scoliosis_plan, "herniation_side": herniation_side,
    "herniation_zone": herniation_zone, "disc_beside": disc_beside,
    "level_two_away": level_two_away, "exit_root": exit_root, "count_in_view": count_in_view,
    "same_level": same_level, "change_curve": change_curve,
}  # fmt: skip
