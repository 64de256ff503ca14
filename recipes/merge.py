"""Merges an adapter into its base and shows what that costs: the three forms of a model, asked the same rows.

    python recipes/merge.py --base models/spinemed-mini-base --adapter runs/mini --out models/mini-merged
    python recipes/merge.py --base BASE --adapter ADAPTER --out OUT --compare spinemed-450k --limit 200

The merged model is bf16: the base's own weights with the adapter, or with --into dequantised those that
training in NF4 saw. --compare asks the adapter on NF4, the merge into bf16 and the merge into dequantised
weights, prints a table of their scores, and leaves it in OUT.comparison.json.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from spinemed.bench.running.asking import by_transformers
from spinemed.bench.running.backend import UNQUANTISED
from spinemed.bench.running.predict import Sample, check_finished, describe, predict
from spinemed.bench.running.runs import write_whole
from spinemed.bench.scoring.benchmark import open_benchmark
from spinemed.bench.scoring.paired import compare as paired
from spinemed.errors import SpinemedError
from spinemed.training.merging import WAYS, merge

ROOT = Path(__file__).parents[1]
FORMS = ("adapter on NF4", "merged bf16", "merged dequantised")


def compare(base, adapter, merged, sample, work, *, max_new_tokens, batch_size, metrics):
    """Return the rows of the table: each form's score with n and interval, paired with the adapter on NF4.

    `merged` maps a way of merging to its folder; predictions are kept in the folder `work`. The slice of rows
    is fixed by corpus, kinds and limit, and the same for all.
    """
    asking, left_out = sample.questions()
    files = []
    for name, model, adapted in zip(
        FORMS, (base, merged["bf16"], merged["dequantised"]), (1, 0, 0), strict=True
    ):
        answering = by_transformers(
            model,
            adapter if adapted else None,
            device="cpu",
            dtype="bfloat16",
            four_bit=bool(adapted),
            batch_size=batch_size,
        )
        run = describe(sample, answering, max_new_tokens=max_new_tokens, items=len(asking), left_out=left_out)
        file = work / f"{name.replace(' ', '-')}.jsonl"
        done = predict(
            asking,
            run,
            sample.data,
            file,
            lambda answering=answering: answering.ask(max_new_tokens),
            say=lambda text: print(text, file=sys.stderr),
            track=lambda groups, _: iter(groups),
        )
        check_finished(done, file, len(asking))
        files.append(file)
    benchmark = open_benchmark(sample.data, sample.config, sample.split, metrics)
    measured = [benchmark.measured(benchmark.joined(file)) for file in files]
    return [row(name, each, measured[0]) for name, each in zip(FORMS, measured, strict=True)]


def row(name, measured, first):
    """Return one row of the table: how a form scored, and against the first form where it is another."""
    answerer, readings = measured
    rate = answerer.accuracy or answerer.exact
    pair = None
    if measured is not first:
        items = [one.item for one in readings]
        mine, theirs = ([one.points for one in found] for found in (readings, first[1]))
        pair = paired(FORMS[0], items, mine, theirs).model_dump()
    return {"form": name, **rate.model_dump(), "paired": pair}


def table(rows):
    """Return the rows as a Markdown table."""
    lines = [
        "| form | n | right | 95 % interval | against the adapter on NF4 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in rows:
        pair, told = one["paired"], ""
        if pair is not None:
            span = pair["span"]
            within = f" ({percent(span['low'])} to {percent(span['high'])})" if span else ""
            told = (
                f"{percent(pair['difference'])}{within}; {pair['wins']} wins, {pair['losses']} losses, "
                f"exact McNemar p = {pair['mcnemar_p']:.2g}"
            )
        reached = f"{percent(one['low'])} to {percent(one['high'])}"
        lines.append(f"| {one['form']} | {one['n']} | {percent(one['value'])} | {reached} | {told} |")
    return "\n".join(lines)


def percent(share):
    """Return a share in percent."""
    return f"{100 * share:.1f} %"


def main(words):
    """Merge, and compare where asked."""
    options = parse(words)
    kept, sample = options.keep_unquantised, None
    if options.compare is not None:
        sample = Sample(
            options.compare, options.config, options.split, tuple(options.kind), limit=options.limit
        )
        sample.questions()  # fails before anything is merged
    done = merge(options.base, options.adapter, options.out, into=options.into, keep_unquantised=kept)
    result = {"model": str(options.out), "state": "merged" if done else "already merged"}
    print(json.dumps(result | ({} if done is None else asdict(done))))
    if sample is None:
        return
    (other,) = set(WAYS) - {options.into}
    with TemporaryDirectory(dir=options.out.parent, prefix=f"{options.out.name}.compare-") as place:
        work = Path(place)
        merge(options.base, options.adapter, work / other, into=other, keep_unquantised=kept)
        rows = compare(
            options.base,
            options.adapter,
            {options.into: options.out, other: work / other},
            sample,
            work,
            max_new_tokens=options.max_new_tokens,
            batch_size=options.batch_size,
            metrics=ROOT / "evaluate_metrics",
        )
    kept_at = options.out.with_name(f"{options.out.name}.comparison.json")
    write_whole(kept_at, json.dumps(rows, indent=1) + "\n")
    print(table(rows))


def parse(words):
    """Return the options for command line words."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True, help="the unquantised model trained on")
    parser.add_argument("--adapter", type=Path, required=True, help="what recipes/sft.py or grpo.py left")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the merged model")
    parser.add_argument("--into", choices=WAYS, default="bf16")
    parser.add_argument(
        "--keep-unquantised", nargs="*", default=list(UNQUANTISED), help="full prefixes that NF4 leaves out"
    )
    parser.add_argument("--compare", type=Path, help="a corpus whose rows the three forms answer")
    parser.add_argument("--config", default="choice", choices=["choice", "open"])
    parser.add_argument("--split", default="test")
    parser.add_argument("--kind", nargs="*", default=[], help="kinds of question; none means all")
    parser.add_argument("--limit", type=int, default=200, help="rows, the first of a fixed order")
    parser.add_argument("--max-new-tokens", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=8)
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SpinemedError as error:
        sys.exit(f"merge: {error}")
