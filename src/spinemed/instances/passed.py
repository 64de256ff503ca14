"""Names of the checks that an instance passed, as its column `gates` lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spinemed.instances.premise import Shown
from spinemed.instances.rivals import looks_for_one
from spinemed.instances.templates import Template
from spinemed.records import Task

OFF_THE_CUT: Final = frozenset(
    {"height_loss", "slip_grade", "scoliosis_side", "scoliosis_severity", "meyerding_rule"}
)
"""Kinds that are asked only where the value lies further from every cut between grades than its error."""


def gates_of(template: Template, task: Task, shown: Sequence[Shown]) -> tuple[str, ...]:
    """Return the checks that an instance of a template has passed, in a fixed order.

    - `level_parser`: the level parser reads from the question just the levels that are meant;
    - `read_back`: each answer is read back as itself, no two say the same;
    - `one_right_option` (choice) or `one_right_answer` (open): of all that is offered, or could be said, the
      findings of the study make the keyed answer alone the right one;
    - `visible`: no shown series holds back what is asked, and nothing that looks alike clouds it;
    - `ring_on_site`: each ring lies on the site that is meant;
    - `counting_rule`: the picture shows what levels are counted from, and the question says it;
    - `no_rival`: no other level in view could be the one looked for;
    - `off_the_cut`: the value lies off the cuts between grades by more than its error;
    - `published_rule`: the answer follows from the rule that is cited.
    """
    passed = ["level_parser", "read_back", f"one_right_{'option' if task == 'choice' else 'answer'}"]
    if shown:
        passed.append("visible")
    if any(one.ring is not None for one in shown):
        passed.append("ring_on_site")
    if "numbering" in template.fields.values():
        passed.append("counting_rule")
    if looks_for_one(template.kind):
        passed.append("no_rival")
    if template.kind in OFF_THE_CUT:
        passed.append("off_the_cut")
    if not shown:
        passed.append("published_rule")
    return tuple(passed)
