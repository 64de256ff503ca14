"""All that is known of one study, across its series: the facts that dialogues, plans and reports rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spinemed.records import Finding, Pathology, Study


class Hidden(NamedTuple):
    """What a source holds back of one series: it may be there, but is not seen well enough to be stated.

    `side` is "" where it has none, `grade` where it has none or the source does not tell it.
    """

    series: str
    site: str
    pathology: str
    side: str = ""
    grade: str = ""


@dataclass(frozen=True)
class CaseFacts:
    """A study with the findings of all its series, in the order of the series, and what these hold back."""

    study: Study
    findings: tuple[Finding, ...]
    hidden: frozenset[Hidden] = frozenset()

    def of(self, pathology: Pathology, *, present: bool | None = None) -> tuple[Finding, ...]:
        """Return one finding for each site and side of a pathology: the one that is seen best.

        `present` keeps the findings that are (True) or are not (False) there. Empty where nothing is stated.
        """
        best: dict[tuple[str, str], Finding] = {}
        for finding in self.findings:
            if finding.pathology != pathology or present not in (None, finding.present):
                continue
            key = finding.site, finding.side or ""
            if key not in best or (finding.contrast or 0.0) > (best[key].contrast or 0.0):
                best[key] = finding
        return tuple(best.values())

    def at(self, site: str) -> tuple[Finding, ...]:
        """Return every finding of one site, in all series."""
        return tuple(finding for finding in self.findings if finding.site == site)

    def seen_in(self, series: str) -> tuple[Finding, ...]:
        """Return the findings whose evidence lies in one series."""
        return tuple(finding for finding in self.findings if finding.evidence.series == series)


def merged(study: Study, by_series: Sequence[Sequence[Finding]]) -> CaseFacts:
    """Return the facts of a study from the findings of each of its series."""
    return CaseFacts(study, tuple(_in_order(by_series)))


def _in_order(by_series: Sequence[Sequence[Finding]]) -> Iterator[Finding]:
    for findings in by_series:
        yield from findings
