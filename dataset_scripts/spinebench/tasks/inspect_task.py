"""SpineBench for inspect-ai: choice items from a benchmark folder, all pictures, scored by both parsers.

    inspect eval inspect_task.py@spinebench -T folder=spinebench-2510.03160 --model MODEL

`choice` is inspect-ai's own scorer (a line `ANSWER: C`); `spinemed_choice` reads the same reply with
spinemed's parser, where spinemed is installed. Errors are clustered by patient. This is the SpineBench of
arXiv 2510.03160, not the one of arXiv 2510.12267.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, choice, scorer, stderr
from inspect_ai.solver import TaskState, multiple_choice

COLUMNS = [
    "id",
    "question",
    "options",
    "answer",
    "images",
    "patient",
    "kind",
    "modality",
    "level",
    "language",
]


@task
def spinebench(
    folder: str = "spinebench-2510.03160", text_only: bool = False, image_only: bool = False
) -> Task:
    """Return the task over the choice items of a benchmark folder: all, without, or with pictures alone."""
    samples = [
        sample(row)
        for path in sorted((Path(folder) / "data" / "choice").glob("test-*.parquet"))
        for row in pq.read_table(path, columns=COLUMNS).to_pylist()
        if not (text_only and row["images"]) and not (image_only and not row["images"])
    ]
    if not samples:
        raise ValueError(
            f"{folder} holds no choice items; build one with: spinemed bench build --out {folder}"
        )
    return Task(
        dataset=MemoryDataset(samples, name="spinebench-2510.03160"),
        solver=multiple_choice(),
        scorer=[choice(), spinemed_choice()],
    )


def sample(row: dict[str, Any]) -> Sample:
    """Return the sample of a row: all its pictures as data URIs before the question."""
    pictures = [
        ContentImage(image=f"data:image/png;base64,{base64.b64encode(one['bytes']).decode('ascii')}")
        for one in row["images"]
    ]
    asked: Any = row["question"]
    if pictures:
        asked = [ChatMessageUser(content=[*pictures, ContentText(text=row["question"])])]
    return Sample(
        id=row["id"],
        input=asked,
        choices=list(row["options"]),
        target=row["answer"],
        metadata={name: row[name] or "" for name in ("patient", "kind", "modality", "level", "language")},
    )


@scorer(metrics=[accuracy(), stderr(cluster="patient")])
def spinemed_choice() -> Scorer:
    """Return a scorer that reads the reply with spinemed's parser; its state is the explanation."""
    from spinemed.answers import parse_answer

    async def score(state: TaskState, target: Target) -> Score:
        options = {chr(ord("A") + place): one.value for place, one in enumerate(state.choices)}
        cut_off = state.output.stop_reason == "max_tokens"
        parsed = parse_answer(state.output.completion, options, cut_off=cut_off)
        right = parsed.letters == (target.text,)
        return Score(
            value=CORRECT if right else INCORRECT, answer="".join(parsed.letters), explanation=parsed.status
        )

    return score
