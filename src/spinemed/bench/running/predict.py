"""Answers of one model to a fixed sample of a corpus, appended as they come so that a kill loses little."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spinemed.answer_text import is_refusal
from spinemed.answers import parse_answer
from spinemed.bench.items import Item, corpus_hash, pick, read_items
from spinemed.bench.running.asking import Answering, Ask, Rows, in_stored_order
from spinemed.bench.running.controls import Question, picture_counts, questions
from spinemed.bench.running.replies import LONGEST_REPLY
from spinemed.bench.running.runs import Run, Unanswered, append, failures_file, resumed
from spinemed.errors import ConfigError, OutputError
from spinemed.level_grammar import parse_levels
from spinemed.llm.chat import Arrival, Failure, Reply
from spinemed.records import ParseStatus, Prediction

CUT_OFF = "length"  # the finish_reason of a reply that ran into its limit

NO_QUESTIONS = frozenset({"dialogue", "findings", "studies", "rejects"})

Track = Callable[[Iterable[list[Arrival]], int], Iterator[list[Arrival]]]


@dataclass(frozen=True)
class Sample:
    """What a run asks: a fixed sample of one config and split, perhaps under a control."""

    data: Path
    config: str
    split: str = "test"
    kinds: tuple[str, ...] = ()
    synthetic_only: bool = False
    limit: int | None = None
    control: str = "none"
    control_seed: int = 0

    def questions(self) -> tuple[list[Question], int]:
        """Return the questions, fixed by corpus and choices alone, and how many items the control omits."""
        if self.config in NO_QUESTIONS:
            raise ConfigError(
                f"the config {self.config} holds no single questions; choose choice, open or report"
            )
        known = read_items(self.data, self.config, self.split)
        chosen = pick(known, kinds=self.kinds, synthetic_only=self.synthetic_only, limit=self.limit)
        pictures = {} if self.control == "none" else picture_counts(self.data, self.config, self.split)
        return questions(chosen, self.control, self.control_seed, known, pictures)


@dataclass(frozen=True)
class Outcome:
    """What a call of `predict` did: predictions made now, and questions without a reply, by reason."""

    made: int
    failures: Counter[str]


def dtype_for(wanted: str, device: str) -> str:
    """Return "float32" or "bfloat16" for "auto": the latter where the machine computes in it natively.

    Where a CPU computes in bfloat16, it halves the time of an answer; emulated, it is slower than float32.
    """
    if wanted not in ("auto", "float32", "bfloat16"):
        raise ConfigError(f"--dtype {wanted}: choose auto, float32 or bfloat16")
    if wanted != "auto":
        return wanted
    flags = Path("/proc/cpuinfo")
    known = flags.read_text(encoding="ascii", errors="replace") if flags.exists() else ""
    native = device != "cpu" or re.search(r"\b(?:avx512_bf16|amx_bf16)\b", known) is not None
    return "bfloat16" if native else "float32"


def describe(sample: Sample, answering: Answering, *, max_new_tokens: int, items: int, left_out: int) -> Run:
    """Return what makes a run: names and hashes of model, adapter and data, the decoding and the control."""
    return Run(
        model=answering.model,
        model_hash=answering.model_hash,
        adapter=answering.adapter,
        adapter_hash=answering.adapter_hash,
        config=sample.config,
        split=sample.split,
        data_hash=corpus_hash(sample.data, sample.config, sample.split),
        kinds=tuple(sorted(sample.kinds)),
        synthetic_only=sample.synthetic_only,
        max_new_tokens=max_new_tokens,
        decoding=answering.decoding,
        dtype=answering.dtype,
        four_bit=answering.four_bit,
        items=items,
        backend=answering.backend,
        control=sample.control,
        control_seed=sample.control_seed,
        left_out=left_out,
    )


def predict(
    asking: Sequence[Question],
    run: Run,
    data: Path,
    out: Path,
    load: Callable[[], Ask],
    *,
    say: Callable[[str], None],
    track: Track,
) -> Outcome:
    """Append the missing predictions of the questions to `out`; return how many were made, and failures.

    What arrives together is on the disk before more is asked for. A failure is no prediction: it is listed
    in `failures_file(out)`, and the next call asks again. The model is loaded only when something is
    missing. `track` may show progress over what arrives.
    """
    with resumed(out, run, say) as (file, done):
        missing = [question for question in asking if question.key not in done]
        failed = failures_file(out)
        failed.unlink(missing_ok=True)
        if done:
            say(f"{out}: {len(asking) - len(missing)} of {len(asking)} questions are answered already")
        made, reasons = 0, Counter[str]()
        if not missing:
            return Outcome(made, reasons)
        missing = in_stored_order(missing, data, run.config, run.split)
        rows = Rows(data, run.config, run.split, missing, run.control)
        for group in track(load()(rows), len(missing)):
            replies, lost = sorted_out(group, missing, run)
            append(file, replies)
            if lost:
                with failed.open("ab") as list_of_lost:
                    append(list_of_lost, lost)
            made += len(replies)
            reasons.update(each.reason for each in lost)
    return Outcome(made, reasons)


def sorted_out(
    group: Sequence[Arrival], asking: Sequence[Question], run: Run
) -> tuple[list[Prediction], list[Unanswered]]:
    """Return the predictions among arrivals, and what has no reply or one beyond all measure."""
    replies: list[Prediction] = []
    lost: list[Unanswered] = []
    for place, reply in group:
        question = asking[place]
        if isinstance(reply, Reply) and len(reply.text) > LONGEST_REPLY:
            reply = Failure(f"a reply of {len(reply.text):,} characters; {LONGEST_REPLY:,} are the most")
        if isinstance(reply, Failure):
            lost.append(Unanswered(instance=question.item.id, order=question.order, reason=reply.reason))
        else:
            replies.append(prediction(question, reply, run))
    return replies, lost


def check_finished(outcome: Outcome, out: Path, items: int) -> None:
    """Raise OutputError if questions have no reply: how many, why, where they are listed, how to go on."""
    if not outcome.failures:
        return
    lost = outcome.failures.total()
    reasons = "; ".join(f"{count} x {reason}" for reason, count in outcome.failures.most_common(3))
    more = f"; {len(outcome.failures) - 3} other reasons" if len(outcome.failures) > 3 else ""
    raise OutputError(
        f"{lost} of {items} questions have no reply ({reasons}{more}); they are listed in "
        f"{failures_file(out)} and are no predictions. {outcome.made} were answered now and are kept: mend "
        "the cause and run the same command again, it asks only those"
    )


def prediction(question: Question, reply: Reply, run: Run) -> Prediction:
    """Return the record of one reply, parsed without sight of the key."""
    status, choice = read_status(
        question.shown, reply.text, run.config, cut_off=reply.finish_reason == CUT_OFF
    )
    return Prediction(
        instance=question.item.id,
        model=run.model + (f"+{run.adapter}" if run.adapter else ""),
        revision=run.revision,
        text=reply.text.encode("utf-8", "replace").decode(),
        status=status,
        choice=choice,
        seconds=round(reply.seconds, 4),
        tokens=reply.tokens,
        finish_reason=reply.finish_reason,
        order=question.order,
    )


def read_status(shown: Item, text: str, config: str, *, cut_off: bool) -> tuple[ParseStatus, str]:
    """Return the parse state and what is chosen, letters as shown ("" for none and without options).

    An open reply is answered when it names a level; else, and so a report, when it was not cut off, says
    something and is no refusal.
    """
    if shown.options:
        parsed = parse_answer(text, shown.lettered, multiple=config == "multiple", cut_off=cut_off)
        return parsed.status, "".join(parsed.letters)
    if config != "report" and parse_levels(text).levels:
        return "answered", ""
    if cut_off:
        return "truncated", ""
    if config != "report" and is_refusal(text):  # a report may well send the reader to a doctor
        return "refusal", ""
    return ("answered" if text.strip() else "no_answer"), ""
