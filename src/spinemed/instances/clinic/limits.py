"""What the shown series cannot tell: kinds of marrow change and of metastasis that need another sequence."""

from __future__ import annotations

from spinemed.facts.case import CaseFacts
from spinemed.records import Finding


def restrained(facts: CaseFacts) -> CaseFacts:
    """Return the facts without grades that the series of a finding does not show.

    A Modic type needs T1 and T2 of the same study and is none on fat-suppressed images (Modic 1988);
    T1 alone does not tell a lytic from a blastic metastasis.
    """
    sequence = {series.uid: series.sequence for series in facts.study.series}
    shown = {sequence.get(one.evidence.series, "") for one in facts.findings}

    def limited(one: Finding) -> Finding:
        own = sequence.get(one.evidence.series, "")
        untyped = (
            one.present and one.pathology == "modic_change" and (own == "STIR" or not {"T1", "T2"} <= shown)
        )
        unnamed = one.present and one.pathology == "metastasis" and own == "T1"
        return one.model_copy(update={"grade": ""}) if untyped or unnamed else one

    return CaseFacts(facts.study, tuple(limited(one) for one in facts.findings))
