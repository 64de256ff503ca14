"""Commands that ask a model: predict, reparse, bench run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spinemed.bench.running.asking import Answering
    from spinemed.bench.running.controls import Question
    from spinemed.bench.whole import Part

app = typer.Typer()
bench_app = typer.Typer(help="Answer the benchmark and score it.")

Model = Annotated[
    str, typer.Option(help="Folder of a transformers vision-language model, or the name that a server knows.")
]
Adapter = Annotated[Path | None, typer.Option(help="Folder of a PEFT adapter trained on the model.")]
Data = Annotated[Path, typer.Option(help="Folder of the corpus.")]
Split = Annotated[str, typer.Option(help="train, validation or test.")]
Kind = Annotated[list[str] | None, typer.Option(help="Only this kind of question; repeatable.")]
Limit = Annotated[int | None, typer.Option(min=1, help="A fixed random sample of this size.")]
SyntheticOnly = Annotated[bool, typer.Option("--synthetic-only", help="Only synthetic patients.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Questions answered at once (transformers).")]
Device = Annotated[str, typer.Option(help="cpu or cuda (transformers).")]
DType = Annotated[str, typer.Option(help="auto, float32 or bfloat16 (transformers).")]
FourBit = Annotated[bool, typer.Option(help="Load the language part as NF4 (transformers).")]
Backend = Annotated[str, typer.Option(help="transformers, openai (a server) or replay (a file).")]
BaseUrl = Annotated[str, typer.Option(help="Of an OpenAI-compatible server: http://127.0.0.1:8000/v1.")]
Revision = Annotated[str, typer.Option(help="What pins the served model's weights: a commit or a hash.")]
KeyEnv = Annotated[str, typer.Option(help="Environment variable that holds the server's key.")]
InFlight = Annotated[int, typer.Option(min=1, help="Requests at the server at once.")]
Timeout = Annotated[float, typer.Option(min=0.01, help="Seconds that one attempt may take.")]
Attempts = Annotated[int, typer.Option(min=1, help="Attempts for each request.")]
Cache = Annotated[Path | None, typer.Option(help="Ledger of replies that are not asked for again (openai).")]
Replies = Annotated[Path | None, typer.Option(help="JSON lines with id and response (replay).")]
Seed = Annotated[int, typer.Option(help="Draws the orders and the wrong pictures of a control.")]


@app.command()
def predict(
    out: Annotated[Path, typer.Option(help="JSON lines; a run that was stopped goes on where it was.")],
    model: Model = "",
    adapter: Adapter = None,
    data: Data = Path("spinemed-450k"),
    config: Annotated[str, typer.Option(help="choice, open or report.")] = "choice",
    split: Split = "test",
    kind: Kind = None,
    limit: Limit = None,
    synthetic_only: SyntheticOnly = False,
    control: Annotated[
        str, typer.Option(help="none, blank, text, wrong_image, shuffled or circular.")
    ] = "none",
    control_seed: Seed = 0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply in tokens.")] = 16,
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
    from spinemed.bench.running import predict as bench
    from spinemed.bench.running.progress import tracked

    sample = bench.Sample(
        data, config, split, tuple(kind or ()), synthetic_only, limit, control, control_seed
    )
    chosen = Chosen(
        backend, model, adapter, batch_size, device, dtype, load_in_4bit, base_url, revision, api_key_env,
        in_flight, timeout, attempts, cache, replies,
    )  # fmt: skip
    chosen.check()
    questions, left_out = sample.questions()
    answering = chosen.answering(questions)
    run = bench.describe(
        sample, answering, max_new_tokens=max_new_tokens, items=len(questions), left_out=left_out
    )
    if left_out:
        typer.echo(f"{left_out} items are left out, which the control {control} would not change", err=True)
    outcome = bench.predict(
        questions, run, data, out, lambda: answering.ask(max_new_tokens), track=tracked("predict"),
        say=lambda text: typer.echo(text, err=True),
    )  # fmt: skip
    bench.check_finished(outcome, out, len(questions))
    made_by = f"{run.model} {run.adapter}".rstrip()
    typer.echo(f"{len(questions)} answers in {out}, {outcome.made} made now by {made_by}")
    typer.echo(f"next: spinemed score {out} --data {data} --config {config} --split {split}")


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
    out: Annotated[Path, typer.Option(help="Folder of the run; one that was stopped goes on.")],
    model: Model = "",
    adapter: Adapter = None,
    data: Data = Path("spinemed-450k"),
    config: Annotated[
        list[str] | None, typer.Option(help="choice, open or report; repeatable. Default: all there are.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="blank, text, wrong_image, shuffled, circular; repeatable. Default: none."),
    ] = None,
    split: Split = "test",
    kind: Kind = None,
    limit: Limit = None,
    synthetic_only: SyntheticOnly = False,
    control_seed: Seed = 0,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Longest reply to choice and open questions, in tokens.")
    ] = 256,
    max_report_tokens: Annotated[int, typer.Option(min=1, help="Longest report in tokens.")] = 2048,
    metrics: Annotated[Path, typer.Option(help="Folder of the metrics.")] = Path("evaluate_metrics"),
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
    replies: Annotated[
        Path | None, typer.Option(help="Folder with choice.jsonl, choice.blank.jsonl ... (replay).")
    ] = None,
) -> None:
    """Answer the whole benchmark, if wished under controls, and score it: one folder a run.

    Example: spinemed bench run --backend openai --base-url http://127.0.0.1:8000/v1 --model NAME
    --control blank --control circular --out runs/bench-name
    """
    from spinemed.bench import whole
    from spinemed.bench.running.predict import Sample
    from spinemed.bench.running.progress import tracked

    chosen = Chosen(
        backend, model, adapter, batch_size, device, dtype, load_in_4bit, base_url, revision, api_key_env,
        in_flight, timeout, attempts, cache, replies,
    )  # fmt: skip
    chosen.check()
    asked = whole.parts(data, split, config or [], control or [])
    sample = Sample(data, "", split, tuple(kind or ()), synthetic_only, limit, control_seed=control_seed)
    done = list(whole.run_parts(
        asked, sample, out, chosen.by_part(), lambda name: max_report_tokens if name == "report"
        else max_new_tokens, say=lambda text: typer.echo(text, err=True), track=tracked,
    ))  # fmt: skip
    for each in done:
        typer.echo(f"{each.part.name}: {each.questions} questions, {each.outcome.made} answered now")
    whole.check_all_finished(done)
    for file in whole.finish(out, asked, data, split, metrics):
        typer.echo(f"written: {file}")


@dataclass(frozen=True)
class Chosen:
    """The options that say who answers."""

    backend: str
    model: str
    adapter: Path | None
    batch_size: int
    device: str
    dtype: str
    four_bit: bool
    base_url: str
    revision: str
    key_env: str
    in_flight: int
    timeout_s: float
    attempts: int
    cache: Path | None
    replies: Path | None

    def check(self) -> None:
        """Raise ConfigError if an option that the back end needs is missing."""
        from spinemed.errors import ConfigError

        if self.backend not in ("transformers", "openai", "replay"):
            raise ConfigError(f"no back end {self.backend!r}; there are transformers, openai and replay")
        if self.backend == "replay" and self.replies is None:
            raise ConfigError("--backend replay needs --replies: JSON lines with id and response")
        if self.backend != "replay" and self.replies is not None:
            raise ConfigError("--replies are for --backend replay; pass one or the other")
        if self.backend != "replay" and not self.model:
            raise ConfigError(f"--backend {self.backend} needs --model")

    def answering(self, questions: Sequence[Question]) -> Answering:
        """Return who answers these questions."""
        from spinemed.bench.running import asking
        from spinemed.bench.running.predict import dtype_for

        if self.replies is not None:
            return asking.by_replay(self.replies, questions, model=self.model)
        if self.backend == "openai":
            from spinemed.llm.client import Endpoint

            endpoint = Endpoint(
                self.base_url, self.model, self.key_env, timeout_s=self.timeout_s, attempts=self.attempts
            )
            return asking.by_endpoint(endpoint, self.in_flight, revision=self.revision, cache_file=self.cache)
        return asking.by_transformers(
            Path(self.model), self.adapter, device=self.device, dtype=dtype_for(self.dtype, self.device),
            four_bit=self.four_bit, batch_size=self.batch_size,
        )  # fmt: skip

    def by_part(self) -> Callable[[Part, Sequence[Question]], Answering]:
        """Return who answers each part: one model for all, or the part's own file of replies."""
        if self.replies is not None:
            folder = self.replies
            return lambda part, questions: replace(self, replies=part.file(folder)).answering(questions)
        one = self.answering(())
        return lambda *_: one
