"""Counts of a build: studies, rows, kinds, licences and reasons of rejection."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from spinemed.records import Instance, Reject, Split, Study


@dataclass
class Tally:
    """Everything that the card, the manifest and the command line count.

    `rows` by (config, split), `kinds` by (config, split, kind, modality, source), `rejects` by (step,
    reason).
    """

    studies: Counter[str] = field(default_factory=Counter)
    synthetic: int = 0
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)
    rejects: Counter[tuple[str, str]] = field(default_factory=Counter)
    licences: set[str] = field(default_factory=set)
    languages: set[str] = field(default_factory=set)
    source_licences: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def study(self, study: Study) -> None:
        """Count a study."""
        self.studies[study.source] += 1
        self.synthetic += study.synthetic
        self.licences.add(study.licence)
        self.source_licences[study.source].add(study.licence)

    def row(self, config: str, split: str) -> None:
        """Count a row."""
        self.rows[config, split] += 1

    def instance(self, instance: Instance, split: Split) -> None:
        """Count the kind of an instance."""
        source = instance.provenance.source
        self.languages.add(instance.language)
        self.kinds[instance.task, split, instance.kind, instance.modality, source] += 1

    def reject(self, reject: Reject) -> None:
        """Count a reject by its step and reason."""
        self.rejects[reject.step, reject.reason] += 1
