"""The scorecard: every figure of a comparison with its n, interval and origin, as records that go to JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from spinemed.bench.running.runs import Run
from spinemed.errors import SourceError
from spinemed.records import Record

FORMAT = 2


class Rate(Record):
    """A share of items; `low` and `high` are Wilson's 95 % interval, items taken as independent."""

    n: int
    correct: int
    value: float
    low: float
    high: float


class Span(Record):
    """A 95 % interval over patients: from drawing whole patients, or where they are few CR1 with t."""

    low: float
    high: float
    method: Literal["bootstrap", "t"] = "bootstrap"


class Measured(Record):
    """A mean of what was counted, with its interval over patients; null where they give no estimate."""

    n: int
    value: float
    span: Span | None


class Paired(Record):
    """Two answerers on the same items: the first is the model of the scorecard, the second is `against`."""

    against: str
    n: int
    patients: int
    wins: int = Field(description="items that only the model answers right; reports with the higher score")
    losses: int = Field(description="items that only the other answers right")
    difference: float = Field(
        description="accuracy (of reports: mean factual score) of the model minus that of the other"
    )
    span: Span | None = Field(
        description="of the difference; null where one patient or equal values give no estimate"
    )
    mcnemar_p: float = Field(description="exact two-sided McNemar over items")
    patients_p: float = Field(description="two-sided sign-flip test over patients")
    holm_p: float | None = Field(
        default=None, description="patients_p after Holm over all runs compared; null for baselines"
    )


class Circular(Record):
    """Items asked once in every rotation of their options; `all_right` is the share right in all of them."""

    n: int
    rotations: int
    all_right: float
    all_right_low: float
    all_right_high: float
    vanilla: float = Field(description="share right in the rotation that comes first")
    pass_k: dict[str, float] = Field(default={}, description="chance that k rotations drawn are all right")


class Position(Record):
    """Which letters are chosen, beside which are right, as shares; `bias` is highest minus lowest recall."""

    chosen: dict[str, float]
    keyed: dict[str, float]
    recall: dict[str, float | None]
    bias: float | None
    chosen_p: float | None = Field(description="chi-square test that letters are chosen as often as right")


class Bounded(Record):
    """A judged mean with its interval; null where a point is missing, `worst` and `best` what it could be."""

    mean: float | None
    low: float | None
    high: float | None
    worst: float
    best: float


class Judged(Record):
    """What a judge gave the reports: the paper's score, 20 to 100, its sections and dimensions, 1 to 5."""

    judge: str = Field(description="model and revision")
    prompt_hash: str
    rubric_version: str
    own_family: bool = Field(description="the judge graded its own family")
    verdicts_hash: str
    n: int = Field(description="reports with all points")
    missing: int = Field(description="points that are missing")
    score: Bounded
    sections: dict[str, Bounded]
    dimensions: dict[str, Bounded]


class Stated(Record):
    """One kind of finding in reports: how many stated are true, and how many true ones are stated."""

    precision: Measured | None = Field(description="over findings stated; null where none is")
    recall: Measured | None = Field(description="over true findings; null where there is none")


class Reports(Record):
    """What reports reached by spine_report, without a judge unless `judged` is there.

    Findings are (site, kind). Rates carry Wilson's interval with reports, or findings, as independent.
    """

    empty: int = Field(description="reports without any letter")
    factual: Measured = Field(description="mean factual score, 1 = a copy of the truth, 0 = an empty report")
    sections: dict[str, Rate] = Field(description="section -> reports that have text in it")
    complete: Rate = Field(description="reports with all six sections")
    in_order: Rate
    level: Stated = Field(description="sites of the findings")
    finding: Stated
    level_f1: float
    finding_f1: float
    by_finding: dict[str, Stated] = Field(description="kind of finding -> precision and recall")
    by_kind: dict[str, Measured] = Field(description="what leads the case -> factual score")
    by_language: dict[str, Measured]
    sides: Rate | None = Field(description="sides of matched findings; null where the truth tells none")
    grades: Rate | None
    presence: Rate | None
    invented: int = Field(description="findings stated that are not true")
    denied: int = Field(description="true findings that are denied")
    with_invented_level: Rate = Field(description="reports with a site that has no true finding")
    contradicting: Rate = Field(description="reports that contradict themselves")
    contradictions: dict[str, int] = Field(description="kind of contradiction -> how many")
    wrong_plans: Rate | None = Field(
        description="of operations that the corpus's report plans: other levels or none named; null without"
    )
    undue_plans: Rate | None = Field(description="operations planned where the corpus's report plans none")
    judged: Judged | None = None


class Answerer(Record):
    """What one model reached: accuracy with intervals, parse states, groups, level distance, reports."""

    name: str
    predictions_hash: str
    run: Run | None = Field(description="null where the predictions carry no sidecar")
    accuracy: Rate | None = Field(description="of choice items; null for open ones")
    exact: Rate | None = Field(
        default=None, description="open items that name just the right sites, or the right side"
    )
    patients_span: Span | None = Field(description="of accuracy, or of `exact` in open items")
    accuracy_answered: float | None = Field(default=None, description="right among answered items")
    states: dict[str, float] = Field(default={}, description="parse state -> share of items; they sum to 1")
    conflict_rate: float | None = None
    by_level: dict[str, Rate] = Field(default={})
    by_modality: dict[str, Rate] = Field(default={})
    by_axis: dict[str, Rate] = Field(default={})
    by_language: dict[str, Rate] = Field(default={})
    by_condition: dict[str, Rate] = Field(default={})
    position: Position | None = None
    circular: Circular | None = None
    level: dict[str, float | None] = Field(
        default={}, description="figures of spine_level on items with one site; of sides on those with one"
    )
    level_sets: dict[str, float | None] = Field(
        default={}, description="figures of spine_level on open items with several right sites"
    )
    set_f1: Measured | None = Field(default=None, description="mean F1 of the sites over these items")
    numbering: dict[str, float] = Field(
        default={}, description="steps that a whole case is misnumbered by -> share of cases"
    )
    distances: dict[str, int] = Field(
        default={}, description="signed level steps, negative = too far cranial -> items that name one site"
    )
    confusion: dict[str, dict[str, int]] = Field(
        default={}, description="right site -> site named -> items; items that name one site"
    )
    report: Reports | None = None

    @property
    def reached(self) -> Rate | None:
        """The share of right answers, chosen or open; None for reports, which are not right or wrong."""
        return self.accuracy or self.exact


class Baseline(Record):
    """A method that sees no pixels, on the same items; chance is an expectation and has no interval."""

    name: str
    accuracy: float
    rate: Rate | None
    paired: Paired | None


class Control(Record):
    """The model of the scorecard asked again with something taken away or changed, on the shared items."""

    name: str = Field(description="blank, text, wrong_image, shuffled, circular, or as named")
    predictions_hash: str
    n: int
    accuracy: Rate | None = Field(description="of choice and open items")
    factual: Measured | None = Field(default=None, description="mean factual score of reports")
    paired: Paired = Field(description="the normal run against this one")
    unchanged: Rate | None = Field(
        description="items answered in both runs that choose the same option's text; null where none is"
    )
    circular: Circular | None = None


class Sign(Record):
    """One piece of evidence for or against a fault: what was counted, on how many items, how certain.

    `excess` is `share` minus `expected`, its interval and `p` respect patients. Where `margin` is null, `p`
    tests that there is no excess. Where it is set, a gain is looked for in vain: `p` tests that the gain is
    `margin` or more, and `gain_p` that there is none.
    """

    rule: str
    about: str = ""
    n: int = Field(description="items on which the fault could show")
    patients: int
    share: float | None
    expected: float | None
    excess: float | None
    error: float | None = Field(description="standard error of `excess`, clustered by patient")
    low: float | None
    high: float | None
    p: float | None = Field(description="one-sided, not corrected; null where it cannot be estimated")
    margin: float | None = None
    gain_p: float | None = None


class Only(Record):
    """The items that alone were scored, named in a file."""

    count: int
    hash: str = Field(description="16 hexadecimal digits of SHA-256 over the sorted ids, one a line")


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
    only: Only | None = Field(default=None, description="where a file said which items count")
    unscored: int = Field(description="covered open items whose answer is neither sites nor a side")
    unscored_reasons: dict[str, int] = Field(default={})
    reparsed: int = Field(description="predictions whose stored parse state differs from what is read now")
    leak_pictures: int = Field(description="pictures of the split looked for in training; none was there")
    leak_patients: int
    leak_checked: bool = Field(default=True, description="false where there is no training split to look in")
    train_hash: str = Field(
        default="", description="of the training items of another corpus, where one is named"
    )
    train_items: int | None = Field(default=None, description="items that the learnt baselines learnt from")
    model: Answerer
    against: tuple[Answerer, ...] = ()
    paired: tuple[Paired, ...] = Field(default=(), description="the model with each of `against`, in order")
    baselines: tuple[Baseline, ...]
    controls: tuple[Control, ...] = ()
    signs: tuple[Sign, ...] = Field(default=(), description="what the diagnosis rests on")
    metrics: dict[str, str] = Field(description="metric -> hash of its code")
    versions: dict[str, str]


def read_scorecard(path: Path) -> Scorecard:
    """Return the scorecard in a file; SourceError where it is missing, of another format or broken."""
    if not path.is_file():
        raise SourceError(f"no file {path}; spinemed predict and spinemed score make it")
    try:
        return Scorecard.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        reason = "; ".join(str(error).splitlines()[:3])
        raise SourceError(
            f"{path} is no scorecard of format {FORMAT} ({reason}); make it again with: spinemed score"
        ) from error
