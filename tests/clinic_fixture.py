"""Made-up studies for the tests of consultations and reports: one for each kind of case."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.case import Case, case_of
from spinemed.instances.clinic.history import history
from spinemed.instances.clinic.plan import NoPlan, Plan, plan_of
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.wording import Language, Style
from spinemed.records import Box, Finding, Locator, Series, Study

LUMBAR = ("T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")
CERVICAL = ("C2", "C3", "C4", "C5", "C6", "C7", "T1")
WHOLE = ("C7", *(f"T{number}" for number in range(1, 13)), "L1", "L2", "L3", "L4", "L5")

OLD = {"grade": "A1", "detail": "old"}
FRESH = {"grade": "A1", "detail": "fresh"}
MODERATE = {"grade": "moderate", "value": 7.0, "unit": "mm"}
NARROW = {"grade": "severe", "value": 4.0, "unit": "mm"}
EN = Style(language="en", name="canonical")
ZH = Style(language="zh", name="canonical")

Stated = tuple[str, str, dict[str, Any]]


def segments(levels: tuple[str, ...]) -> list[str]:
    """Return the segments between vertebrae that follow each other."""
    return [f"{upper}-{lower}" for upper, lower in pairwise(levels)]


def locator(series: str) -> Locator:
    """Return a place in a series."""
    return Locator(series=series, slice_index=5, box=Box(left=10, top=10, right=40, bottom=30))


def series_of(kind: str) -> Series:
    """Return a series: t2, t2_axial, stir, ct, full_ap."""
    modality, sequence, plane, view = {
        "t2": ("MR", "T2", "sagittal", ""),
        "stir": ("MR", "STIR", "sagittal", ""),
        "t2_axial": ("MR", "T2", "axial", ""),
        "ct": ("CT", "", "sagittal", ""),
        "full_ap": ("XR", "", "radiograph", "FULL_AP"),
    }[kind]
    return Series(
        uid=f"1.2.{kind}",
        modality=modality,  # type: ignore[arg-type]
        sequence=sequence,
        image=Path("image"),
        mask=Path("mask"),
        label_scheme="verse",
        plane=plane,  # type: ignore[arg-type]
        posture="standing" if kind == "full_ap" else "lying",
        view=view,
    )


def case(
    stated: list[Stated],
    *,
    levels: tuple[str, ...] = LUMBAR,
    kinds: tuple[str, ...] = ("t2", "ct"),
    sex: str = "F",
    age_band: str = "40-49",
    synthetic: bool = True,
) -> CaseFacts:
    """Return facts with whole vertebrae, normal findings, and those stated: (site, pathology, fields)."""
    study = Study(
        id=f"study-{len(stated)}-{levels[0]}-{age_band}-{sex}",
        patient="patient",
        source="test",
        licence="Apache-2.0",
        synthetic=synthetic,
        numbering="phantom_truth",
        sex=sex,  # type: ignore[arg-type]
        age_band=age_band,
        series=tuple(series_of(kind) for kind in kinds),
    )
    found: list[Finding] = []
    for kind in kinds:
        mentioned = {(site, pathology) for site, pathology, _ in stated}
        rows: list[Stated] = [(level, "vertebra", {}) for level in levels]
        if kind != "full_ap":
            rows += _normal(levels, mentioned, kind)
        for site, pathology, fields in stated:
            if _shows(kind, pathology):
                rows.append((site, pathology, fields))
        for number, (site, pathology, fields) in enumerate(rows):
            found.append(
                Finding(
                    id=f"{kind}-{number}-{site}-{pathology}",
                    study=study.id,
                    site=site,
                    pathology=pathology,  # type: ignore[arg-type]
                    posture="standing" if kind == "full_ap" else "lying",
                    pixels=100,
                    contrast=3.0,
                    evidence=locator(f"1.2.{kind}"),
                    **fields,
                )
            )
    return CaseFacts(study, tuple(found))


def _shows(kind: str, pathology: str) -> bool:
    on_film = ("scoliosis", "transitional", "thoracic_kyphosis", "lumbar_lordosis", "cage", "screws")
    on_ct = ("fracture", "height_loss", "slip", "pars_defect", "metastasis", "osteophyte", "bridging")
    not_on_mr = ("pars_defect", "osteophyte", "bridging", "cage", "screws", "scoliosis", "transitional")
    if kind == "full_ap":
        return pathology in on_film
    if kind == "ct":
        return pathology in (*on_ct, "cage", "screws", "thoracic_kyphosis")
    return pathology not in not_on_mr


def _normal(levels: tuple[str, ...], mentioned: set[tuple[str, str]], kind: str) -> list[Stated]:
    absent: dict[str, Any] = {"present": False}
    rows: list[Stated] = []
    for level in levels:
        rows += [(level, "height_loss", {**absent, "grade": "0", "value": 2.0, "unit": "%"})]
        rows += [(level, "fracture", absent)]
    for segment in segments(levels):
        rows += [(segment, "slip", {**absent, "grade": "0", "value": 1.0, "unit": "%"})]
        if kind != "ct":
            rows += [(segment, "disc_degeneration", {**absent, "grade": "2"})]
            rows += [(segment, "herniation", {**absent, "grade": "none"})]
            rows += [(segment, "canal_stenosis", {**absent, "grade": "none", "value": 15.0, "unit": "mm"})]
    return [row for row in rows if (row[0], row[1]) not in mentioned]


def cases() -> dict[str, CaseFacts]:
    """Return every made-up study by name."""
    return {**_discs(), **_narrowings(), **_bones(), **_shapes()}


def _discs() -> dict[str, CaseFacts]:
    """Return herniated and worn discs, and normal studies to set beside them."""
    hernia = {"grade": "extrusion", "side": "left", "detail": "subarticular", "value": 7.2, "unit": "mm"}
    foraminal = {"grade": "protrusion", "side": "right", "detail": "foraminal", "value": 4.1, "unit": "mm"}
    worn = {"grade": "4"}
    return {
        "normal": case([]),
        "normal_cervical": case([], levels=CERVICAL, sex="M"),
        "extrusion": case(
            [("L4-L5", "herniation", hernia), ("L4-L5", "disc_degeneration", worn),
             ("L5-S1", "disc_degeneration", worn)], kinds=("t2", "t2_axial", "ct"),
        ),
        "cauda_equina": case(
            [("L4-L5", "herniation", hernia),
             ("L4-L5", "canal_stenosis", {"grade": "severe", "value": 3.1, "unit": "mm"})],
        ),
        "foraminal": case([("L5-S1", "herniation", foraminal)], sex="M", age_band="50-59"),
        "central": case([("L4-L5", "herniation", {"grade": "protrusion", "side": "central",
                                                  "detail": "central", "value": 3.4, "unit": "mm"})]),
        "cervical": case([("C5-C6", "herniation", {"grade": "protrusion", "side": "left",
                                                   "detail": "foraminal", "value": 3.2, "unit": "mm"})],
                         levels=CERVICAL),
        "worn": case([("L4-L5", "disc_degeneration", worn), ("L5-S1", "disc_degeneration", {"grade": "5"}),
                      ("L5-S1", "modic_change", {"grade": "2"}), ("L4", "osteophyte", {"grade": "large"}),
                      ("L2", "endplate_defect", {"detail": "upper"})]),
    }  # fmt: skip


def _narrowings() -> dict[str, CaseFacts]:
    """Return narrow canals and foramina, and slips."""
    return {
        "stenosis": case(
            [("L3-L4", "canal_stenosis", {"grade": "moderate", "value": 7.9, "unit": "mm"}),
             ("L4-L5", "canal_stenosis", {"grade": "severe", "value": 4.2, "unit": "mm"}),
             ("L4-L5", "recess_stenosis", {"grade": "severe", "side": "left"}),
             ("L4-L5", "recess_stenosis", {"grade": "severe", "side": "right"}),
             ("L4-L5", "slip", {"grade": "1", "value": 12.0, "unit": "%", "detail": "degenerative"})],
            kinds=("t2", "t2_axial", "ct"), age_band="70-79",
        ),
        "root_stenosis": case([("L5-S1", "foraminal_stenosis", {"grade": "3", "side": "left"}),
                               ("L5-S1", "foraminal_stenosis", {"grade": "0", "side": "right",
                                                                "present": False})], age_band="60-69"),
        "myelopathy": case([("C4-C5", "canal_stenosis", {"grade": "severe", "value": 4.0, "unit": "mm"}),
                            ("C4-C5", "cord_signal", {}),
                            ("C5-C6", "canal_stenosis", {"grade": "mild", "value": 10.0, "unit": "mm"})],
                           levels=CERVICAL, kinds=("t2",), age_band="60-69"),
        "isthmic": case([("L5-S1", "slip", {"grade": "2", "value": 31.0, "unit": "%", "detail": "isthmic"}),
                         ("L5", "pars_defect", {})], age_band="30-39", sex="M"),
        "isthmic_narrow": case([("L5-S1", "slip", {"grade": "2", "value": 31.0, "unit": "%",
                                                   "detail": "isthmic"}),
                                ("L5", "pars_defect", {}),
                                ("L5-S1", "foraminal_stenosis", {"grade": "3", "side": "left"}),
                                ("L5-S1", "foraminal_stenosis", {"grade": "3", "side": "right"})],
                               age_band="30-39", sex="M"),
        "retrolisthesis": case([("L2-L3", "slip", {"grade": "1", "value": -8.0, "unit": "%",
                                                   "detail": "retrolisthesis"})]),
    }  # fmt: skip


def _bones() -> dict[str, CaseFacts]:
    """Return fractures, metastases and infection."""
    lytic: Stated = ("L3", "metastasis", {"grade": "lytic"})
    return {
        "fragile": case([("L1", "fracture", {"grade": "A1", "detail": "fresh"}),
                         ("L1", "height_loss", {"grade": "2", "value": 33.0, "unit": "%",
                                                "detail": "wedge"}),
                         ("T11", "fracture", {"grade": "A1", "detail": "old"}),
                         ("T11", "height_loss", {"grade": "1", "value": 22.0, "unit": "%",
                                                 "detail": "biconcave"})],
                        kinds=("stir", "ct"), age_band="70-79"),
        "injury_a3": case([("L1", "fracture", {"grade": "A3", "detail": "fresh"})], age_band="30-39",
                          sex="M"),
        "injury_b2": case([("T12", "fracture", {"grade": "B2", "detail": "fresh"})], age_band="20-29"),
        "injury_c": case([("C6", "fracture", {"grade": "C", "detail": "fresh"})], levels=CERVICAL,
                         age_band="20-29", sex="M"),
        "old": case([("T12", "fracture", {"grade": "A1", "detail": "old"}),
                     ("T12", "height_loss", {"grade": "1", "value": 23.0, "unit": "%", "detail": "wedge"})],
                    age_band="60-69"),
        "metastasis": case([lytic, ("L3", "height_loss", {"grade": "3", "value": 56.0, "unit": "%",
                                                          "detail": "crush"})],
                           kinds=("stir", "ct"), age_band="60-69"),
        "blastic": case([("T8", "metastasis", {"grade": "blastic"})], levels=WHOLE, sex="M",
                        age_band="70-79"),
        "discitis": case([("L3-L4", "spondylodiscitis", {})], kinds=("t2", "stir"), age_band="60-69",
                         sex="M"),
    }  # fmt: skip


def _shapes() -> dict[str, CaseFacts]:
    """Return curves, variants of numbering, implants and bridging."""
    curve = {"side": "right", "extent": ("T5", "T12"), "unit": "deg"}
    return {
        "scoliosis_young": case([("T9", "scoliosis", {**curve, "value": 32.0})], levels=WHOLE,
                                kinds=("full_ap",), age_band="10-19"),
        "scoliosis_adult": case([("L2", "scoliosis", {"side": "left", "extent": ("T12", "L4"),
                                                      "unit": "deg", "value": 38.0})], levels=WHOLE,
                                kinds=("full_ap",), age_band="60-69"),
        "kyphosis": case([("T8", "thoracic_kyphosis", {"value": 68.0, "unit": "deg",
                                                       "extent": ("T4", "T12")})], levels=WHOLE,
                         age_band="60-69"),
        "transitional": case([("L6", "transitional", {"grade": "L6"})], levels=(*LUMBAR[:-1], "L6", "S1"),
                             kinds=("full_ap",), age_band="30-39"),
        "sacralised": case([("L5", "transitional", {"grade": "L5_sacralised"})], kinds=("full_ap",)),
        "operated": case([("L4-L5", "cage", {}), ("L4", "screws", {}), ("L5", "screws", {}),
                          ("L3-L4", "disc_degeneration", {"grade": "3"})], age_band="50-59"),
        "ankylosing": case([("T12-L1", "bridging", {}), ("L1-L2", "bridging", {})], kinds=("ct",), sex="M"),
    }  # fmt: skip


def slipped(site: str, percent: float, detail: str = "isthmic") -> Stated:
    """Return a forward slip with the grade that its size has."""
    grade = "3" if percent > 50 else "2" if percent > 25 else "1"
    return site, "slip", {"grade": grade, "value": percent, "unit": "%", "detail": detail}


def some_case(facts: CaseFacts, language: Language = "en", **wanted: str) -> Case:
    """Return the first case whose plan is as wanted."""
    for key in range(60):
        case = case_of(facts, str(key), language)
        if isinstance(case, Case) and all(getattr(case.plan, name) == as_ for name, as_ in wanted.items()):
            return case
    raise AssertionError(case)


def plans_of(facts: CaseFacts) -> list[Plan | NoPlan]:
    """Return the plans of many histories of one study."""
    problem = problem_of(facts)
    return [plan_of(problem, history(facts, problem, str(key))) for key in range(60)]
