"""Negation and side: which levels of a text a "no", "intact" or "left" speaks of."""

from __future__ import annotations

import re
from bisect import bisect_left

from .level_members import Member
from .level_scan import Cue
from .level_words import ABSENT, NEGATION, NORMAL, NOT, SIDE

_REACH = 160  # characters; keeps the work linear in the length of the text

# A sentence or a main clause ends here; a comma is judged apart.
_BORDER = re.compile(
    r"[.](?=\s|$)|[;。；!?！？\n]|\b(?:but|however|although|though|while|whereas|except|yet|instead|other than|apart from"
    r"|aside from|besides|because|due to|secondary to|which|sondern|aber|jedoch|hingegen|während|außer|ausser)\b"
    r"|但|而是|除|却|然而"
)
_COMMA = re.compile(r"[,，](?!\d)")
_GOES_ON = re.compile(r"(?:^|\s)(?:or|nor|and|oder|noch|und)\s|[或和及、]")
_STATES = re.compile(r"\b(?:there (?:is|are)|shows?|with|has|have|demonstrates?|noted|seen|es besteht|zeigt|mit)\b")
_FINDING = re.compile(
    r"fract|fraktur|herni|bulg|protru|protrus|extru|sequest|stenos|narrow|listhe|slip|degenerat|desicc|dehydrat|tear"
    r"|fissure|edema|oedem|ödem|lesion|collaps|metasta|compress|spondyl|defect|hemangioma|impinge|infect|discitis"
    r"|cyst|scolio|kypho|osteophyt|tumou?r|mass\b|loss|fus(?:ion|ed)|surg|ectomy|plasty|[tpax]lif|acdf|screw|cage|implant"
    r"|hardware|decompress|inject|vorfall|prolaps|vorwölb|läsion|stenose|gleiten|schmorl|modic|arthro|hypertroph|pain"
    r"|radiculopath|syndrome|abnormal|injur|burst|wedg|erosion|sclero|block|ablat|biops|instrument|laminot|cord signal"
    r"|突出|膨出|脱出|骨折|狭窄|滑脱|变性|退变|撕裂|水肿|病变|转移|压缩|增生|囊肿|肿瘤|侧弯|融合|术后|不稳|塌陷|压迫|损伤"
)
_LIST_GAP = re.compile(r"\s*(?:,|，|、|and|or|&|nor)\s*(?:the |at |and |or )*", re.ASCII)
_SHORT_REACH = re.compile(
    r"\s*(?:(?:at|the|in|on|of|involve[sd]?|affect(?:s|ed)?|extend(?:s|ing)?|to|reach(?:es)?|include[sd]?|seen|from"
    r"|present|located|necessarily|level|disc|vertebra|des|der|in|höhe|auf|bei|von)\s*)*"
)
_SUBJECT_COMMA = re.compile(r"[,，:]\s*(?:there (?:is|are|was|were)|we see|es besteht|both|also|again)?\s*")


def mark_polarity(members: list[Member], cues: list[Cue], low: str) -> None:
    """Set `negative` of the members whose finding is negated, normal or not seen."""
    polar = [cue for cue in cues if cue[2] in (NEGATION, NOT, NORMAL, ABSENT)]
    if not polar:
        return
    starts = [member.start for member in members]
    for place, cue in enumerate(polar):
        following = polar[place + 1][0] if place + 1 < len(polar) else len(low)
        first = bisect_left(starts, cue[1])
        if not _mark_before(members, first, cue, low) or cue[2] is NEGATION:
            _mark_after(members, first, cue, following, low)
    _restore(members, polar, low)
