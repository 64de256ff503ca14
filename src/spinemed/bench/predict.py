"""Answers of one model to a fixed sample of a corpus, appended as they come so that a kill loses little."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from spinemed.answers import parse_answer
from spinemed.bench.items import Item, corpus_hash, pick, prompts, read_items
from spinemed.bench.runs import Run, append, check_folders, folder_hash, resumed
from spinemed.errors import ConfigError
from spinemed.level_grammar import parse_levels
from spinemed.records import ParseStatus, Prediction

PICTURES_AT_ONCE = (
    512  # held in memory; reading a shard for each batch alone would take longer than answering
)


class Answers(Protocol):
    """What a back end writes: text, number of tokens, whether its limit cut it off, seconds."""

    @property
    def text(self) -> str: ...
    @property
    def tokens(self) -> int: ...
    @property
    def cut_off(self) -> bool: ...
    @property
    def seconds(self) -> float: ...


Answerer = Callable[[Sequence[dict[str, Any]]], Sequence[Answers]]


def sample(
    data: Path, config: str, split: str, kinds: Sequence[str], synthetic_only: bool, limit: int | None
) -> list[Item]:
    """Return the items that a run answers: fixed by the corpus and these choices alone."""
    return pick(read_items(data, config, split), kinds=kinds, synthetic_only=synthetic_only, limit=limit)


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


def describe(
    model: Path,
    adapter: Path | None,
    data: Path,
    config: str,
    split: str,
    *,
    kinds: Sequence[str],
    synthetic_only: bool,
    max_new_tokens: int,
    dtype: str,
    four_bit: bool,
    items: int,
) -> Run:
    """Return what makes a run: names and hashes of model, adapter and data, and the decoding."""
    check_folders(model, adapter)
    return Run(
        model=model.resolve().name,
        model_hash=folder_hash(model),
        adapter="" if adapter is None else adapter.resolve().name,
        adapter_hash="" if adapter is None else folder_hash(adapter),
        config=config,
        split=split,
        data_hash=corpus_hash(data, config, split),
        kinds=tuple(sorted(kinds)),
        synthetic_only=synthetic_only,
        max_new_tokens=max_new_tokens,
        dtype=dtype,
        four_bit=four_bit,
        items=items,
    )


def predict(
    items: Sequence[Item],
    run: Run,
    data: Path,
    out: Path,
    load: Callable[[], Answerer],
    *,
    batch_size: int,
    say: Callable[[str], None],
    track: Callable[[Iterable[Sequence[Item]], int], Iterable[Sequence[Item]]],
) -> int:
    """Append the missing predictions of `items` to `out`; return how many were made now.

    The model is loaded only when something is missing. `track` may show progress over the batches.
    """
    with resumed(out, run, say) as (file, done):
        missing = [item for item in items if item.id not in done]
        if done:
            say(f"{out}: {len(items) - len(missing)} of {len(items)} items are answered already")
        if not missing:
            return 0
        answer = load()
        batches = [missing[start : start + batch_size] for start in range(0, len(missing), batch_size)]
        asked: dict[str, dict[str, Any]] = {}
        for number, batch in enumerate(track(batches, len(missing))):
            if batch[-1].id not in asked:
                near = missing[number * batch_size :][: max(PICTURES_AT_ONCE, batch_size)]
                asked = prompts(data, run.config, run.split, [item.id for item in near])
            answers = answer([asked[item.id] for item in batch])
            append(file, [prediction(item, each, run) for item, each in zip(batch, answers, strict=True)])
    return len(missing)


def prediction(item: Item, answer: Answers, run: Run) -> Prediction:
    """Return the record of one answer, parsed without sight of the key."""
    status, choice = read_status(item, answer)
    return Prediction(
        instance=item.id,
        model=run.model + (f"+{run.adapter}" if run.adapter else ""),
        revision=run.revision,
        text=answer.text.encode("utf-8", "replace").decode(),
        status=status,
        choice=choice,
        seconds=round(answer.seconds, 4),
        tokens=answer.tokens,
    )


def read_status(item: Item, answer: Answers) -> tuple[ParseStatus, str]:
    """Return the parse state and the chosen letter ("" for none and for open items)."""
    if item.options:
        parsed = parse_answer(answer.text, item.lettered, cut_off=answer.cut_off)
        return parsed.status, parsed.letters[0] if parsed.letters else ""
    if parse_levels(answer.text).levels:
        return "answered", ""
    return ("truncated" if answer.cut_off else "no_answer"), ""
