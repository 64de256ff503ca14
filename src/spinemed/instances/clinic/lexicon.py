"""Words that the gate reads beside those of `finding_words`: curves, numbers, conditions, counting, doses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from spinemed.finding_words import BOTH as BOTH
from spinemed.finding_words import CLAUSE_END as CLAUSE_END
from spinemed.finding_words import CURVES as CURVES
from spinemed.finding_words import DETAIL_WORDS as DETAIL_WORDS
from spinemed.finding_words import GRADE_WORDS as GRADE_WORDS
from spinemed.finding_words import LEFT as LEFT
from spinemed.finding_words import NAME_WORDS
from spinemed.finding_words import RIGHT as RIGHT
from spinemed.finding_words import SAME as SAME
from spinemed.finding_words import SIDED as SIDED
from spinemed.records import Pathology

PATHOLOGY_WORDS: Final[Mapping[Pathology, re.Pattern[str]]] = NAME_WORDS
"""What names a pathology."""

APEX: Final = re.compile(r"\bapex,?(?: at)? (\S{2,5})|顶椎为?(\w{2,4})")
"""The level that a text calls the apex of a curve."""
COBB: Final = re.compile(r"Cobb[^°。.;]{0,50}?(\d+)°")
NUMBERS: Final = re.compile(r"(\d+(?:\.\d+)?) ?(?:mm|%|°)")
CONDITION: Final = re.compile(
    r"^(?:- )?(?:\d\. )?(?:what if|and if|if|then|could|when|rule|by)\b|如果|要是|若|依据", re.IGNORECASE
)
COUNTED: Final = re.compile(
    r"\b(?:count|number|label|visible|view|whole|complete|series)|计数|编号|标注|完整|视野|成像范围",
    re.IGNORECASE,
)
"""What shows that a clause names vertebrae to say which are seen or how they are counted."""
NEGATED: Final = re.compile(r"\b(?:no|without)\b(?: \w+){0,2} ?$|未见\S{0,4}$|无\S{0,4}$", re.IGNORECASE)
DOSE: Final = re.compile(
    r"\d+(?:\.\d+)? ?(?:mg(?! ?/ ?l)|µg|mcg|ml\b|IU\b|毫克|微克|毫升|克\b)", re.IGNORECASE
)
