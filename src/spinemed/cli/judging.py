"""Commands that judge reports, check the judge, compare it with clinicians, and hold consultations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from spinemed.bench.judge.cases import JudgeCase
    from spinemed.llm.chat import Chat

app = typer.Typer()

Model = Annotated[str, typer.Option(help="Name of the served model.")]
BaseUrl = Annotated[str, typer.Option(help="Where it is served, such as http://127.0.0.1:8000/v1.")]
Revision = Annotated[str, typer.Option(help="What pins its weights: a commit or a date.")]
KeyEnv = Annotated[str, typer.Option(help="Environment variable that holds the API key.")]
InFlight = Annotated[int, typer.Option(min=1, help="Requests at the server at once.")]
Schema = Annotated[bool, typer.Option(help="Whether the server enforces JSON schemas.")]
Cache = Annotated[Path | None, typer.Option(help="Ledger of replies: what is in it is not asked again.")]
Data = Annotated[Path, typer.Option(help="Folder of the corpus.")]
Split = Annotated[str, typer.Option(help="train, validation or test.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Scripted = Annotated[
    str, typer.Option(help="A judge that is a script instead of a model: sound, lenient, level_blind, ...")
]


@app.command()
def judge(
    reports: Annotated[Path, typer.Argument(help="JSON lines of reports, as spinemed predict writes them.")],
    out: Annotated[Path, typer.Option(help="Where the verdicts go, as JSON lines.")],
    model: Model = "",
    base_url: BaseUrl = "",
    scripted: Scripted = "",
    data: Data = Path("spinemed-450k"),
    split: Split = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="A fixed random sample of this size.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Times that each section is judged.")] = 1,
    protocol: Annotated[str, typer.Option(help="Form of answers: json or xml (the paper's).")] = "json",
    force: Annotated[
        bool, typer.Option("--force", help="Let a judge grade its own family; flagged.")
    ] = False,
    revision: Revision = "",
    api_key_env: KeyEnv = "",
    in_flight: InFlight = 8,
    schema: Schema = True,
    cache: Cache = None,
    as_json: AsJson = False,
) -> None:
    """Judge written reports section by section on the ten dimensions of the rubric.

    Example: spinemed judge runs/a/report.jsonl --model JUDGE --base-url http://127.0.0.1:8000/v1
    --cache judge-ledger.jsonl --out verdicts.jsonl
    """
    from spinemed.bench.judge.ask import Settings, judge_of, judged
    from spinemed.bench.judge.reports import read_report_cases, read_written
    from spinemed.bench.judge.summary import summarised
    from spinemed.bench.judge.table import summary_text
    from spinemed.bench.judge.verdict import write_verdicts

    form = _protocol(protocol)
    written, author = read_written(reports)
    cases = read_report_cases(data, split, written, author)[:limit]
    with _asked(model, base_url, scripted, revision, api_key_env, in_flight, schema, cache) as (chat, name):
        verdicts = list(
            judged(
                cases,
                chat,
                judge_of(name, revision, form),
                _today(),
                Settings(repeats=repeats, protocol=form, force=force),
            )
        )
    write_verdicts(verdicts, out)
    summary = summarised(verdicts)
    typer.echo(summary.model_dump_json() if as_json else summary_text(summary))
    typer.echo(f"{len(verdicts)} verdicts in {out}", err=True)


@app.command("judge-checks")
def judge_checks(
    model: Model = "",
    base_url: BaseUrl = "",
    scripted: Scripted = "",
    data: Data = Path("spinemed-450k"),
    split: Split = "test",
    limit: Annotated[int, typer.Option(min=2, help="Reference reports, a fixed random sample.")] = 20,
    repeats: Annotated[int, typer.Option(min=2, help="Times that a call is repeated for its spread.")] = 3,
    protocol: Annotated[str, typer.Option(help="Form of answers: json or xml.")] = "json",
    verdicts: Annotated[
        list[Path] | None,
        typer.Option(help="Verdicts of this and other judges on several models, for self-preference."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the results go, as JSON.")] = None,
    revision: Revision = "",
    api_key_env: KeyEnv = "",
    in_flight: InFlight = 8,
    schema: Schema = True,
    cache: Cache = None,
    as_json: AsJson = False,
) -> None:
    """Check a judge: spread, length, padding, orders in the text, ceiling, floor, levels, sides, languages.

    Example: spinemed judge-checks --scripted level_blind --limit 10
    """
    from spinemed.bench.judge.ask import judge_of
    from spinemed.bench.judge.checks import check_judge
    from spinemed.bench.judge.own_family import self_preference
    from spinemed.bench.judge.reports import read_report_cases
    from spinemed.bench.judge.table import checks_text, results_json
    from spinemed.bench.judge.verdict import read_verdicts

    form = _protocol(protocol)
    cases: Sequence[JudgeCase] = read_report_cases(data, split)[:limit]
    with _asked(model, base_url, scripted, revision, api_key_env, in_flight, schema, cache) as (chat, name):
        who = judge_of(name, revision, form)
        results = check_judge(cases, chat, who, _today(), repeats, form)
    if verdicts:
        every = [one for path in verdicts for one in read_verdicts(path)]
        results.append(self_preference(every, who))
    text = results_json(who, _today(), results)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    typer.echo(text if as_json else checks_text(who, results))


@app.command("judge-agreement")
def judge_agreement(
    verdicts: Annotated[Path, typer.Argument(help="A file that spinemed judge wrote.")],
    clinicians: Annotated[Path, typer.Argument(help="CSV or JSON lines: case, clinician, dimension, score.")],
    as_json: AsJson = False,
) -> None:
    """Compare a judge with clinicians on the same reports, dimension by dimension.

    Example: spinemed judge-agreement verdicts.jsonl clinicians.csv
    """
    import json

    from spinemed.bench.judge.clinicians import agreements, read_clinicians
    from spinemed.bench.judge.table import agreement_text
    from spinemed.bench.judge.verdict import read_verdicts

    found = agreements(read_verdicts(verdicts), read_clinicians(clinicians))
    typer.echo(json.dumps([one.model_dump() for one in found]) if as_json else agreement_text(found))


@app.command()
def consult(
    source: Annotated[list[str], typer.Option(help="NAME=FOLDER of studies, repeatable.")],
    out: Annotated[Path, typer.Option(help="Where the consultations go, as JSON lines.")],
    model: Model = "",
    base_url: BaseUrl = "",
    doctor: Annotated[
        str, typer.Option(help="A doctor that is a script instead of a model: ideal, never_asks, ...")
    ] = "",
    language: Annotated[list[str] | None, typer.Option(help="en or zh; repeatable. Default: both.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Studies at most.")] = None,
    turns: Annotated[int, typer.Option(min=1, help="Answers that the model may give.")] = 10,
    seed: Annotated[int, typer.Option(help="Draws the histories.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer in tokens.")] = 600,
    revision: Revision = "",
    api_key_env: KeyEnv = "",
    in_flight: InFlight = 8,
    cache: Cache = None,
    as_json: AsJson = False,
) -> None:
    """Let a model hold consultations with scripted patients made from studies, and score them.

    Example: spinemed consult --source phantom=phantom-studies --doctor ideal --limit 10 --out talks.jsonl
    """
    from spinemed.bench.consultation.hold import chat_of_doctor, hold, named_cases
    from spinemed.bench.consultation.table import summary_text

    cases = named_cases(source, seed, language or [], limit, lambda text: typer.echo(text, err=True))
    if doctor:
        summary = hold(cases, chat_of_doctor(doctor, cases), f"scripted-{doctor}", turns, max_tokens, out)
    else:
        with _asked(model, base_url, "", revision, api_key_env, in_flight, True, cache) as (chat, name):
            summary = hold(cases, chat, name, turns, max_tokens, out)
    typer.echo(summary.model_dump_json() if as_json else summary_text(summary))
    typer.echo(f"{summary.cases} consultations in {out}", err=True)


@contextmanager
def _asked(
    model: str,
    base_url: str,
    scripted: str,
    revision: str,
    key_env: str,
    in_flight: int,
    schema: bool,
    cache: Path | None,
) -> Iterator[tuple[Chat, str]]:
    """Give a chat and its model's name: a served model, through a ledger if one is named, or a script."""
    from spinemed.errors import ConfigError

    if scripted:
        from spinemed.bench.judge.scripted import FAULTS, scripted_judge

        if scripted not in FAULTS:
            raise ConfigError(f"no scripted judge {scripted!r}; there are {', '.join(FAULTS)}")
        yield scripted_judge(FAULTS[scripted]), f"scripted-{scripted}"
        return
    if not model or not base_url:
        raise ConfigError("name who answers: --model with --base-url, or a script")
    from spinemed.llm.client import Endpoint, client
    from spinemed.llm.ledger import Identity, opened, remembered

    chat = client(Endpoint(base_url, model, key_env, enforces_schema=schema), in_flight)
    if cache is None:
        yield chat, model
        return
    with opened(cache) as ledger:
        yield remembered(chat, ledger, Identity(model, revision)), model


def _protocol(name: str) -> Any:
    from spinemed.errors import ConfigError

    if name not in ("json", "xml"):
        raise ConfigError(f"no protocol {name!r}; there are json and xml")
    return name


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()
