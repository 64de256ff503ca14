"""What a scorecard does not say and why, in sentences: for the table and the page alike."""

from __future__ import annotations

from collections.abc import Iterator

from spinemed.bench.scoring.scorecard import Scorecard, Span

METHODS = {
    "bootstrap": "percentile bootstrap over whole patients",
    "t": "CR1 error with the t distribution, as the patients are fewer than 30",
}


def absent(card: Scorecard) -> list[str]:
    """Return a sentence for each figure that a reader may look for and that is not there."""
    said = [*leaks(card), *baselines(card)]
    if card.model.report is not None:
        said += reports(card)
    elif card.model.accuracy is None:
        said += opened(card)
    if not card.controls:
        said.append("Control runs: none was given, so nothing here shows whether the pictures are read.")
    return said


def leaks(card: Scorecard) -> Iterator[str]:
    """Yield that nothing was compared with training, where that is so."""
    if not card.leak_checked:
        yield (
            "Leak check: absent. The benchmark has no training split, and no training corpus was named with "
            "--train, so nothing says that these pictures and patients were never trained on."
        )


def baselines(card: Scorecard) -> Iterator[str]:
    """Yield which answerers without pictures are missing."""
    if card.model.accuracy is None:
        yield "Baselines without pictures: absent. They choose among options, and these questions have none."
    elif not any(one.name == "text only" for one in card.baselines):
        yield (
            "Learnt baselines (text only, geometry only): absent. There are no training questions of these "
            "kinds; name the corpus that was trained on with --train."
        )


def opened(card: Scorecard) -> Iterator[str]:
    """Yield what open questions do not have."""
    yield (
        "Accuracy of choices: absent. An open answer is right where it names just the right sites, or the "
        "right side."
    )
    if not card.model.level_sets:
        yield "Sets of sites: no question that was asked has several right sites."
    if not card.model.level.get("n_sides"):
        yield "Sides: no question that was asked has a side in its answer."


def reports(card: Scorecard) -> Iterator[str]:
    """Yield what is missing of a report's scores."""
    report = card.model.report
    assert report is not None
    if report.judged is None:
        yield (
            "The paper's report score (20 to 100): absent. No judge's verdicts were given with --judge. It "
            "is not zero: it is not known."
        )
    for what, there in (
        ("Sides: absent. No finding that was matched has one.", report.sides),
        ("Grades: absent. No finding that was matched has one.", report.grades),
        ("Plans at a wrong level: absent. No report of the corpus that was asked plans an operation.",
         report.wrong_plans),
    ):  # fmt: skip
        if there is None:
            yield what
    if card.signs:
        yield "Diagnosis: of reports only the form of the replies is looked at."


def unscored(card: Scorecard) -> list[str]:
    """Return why items that were answered are not scored, with their number."""
    reasons = card.unscored_reasons or (
        {"the answer is not one site": card.unscored} if card.unscored else {}
    )
    return [f"{count} answered items are not scored: {reason}." for reason, count in reasons.items()]


def asked_of(card: Scorecard) -> str:
    """Return what was left out of the split by choice, "" for nothing."""
    said = []
    if card.only is not None:
        said.append(
            f"Only {card.only.count} items named in a file were to be scored (hash {card.only.hash})."
        )
    if card.not_asked:
        said.append(f"{card.not_asked} items {'of these' if card.only else 'of the split'} were not asked.")
    return " ".join(said)


def searched(card: Scorecard) -> str:
    """Return where pictures and patients were looked for and not found; "" where nothing was compared."""
    if not card.leak_checked:
        return ""
    where = "the training corpus that was named" if card.train_hash else "training"
    return (
        f"None of the {card.leak_pictures} pictures and {card.leak_patients} patients is in {where} "
        "(looked for by hash and by patient)."
    )


def methods(card: Scorecard) -> str:
    """Return how intervals over patients were made, "" where there is none."""
    model = card.model
    spans: list[Span | None] = [model.patients_span, *(one.span for one in card.paired)]
    spans += [one.paired.span for one in card.controls]
    if model.report is not None:
        spans.append(model.report.factual.span)
    found = sorted({one.method for one in spans if one is not None})
    return f"Intervals over patients: {'; '.join(METHODS[name] for name in found)}." if found else ""
