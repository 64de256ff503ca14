"""The stratum of a row: what a benchmark spreads its items over, read from the columns of a corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from spinemed.bench.items import rows, shards
from spinemed.levels import Site
from spinemed.records import content_id

Severity = Literal["unstated", "normal", "mild", "moderate", "severe", "present"]
REGIONS = {"C": "cervical", "T": "thoracic", "L": "lumbar", "S": "sacral"}
_COLUMNS = (
    "id", "axis", "kind", "level", "modality", "language", "answer", "patient", "study", "source",
    "messages", "findings", "images", "sites",
)  # fmt: skip
_BY_GRADE: dict[str, Mapping[str, Severity]] = {
    "height_loss": {"0": "normal", "1": "mild", "2": "moderate", "3": "severe"},
    "foraminal_stenosis": {"0": "normal", "1": "mild", "2": "moderate", "3": "severe"},
    "slip": {"0": "normal", "1": "mild", "2": "moderate", "3": "severe", "4": "severe", "5": "severe"},
    "disc_degeneration": {"1": "normal", "2": "normal", "3": "mild", "4": "moderate", "5": "severe"},
    "herniation": {"none": "normal", "protrusion": "moderate", "extrusion": "severe"},
    "modic_change": {"0": "normal"},
}
_WORDS: Mapping[str, Severity] = {
    "none": "normal",
    "mild": "mild",
    "moderate": "moderate",
    "severe": "severe",
}
_NO_FINDING = ("vertebra", "vertebra_in_part")


@dataclass(frozen=True)
class Candidate:
    """A row that may be selected: where it stands, whose it is, and what it shows.

    `words` is a hash of what is said, `pictures` are hashes of what is shown, `pool` the folder it is in.
    """

    id: str
    config: str
    axis: str
    kind: str
    region: str
    modality: str
    language: str
    severity: Severity
    answer: str
    patient: str
    study: str
    source: str
    words: str
    pictures: tuple[str, ...]
    pool: Path

    @property
    def cell(self) -> str:
        """The part of the benchmark it can fill: its axis, and whether a picture is shown."""
        return f"{self.axis}/{'image' if self.pictures else 'text'}"

    @property
    def stratum(self) -> tuple[str, ...]:
        """What items of one kind are spread over."""
        return (self.modality, self.region, self.language, self.severity)


def candidates(pool: Path, config: str, split: str = "test") -> Iterator[Candidate]:
    """Yield the rows of one config and split as candidates; nothing where the pool lacks the config."""
    folder = pool / "data" / config
    if not any(folder.glob(f"{split}-*.parquet")):
        return
    grades = severities(pool, split)
    for row in rows(shards(pool, config, split), _COLUMNS):
        found = [grades[one] for one in row["findings"] if one in grades]
        yield Candidate(
            **{
                name: row[name] for name in ("id", "axis", "kind", "modality", "language", "patient", "study")
            },
            config=config,
            region=region_of(row["level"] or next(iter(row["sites"]), "")),
            severity=worst(found),
            answer=row["answer"] if config == "choice" else "",
            source=row["source"],
            words=content_id([message["content"] for message in row["messages"]]),
            pictures=tuple(hashlib.sha256(picture["bytes"]).hexdigest() for picture in row["images"]),
            pool=pool,
        )


def severities(pool: Path, split: str) -> dict[str, Severity]:
    """Return finding id -> severity of a pool's findings; empty where it states none."""
    if not any((pool / "data" / "findings").glob(f"{split}-*.parquet")):
        return {}
    columns = ("id", "pathology", "grade", "present")
    found: dict[str, Severity] = {}
    for row in rows(shards(pool, "findings", split), columns):
        if row["pathology"] not in _NO_FINDING:
            found[row["id"]] = severity_of(row)
    return found


def severity_of(finding: Mapping[str, Any]) -> Severity:
    """Return how bad a finding is: its grade in one scale, or that it is there without a grade.

    >>> severity_of({"pathology": "slip", "grade": "2", "present": True})
    'moderate'
    >>> severity_of({"pathology": "fracture", "grade": "A4", "present": True})
    'severe'
    >>> severity_of({"pathology": "cage", "grade": "", "present": True})
    'present'
    """
    grade = str(finding["grade"])
    if finding["pathology"] == "fracture":
        return "moderate" if grade in ("A1", "A2") else "severe"
    known = _BY_GRADE.get(finding["pathology"], _WORDS)
    if grade in known:
        return known[grade]
    return "present" if finding["present"] else "normal"


def worst(found: list[Severity]) -> Severity:
    """Return the worst of several severities, "unstated" for none.

    >>> worst(["normal", "severe"]), worst([])
    ('severe', 'unstated')
    """
    order: tuple[Severity, ...] = ("unstated", "normal", "present", "mild", "moderate", "severe")
    return max(found, key=order.index, default="unstated")


def region_of(site: str) -> str:
    """Return the region of a site by its upper vertebra; "none" for a text that is no site.

    >>> region_of("L5-S1"), region_of("T12"), region_of("")
    ('lumbar', 'thoracic', 'none')
    """
    try:
        return REGIONS.get(str(Site.parse(site))[:1], "none")
    except ValueError:
        return "none"
