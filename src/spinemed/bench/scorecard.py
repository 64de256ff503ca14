"""The scorecard: every figure of a comparison with its n, interval and origin, as records that go to JSON."""

from __future__ import annotations

from pydantic import Field

from spinemed.bench.runs import Run
from spinemed.records import Record

FORMAT = 1


class Rate(Record):
    """A share of items; `low` and `high` are Wilson's 95 % interval, items taken as independent."""

    n: int
    correct: int
    value: float
    low: float
    high: float


class Span(Record):
    """A 95 % percentile interval from drawing whole patients with replacement."""

    low: float
    high: float


class Paired(Record):
    """Two answerers on the same items: the first is the model of the scorecard, the second is `against`."""

    against: str
    n: int
    patients: int
    wins: int = Field(description="items that only the model answers right")
    losses: int = Field(description="items that only the other answers right")
    difference: float = Field(description="accuracy of the model minus accuracy of the other")
    span: Span | None = Field(
        description="of the difference; null where one patient or equal values give no estimate"
    )
    mcnemar_p: float = Field(description="exact two-sided McNemar over items")
    patients_p: float = Field(description="two-sided sign-flip test over patients")


class Answerer(Record):
    """What one model reached: accuracy with intervals, parse states, groups, level distance."""

    name: str
    predictions_hash: str
    run: Run | None = Field(description="null where the predictions carry no sidecar")
    accuracy: Rate | None = Field(description="of choice items; null for open ones")
    patients_span: Span | None
    accuracy_answered: float | None = None
    states: dict[str, float] = Field(default={}, description="parse state -> share of items; they sum to 1")
    conflict_rate: float | None = None
    by_level: dict[str, Rate] = Field(default={})
    by_modality: dict[str, Rate] = Field(default={})
    level: dict[str, float | None] = Field(
        default={}, description="figures of spine_level on items with one site"
    )


class Baseline(Record):
    """A method that sees no pixels, on the same items; chance is an expectation and has no interval."""

    name: str
    accuracy: float
    rate: Rate | None
    paired: Paired | None


class Scorecard(Record):
    """One comparison, complete: what was asked, of whom, with what, and what came out."""

    format: int = FORMAT
    config: str
    split: str
    data_hash: str
    n: int
    patients: int
    kinds: dict[str, int]
    synthetic: int = Field(description="items from synthetic patients")
    real: int
    not_asked: int = Field(description="items of the split that the predictions do not cover")
    unscored: int = Field(description="covered open items whose answer is not one site")
    reparsed: int = Field(description="predictions whose stored parse state differs from what is read now")
    leak_pictures: int = Field(description="pictures of the split looked for in training; none was there")
    leak_patients: int
    model: Answerer
    against: Answerer | None
    paired: Paired | None
    baselines: tuple[Baseline, ...]
    metrics: dict[str, str] = Field(description="metric -> hash of its code")
    versions: dict[str, str]
