"""The right answers of kinds that ask of lesions which no stored mask holds; one function a kind.

What the source states beside the pictures (findings.jsonl) is the truth here, and the volume gives the place.
Herniations are measured on the mask of discs as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from level_audit_judges import Judge, Right, herniated, in_window, meyerding, one_disc
from level_audit_truth import Shown


def herniation_level(shown: Shown) -> Right:
    return one_disc(shown, lambda disc: any(_present(shown, "herniation", str(disc["site"]))))


def decompression_level(shown: Shown) -> Right:
    (site,) = one_disc(shown, lambda disc: any(_present(shown, "herniation", str(disc["site"]))))
    return {f"{site} {one['side']}" for one in _present(shown, "herniation", site)}


def herniation_type(shown: Shown) -> Right:
    if _present(shown, "spondylodiscitis", shown.ring_disc):
        return {"spondylodiscitis"}
    return {str(one["grade"]) for one in _present(shown, "herniation", shown.ring_disc)} or {"none"}


def compressed_root(shown: Shown) -> Right:
    """In the neck C5-C6 presses on C6; further down only a herniation in the foramen meets the upper root."""
    upper, lower = shown.disc_in_slice.split("-")
    _, zone = herniated(shown)
    if zone == "none":
        return {"no root"}
    if upper[0] == "C":
        return {"C8" if upper == "C7" else lower}
    return {upper if zone == "foraminal" else lower}


def modic_type(shown: Shown) -> Right:
    return {str(one["grade"]) for one in _present(shown, "modic_change", shown.ring_disc)} or {"0"}


def bridging(shown: Shown) -> Right:
    return {
        name for name in ("bridging", "spondylodiscitis", "cage") if _present(shown, name, shown.ring_disc)
    } or {"none"}


def fracture_type(shown: Shown) -> Right:
    return {
        str(one["grade"]) for one in _present(shown, "fracture", shown.ring_level) if one.get("grade")
    } or {"none"}


def fracture_age(shown: Shown) -> Right:
    if _present(shown, "metastasis", shown.ring_level):
        return {"metastasis"}
    found = _present(shown, "fracture", shown.ring_level)
    return {str(one["detail"]) for one in found if one.get("detail")} or {"none"}


def metastasis_kind(shown: Shown) -> Right:
    found = _present(shown, "metastasis", shown.ring_level)
    if found:
        return {str(one["grade"]) for one in found}
    return {"fracture" if _present(shown, "fracture", shown.ring_level) else "none"}


def pars(shown: Shown) -> Right:
    level = shown.ring_level
    broken = bool(_present(shown, "pars_defect", level))
    slipped = meyerding(shown.disc(f"{level}-{shown.study.beside(level, 1)}")["slip_percent"]) > 0
    return {"both" if broken and slipped else "pars" if broken else "slip" if slipped else "none"}


def _present(shown: Shown, pathology: str, site: str | None = None) -> list[dict[str, Any]]:
    return [one for one in shown.stated(pathology, site, shown.files.later) if one.get("present", True)]


def _lone(pathology: str) -> Judge:
    """The one site in the picture at which a pathology is stated in its series."""

    def judge(shown: Shown) -> Right:
        uid = shown.row["series"]
        sites = {str(one["site"]) for one in _present(shown, pathology) if one["evidence"]["series"] == uid}
        return {site for site in sites if _site_in_window(shown, site)}

    return judge


def _site_in_window(shown: Shown, site: str) -> bool:
    return all(level in shown.bodies for level in site.split("-")) and (
        in_window(shown, site) if "-" in site else shown.share_seen(site) > 0.3
    )


def implant_levels(shown: Shown) -> Right:
    found = sorted(_lone("screws")(shown), key=shown.study.levels.index)
    return {f"{found[0]} {found[-1]}"} if found else {"none"}


def fixation_levels(shown: Shown) -> Right:
    steps = 2 if re.search(r"two vertebrae above|各两节", str(shown.row["question"])) else 1
    return {
        f"{shown.study.beside(at, -steps)} {shown.study.beside(at, steps)}" for at in _lone("fracture")(shown)
    }


def tlics_image(shown: Shown) -> Right:
    """Vaccaro 2005: morphology by AO type, ligaments 0, 2, 3, neurology 0, 2, 3."""
    question = str(shown.row["question"])
    ligaments = (
        2
        if re.search(r"indeterminate|不能确定", question)
        else 3
        if re.search(r"complex is disrupted|断裂", question)
        else 0
    )
    severe, some = r"incomplete cord|不完全|cauda|马尾", r"nerve root|神经根|complete cord|完全损伤"
    neurology = 3 if re.search(severe, question) else 2 if re.search(some, question) else 0
    forms = {"A0": 1, "A1": 1, "A2": 1, "A3": 2, "A4": 2, "B1": 4, "B2": 4, "B3": 4, "C": 3}
    return {str(forms[one] + ligaments + neurology) for one in fracture_type(shown)}


def which_seen(shown: Shown) -> Right:
    """What is stated of the picture's series; "none" where nothing of what the options name is."""
    names = ("herniation", "slip", "fracture", "metastasis", "spondylodiscitis", "screws", "bridging")
    return {name for name in names if _lone(name)(shown)} or {"none"}


def change_herniation(shown: Shown) -> Right:
    site = str(shown.row["level"])
    values = []
    for later in (False, True):
        found = [one for one in shown.stated("herniation", site, later) if one.get("value") is not None]
        values.append(max((abs(one["value"]) for one in found), default=0.0))
    before, after = values
    if after == 0:
        return {"gone"}
    return {"same" if abs(after - before) < 0.5 else "larger" if after > before else "smaller"}


def change_height(shown: Shown) -> Right:
    level = shown.ring_level
    before, after = (
        next(one for one in exam["postures"][0]["vertebrae"] if one["level"] == level)["height_loss_percent"]
        or 0.0
        for exam in (shown.study.truth, shown.study.truth["later"])
    )
    broken = [
        any(one.get("present", True) for one in shown.stated("fracture", level, later))
        for later in (False, True)
    ]
    if not any(broken):
        return {"intact"}
    return {"new" if not broken[0] else "more" if after - before > 5 else "same"}


def change_metastasis(shown: Shown) -> Right:
    level = shown.ring_level
    sizes = [
        [
            abs(one.get("value") or 0.0)
            for one in shown.stated("metastasis", level, later)
            if one.get("present", True)
        ]
        for later in (False, True)
    ]
    if not sizes[0]:
        return {"new"}
    before, after = (max(one, default=0.0) for one in sizes)
    return {"same" if abs(after - before) < 1 else "larger" if after > before else "smaller"}


def new_metastasis(shown: Shown) -> Right:
    before, after = (
        {str(one["site"]) for one in shown.stated("metastasis", None, later) if one.get("present", True)}
        for later in (False, True)
    )
    return after - before


STATED: Final[Mapping[str, Judge]] = {
    "herniation_level": herniation_level, "decompression_level": decompression_level,
    "herniation_type": herniation_type,
    "compressed_root": compressed_root,
    "modic_type": modic_type, "bridging": bridging, "fracture_type": fracture_type,
    "fracture_age": fracture_age,
    "metastasis_kind": metastasis_kind, "pars": pars, "metastasis_level": _lone("metastasis"),
    "fracture_level": _lone("fracture"), "discitis_level": _lone("spondylodiscitis"),
    "cord_signal_level": _lone("cord_signal"), "modic_level": _lone("modic_change"),
    "cage_level": _lone("cage"),
    "pars_level": _lone("pars_defect"), "implant_levels": implant_levels, "fixation_levels": fixation_levels,
    "tlics_image": tlics_image, "which_seen": which_seen, "change_herniation": change_herniation,
    "change_height": change_height, "change_metastasis": change_metastasis,
    "new_metastasis": new_metastasis,
}  # fmt: skip
