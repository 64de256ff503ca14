"""A fourth reading of Chinese texts, held fast: one construct, cords in the neck, counts, worn slips."""

from __future__ import annotations

import clinic_fixture as MADE
from test_written_questions import HERNIATION, WORN, case, document, finding

from spinemed.instances.clinic.report import report
from spinemed.instances.written.ask_findings import OF_DISCS, _asked_of
from spinemed.instances.written.ask_levels import renumbered
from spinemed.instances.written.templates import questions
from spinemed.records import Reject

SLIP = {"grade": "1", "value": 14.0, "unit": "%", "detail": "degenerative"}


def test_screws_are_counted_of_one_fusion_in_every_wording() -> None:
    asked = questions()["written_screw_count"].zh
    assert all(any(word in one for word in ("最短", "一组", "一次", "从一端到另一端")) for one in asked), (
        asked
    )


def test_the_signal_of_the_cord_is_asked_of_the_neck_alone() -> None:
    assert "cord_signal" in _asked_of("C5-C6")
    assert "cord_signal" not in _asked_of("T12-L1") and "cord_signal" not in _asked_of("L3-L4")
    assert set(_asked_of("L3-L4")) == {*OF_DISCS} - {"cord_signal"}


def test_a_report_that_shows_the_neck_is_not_counted_anew_from_below() -> None:
    told = [("L4/5: left subarticular disc extrusion.", [HERNIATION]), ("L5-S1: Pfirrmann IV.", [WORN])]
    neck = ("C5-C6: no herniation.", [finding("C5-C6", "herniation", present=False)])
    assert list(renumbered(document(case(*told))))
    assert not list(renumbered(document(case(*told, neck))))


def test_a_worn_slip_is_not_said_to_stay_and_a_cleft_one_is() -> None:
    told = {}
    worn = MADE.case([("L4-L5", "slip", SLIP)], age_band="60-69")
    for name, facts in (("worn", worn), ("cleft", MADE.cases()["isthmic"])):
        texts = [report(facts, str(key), "zh") for key in range(6)]
        told[name] = "".join(one.messages[-1].content for one in texts if not isinstance(one, Reject))
    assert "可缓慢进展" in told["worn"] or "可能缓慢进展" in told["worn"]
    assert "成人进展少见" not in told["worn"]
    assert "缓慢进展" not in told["cleft"]
