"""The whole benchmark in one folder: every config under every control, then scorecards and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spinemed.bench.running.asking import Answering
from spinemed.bench.running.controls import CONTROLS, OF_OPTIONS, Question
from spinemed.bench.running.predict import Outcome, Sample, Track, describe, predict
from spinemed.bench.running.runs import failures_file, write_whole
from spinemed.errors import ConfigError, OutputError

CONFIGS = ("choice", "open", "report")
CHOSEN = "choice"  # the config whose questions have options


@dataclass(frozen=True)
class Part:
    """One file of predictions: a config under a control."""

    config: str
    control: str

    @property
    def name(self) -> str:
        """How it is called in progress and file names.

        >>> Part("choice", "blank").name, Part("open", "none").name
        ('choice.blank', 'open')
        """
        return self.config if self.control == "none" else f"{self.config}.{self.control}"

    def file(self, folder: Path) -> Path:
        """Where its predictions stand in the folder of the run."""
        return folder / f"{self.name}.jsonl"


@dataclass(frozen=True)
class Done:
    """One part after it was asked: its file, how many questions it has, and what came of them."""

    part: Part
    file: Path
    questions: int
    left_out: int
    outcome: Outcome


def parts(data: Path, split: str, configs: Sequence[str], controls: Sequence[str]) -> list[Part]:
    """Return what is answered: each config without a control first, then under the controls that fit it.

    `configs` empty: those of choice, open and report that the corpus has in this split. ConfigError on
    names that are unknown or that no config fits.
    """
    unknown = [name for name in controls if name not in CONTROLS]
    if unknown:
        raise ConfigError(f"no control {unknown[0]!r}; there are {', '.join(CONTROLS)}")
    strange = [name for name in configs if name not in CONFIGS]
    if strange:
        raise ConfigError(f"no config {strange[0]!r} can be answered; there are {', '.join(CONFIGS)}")
    there = [name for name in CONFIGS if any((data / "data" / name).glob(f"{split}-*.parquet"))]
    chosen = [name for name in configs or CONFIGS if name in there]
    if not chosen or set(configs) - set(there):
        raise ConfigError(f"{data} has of {', '.join(configs or CONFIGS)} in split {split!r} only {there}")
    wanted = dict.fromkeys(["none", *controls])
    found = [Part(config, control) for config in chosen for control in wanted]
    return [part for part in found if part.config == CHOSEN or part.control not in OF_OPTIONS]


def run_parts(
    asked: Sequence[Part],
    sample: Sample,
    folder: Path,
    answerer: Callable[[Part, Sequence[Question]], Answering],
    longest: Callable[[str], int],
    *,
    say: Callable[[str], None],
    track: Callable[[str], Track],
) -> Iterator[Done]:
    """Answer part after part into `folder`; yield what came of each.

    `sample` says data, split, kinds and limit. `longest` gives the longest reply in tokens by config.
    """
    for part in asked:
        this = replace(sample, config=part.config, control=part.control)
        questions, left_out = this.questions()
        answering = answerer(part, questions)
        tokens = longest(part.config)
        run = describe(this, answering, max_new_tokens=tokens, items=len(questions), left_out=left_out)
        if left_out:
            say(f"{part.name}: {left_out} items are left out, which this control would not change")
        out = part.file(folder)
        outcome = predict(
            questions, run, sample.data, out, lambda who=answering, most=tokens: who.ask(most),  # type: ignore[misc]
            say=say, track=track(part.name),
        )  # fmt: skip
        yield Done(part, out, len(questions), left_out, outcome)


def check_all_finished(found: Iterable[Done]) -> None:
    """Raise OutputError if questions of any part have no reply; all parts are named."""
    lost = [each for each in found if each.outcome.failures]
    if lost:
        named = "; ".join(
            f"{each.part.name}: {each.outcome.failures.total()} of {each.questions} "
            f"({each.outcome.failures.most_common(1)[0][0]}), see {failures_file(each.file)}"
            for each in lost
        )
        raise OutputError(
            f"questions without a reply, which are no predictions: {named}. Mend the cause and run the same "
            "command again: it asks only those"
        )


def finish(
    folder: Path, asked: Sequence[Part], data: Path, split: str, metrics: Path, train: Path | None = None
) -> list[Path]:
    """Write the scorecard of each config, its controls beside it, and its page; return the files.

    `train` is the corpus that was trained on, where `data` has no training split.
    """
    from spinemed.bench.pages.report import write_report
    from spinemed.bench.score import score

    written: list[Path] = []
    for config in dict.fromkeys(part.config for part in asked):
        mine = [part for part in asked if part.config == config]
        controls = [str(part.file(folder)) for part in mine if part.control != "none"]
        answers, card_file = Part(config, "none").file(folder), folder / f"scorecard.{config}.json"
        card = score(answers, (), data, config, split, metrics, controls, train=train)
        write_whole(card_file, card.model_dump_json(indent=1) + "\n")
        written.append(card_file)
        written += write_report(card_file, {card.model.name: answers}, data, folder, name=f"report.{config}")
    return written
