"""At which levels a text plans an operation: what is advised against, feared or long done does not count.

English and Chinese, sentence by sentence. Standard library only, so that metric folders can carry it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from .finding_grammar import sites_in
from .levels import Site

_OPERATION: Final = re.compile(
    r"\b(?:surgery|surgical(?:ly)?|operat(?:e|ion|ions|ive|ively)|(?:micro)?decompress\w*"
    r"|(?:micro)?dis[ck]ectom\w+"
    r"|laminectom\w+|laminotom\w+|foraminotom\w+|corpectom\w+|facetectom\w+|fus(?:e|ed|ion)|fixation|fixate"
    r"|instrumentation|stabili[sz](?:e|ed|ation)|arthrodesis|[atpox]lif|acdf|vertebroplast\w+|kyphoplast\w+"
    r"|osteotom\w+|disc replacement)\b"
    r"|手术|减压|融合|固定术|内固定|切除|摘除|开窗|椎板成形|椎体成形|置换",
    re.IGNORECASE,
)
_AGAINST_BEFORE: Final = re.compile(
    r"\b(?:no|not|without|non|nor|neither|avoid\w*|instead of|rather than|never|before any|unless"
    r"|previous|prior|earlier"
    r"|history of|status post|after|since|trunk|core)\b[^,:;，：；]{0,40}$|non-$"
    r"|(?:不|非|无|暂|未|避免|既往|曾)[^，：；]{0,8}$",
    re.IGNORECASE,
)
_AGAINST_AFTER: Final = re.compile(
    r"^[^,:;]{0,30}\b(?:is|are) (?:not|un)|^[^,:;]{0,20}\b(?:unnecessary|contraindicated)"
    r"|^[^，：；]{0,8}"
    r"(?:不需|不必|无需|指征不|术后)"
    r"|^(?:al(?:ly)?)? (?:consultation|opinion|referral|consult|assessment|review)|^会诊|^指征评估",
    re.IGNORECASE,
)
_CONDITION: Final = re.compile(
    r"\b(?:if|should|unless|in case|whether|were)\b|如(?!下)|若|要是|是否", re.IGNORECASE
)
_RULE: Final = re.compile(
    r"^\s*(?:\d\.\s*)?(?:rule|依据)\b|\bscores?\b|\bpoints?\b|\d ?°|expert opinion"
    r"|\bbefore an operation|\bup to \d"
    r"|评分|\d分|专家意见|再考虑手术|手术前|^\s*依据",
    re.IGNORECASE,
)
"""What names a rule with its conditions rather than a plan for this patient."""
_SENTENCE: Final = re.compile(r"[^.;!?。；！？\n]+(?:\.(?=\d)[^.;!?。；！？\n]+)*")


class Plan(NamedTuple):
    """What a text plans: whether any operation, at which sites, cranial first, and on which side.

    `sides` are pairs of site and side (left, right or both) where the text tells one.
    """

    operates: bool
    sites: tuple[str, ...]
    sides: tuple[tuple[str, str], ...] = ()


def read_plan(text: str) -> Plan:
    """Return the operation that a treatment text plans; never raises.

    A sentence counts when it names an operation that it does not deny, that no condition stands before, and
    that is no rule with its thresholds.

    >>> read_plan("Offer discectomy at L4/5 on the left. No operation at L5/S1. If it fails, fuse L3-L4.")
    Plan(operates=True, sites=('L4-L5',), sides=(('L4-L5', 'left'),))
    >>> read_plan("目前不手术。").operates, read_plan("建议行L4-L5减压。").sites
    (False, ('L4-L5',))
    """
    found: dict[str, None] = {}
    sides: dict[tuple[str, str], None] = {}
    operates = False
    for match in _SENTENCE.finditer(text):
        if _is_planned(match.group()):
            operates = True
            sites = sites_in(match.group())
            found.update(dict.fromkeys(one.site for one in sites))
            sides.update(
                {(one.site, one.side): None for one in sites if one.side in ("left", "right", "both")}
            )
    return Plan(operates, tuple(sorted(found, key=_order)), tuple(sides))


def _is_planned(sentence: str) -> bool:
    return not _RULE.search(sentence) and any(
        not _CONDITION.search(sentence, 0, hit.start())
        and not _AGAINST_BEFORE.search(sentence[: hit.start()])
        and not _AGAINST_AFTER.search(sentence[hit.end() :])
        for hit in _OPERATION.finditer(sentence)
    )


def _order(site: str) -> tuple[int, bool]:
    read = Site.parse(site)
    return read.upper.order, read.is_segment


def touches(planned: Collection[str], stated: Collection[str]) -> bool:
    """Tell whether any planned site shares a vertebra with a stated one.

    >>> touches({"T12", "L1", "L2"}, {"L1"}), touches({"L2-L3"}, {"L4-L5"})
    (True, False)
    """
    return not set(_vertebrae(planned)).isdisjoint(_vertebrae(stated))


def is_same_plan(planned: Collection[str], right: Collection[str]) -> bool:
    """Tell whether two plans are at the same levels: equal sites, or sites that cover the same vertebrae.

    >>> is_same_plan({"L4", "L5", "S1"}, {"L4-L5", "L5-S1"}), is_same_plan({"L3-L4"}, {"L4-L5"})
    (True, False)
    """
    return set(planned) == set(right) or set(_vertebrae(planned)) == set(_vertebrae(right))


def _vertebrae(sites: Collection[str]) -> Iterator[str]:
    for site in sites:
        yield from site.split("-")
