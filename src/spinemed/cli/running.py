"""Commands that ask a model: predict, reparse, bench run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spinemed.cli.answerers import (
    Adapter,
    Attempts,
    Backend,
    BaseUrl,
    BatchSize,
    Cache,
    Chosen,
    Device,
    DType,
    FourBit,
    InFlight,
    KeyEnv,
    Model,
    Replies,
    Revision,
    Timeout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spinemed.bench.running.predict import Sample
    from spinemed.bench.whole import Part

app = typer.Typer()
bench_app = typer.Typer(help="Answer the benchmark and score it.")

Data = Annotated[Path, typer.Option(help="Folder of the corpus.")]
Split = Annotated[str, typer.Option(help="train, validation or test.")]
Kind = Annotated[list[str] | None, typer.Option(help="Only this kind of question; repeatable.")]
Limit = Annotated[int | None, typer.Option(min=1, help="A fixed random sample of this size.")]
SyntheticOnly = Annotated[bool, typer.Option("--synthetic-only", help="Only synthetic patients.")]
Seed = Annotated[int, typer.Option(help="Draws the orders and the wrong pictures of a control.")]
Control = Annotated[str, typer.Option(help="none, blank, text, wrong_image, shuffled or circular.")]
Tokens = Annotated[int, typer.Option(min=1, help="Longest reply in tokens.")]
OneConfig = Annotated[str, typer.Option(help="choice, open or report.")]
Configs = Annotated[
    list[str] | None, typer.Option(help="choice, open or report; repeatable. Default: all there are.")
]
Controls = Annotated[
    list[str] | None,
    typer.Option(help="blank, text, wrong_image, shuffled, circular; repeatable. Default: none."),
]
AnswerTokens = Annotated[
    int, typer.Option(min=1, help="Longest reply to choice and open questions, in tokens.")
]
ReportTokens = Annotated[int, typer.Option(min=1, help="Longest report in tokens.")]
Metrics = Annotated[Path, typer.Option(help="Folder of the metrics.")]
Train = Annotated[
    Path | None,
    typer.Option(help="Corpus that was trained on, where --data has no training split of its own."),
]
Lines = Annotated[Path, typer.Option(help="JSON lines; a run that was stopped goes on where it was.")]
Folder = Annotated[Path, typer.Option(help="Folder of the run; one that was stopped goes on.")]
RepliesByPart = Annotated[
    Path | None, typer.Option(help="Folder with choice.jsonl, choice.blank.jsonl ... (replay).")
]


@app.command()
def predict(
    out: Lines,
    model: Model = "",
    adapter: Adapter = None,
    data: Data = Path("spinemed-450k"),
    config: OneConfig = "choice",
    split: Split = "test",
    kind: Kind = None,
    limit: Limit = None,
    synthetic_only: SyntheticOnly = False,
    control: Control = "none",
    control_seed: Seed = 0,
    max_new_tokens: Tokens = 16,
    backend: Backend = "transformers",
    batch_size: BatchSize = 16,
    device: Device = "cpu",
    dtype: DType = "auto",
    load_in_4bit: FourBit = False,
    base_url: BaseUrl = "",
    revision: Revision = "",
    api_key_env: KeyEnv = "",
    in_flight: InFlight = 16,
    timeout: Timeout = 300.0,
    attempts: Attempts = 5,
    cache: Cache = None,
    replies: Replies = None,
) -> None:
    """Answer held-out questions with a model, a server's model, or replies that are in a file.

    Example: spinemed predict --model models/spinemed-mini-base --adapter runs/mini --out tuned.jsonl

    Example: spinemed predict --backend openai --base-url http://127.0.0.1:8000/v1 --model NAME --out a.jsonl

    Example: spinemed predict --backend replay --replies mine.jsonl --out b.jsonl
    """
    from spinemed.bench.running.predict import Sample

    chosen = Chosen(
        backend, model, adapter, batch_size, device, dtype, load_in_4bit, base_url, revision, api_key_env,
        in_flight, timeout, attempts, cache, replies,
    )  # fmt: skip
    kinds = tuple(kind or ())
    sample = Sample(data, config, split, kinds, synthetic_only, limit, control, control_seed)
    answer(sample, chosen, out, max_new_tokens)


def answer(sample: Sample, chosen: Chosen, out: Path, max_new_tokens: int) -> None:
    """Answer one sample into a file and say what comes next."""
    from spinemed.bench.running import predict as bench
    from spinemed.bench.running.progress import tracked

    chosen.check()
    questions, left_out = sample.questions()
    answering = chosen.answering(questions)
    run = bench.describe(
        sample, answering, max_new_tokens=max_new_tokens, items=len(questions), left_out=left_out
    )
    if left_out:
        said = f"{left_out} items are left out, which the control {sample.control} would not change"
        typer.echo(said, err=True)
    outcome = bench.predict(
        questions, run, sample.data, out, lambda: answering.ask(max_new_tokens), track=tracked("predict"),
        say=lambda text: typer.echo(text, err=True),
    )  # fmt: skip
    bench.check_finished(outcome, out, len(questions))
    made_by = f"{run.model} {run.adapter}".rstrip()
    typer.echo(f"{len(questions)} answers in {out}, {outcome.made} made now by {made_by}")
    typer.echo(
        f"next: spinemed score {out} --data {sample.data} --config {sample.config} --split {sample.split}"
    )


@app.command()
def reparse(
    predictions: Annotated[Path, typer.Argument(help="A file that spinemed predict wrote.")],
    data: Data = Path("spinemed-450k"),
    config: Annotated[str, typer.Option(help="Where no sidecar says it.")] = "",
    split: Annotated[str, typer.Option(help="Where no sidecar says it.")] = "",
    out: Annotated[Path | None, typer.Option(help="New file with today's parse states.")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Replace the file; the old one stays as *.bak.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the changes as JSON.")] = False,
) -> None:
    """Read stored replies again with today's parser and show which parse states change.

    Without --out or --in-place nothing is written. Example: spinemed reparse tuned.jsonl --out again.jsonl
    """
    from spinemed.bench.running import reparse as reading
    from spinemed.errors import ConfigError

    if in_place and out is not None:
        raise ConfigError("--out and --in-place exclude each other; pass one of them")
    config, split = reading.config_and_split(predictions, config, split)
    found = reading.reread(predictions, data, config, split)
    typer.echo(reading.as_json(found) if as_json else reading.as_text(found))
    if in_place or out is not None:
        typer.echo(f"written: {reading.write_reread(predictions, found, out)}", err=True)


@bench_app.command("run")
def bench_run(
    out: Folder,
    model: Model = "",
    adapter: Adapter = None,
    data: Data = Path("spinemed-450k"),
    config: Configs = None,
    control: Controls = None,
    split: Split = "test",
    kind: Kind = None,
    limit: Limit = None,
    synthetic_only: SyntheticOnly = False,
    control_seed: Seed = 0,
    max_new_tokens: AnswerTokens = 256,
    max_report_tokens: ReportTokens = 2048,
    metrics: Metrics = Path("evaluate_metrics"),
    train: Train = None,
    backend: Backend = "transformers",
    batch_size: BatchSize = 16,
    device: Device = "cpu",
    dtype: DType = "auto",
    load_in_4bit: FourBit = False,
    base_url: BaseUrl = "",
    revision: Revision = "",
    api_key_env: KeyEnv = "",
    in_flight: InFlight = 16,
    timeout: Timeout = 300.0,
    attempts: Attempts = 5,
    cache: Cache = None,
    replies: RepliesByPart = None,
) -> None:
    """Answer the whole benchmark, if wished under controls, and score it: one folder a run.

    Example: spinemed bench run --backend openai --base-url http://127.0.0.1:8000/v1 --model NAME
    --control blank --control circular --out runs/bench-name
    """
    from spinemed.bench import whole
    from spinemed.bench.running.predict import Sample

    chosen = Chosen(
        backend, model, adapter, batch_size, device, dtype, load_in_4bit, base_url, revision, api_key_env,
        in_flight, timeout, attempts, cache, replies,
    )  # fmt: skip
    sample = Sample(data, "", split, tuple(kind or ()), synthetic_only, limit, control_seed=control_seed)
    asked = whole.parts(data, split, config or [], control or [])
    answer_parts(asked, sample, chosen, out, max_new_tokens, max_report_tokens)
    for file in whole.finish(out, asked, data, split, metrics, train):
        typer.echo(f"written: {file}")


def answer_parts(
    asked: Sequence[Part], sample: Sample, chosen: Chosen, out: Path, tokens: int, report_tokens: int
) -> None:
    """Answer every part of a run into its folder; OutputError where questions are left without a reply."""
    from spinemed.bench import whole
    from spinemed.bench.running.progress import tracked

    chosen.check()
    done = list(whole.run_parts(
        asked, sample, out, chosen.by_part(), lambda name: report_tokens if name == "report" else tokens,
        say=lambda text: typer.echo(text, err=True), track=tracked,
    ))  # fmt: skip
    for each in done:
        typer.echo(f"{each.part.name}: {each.questions} questions, {each.outcome.made} answered now")
    whole.check_all_finished(done)
