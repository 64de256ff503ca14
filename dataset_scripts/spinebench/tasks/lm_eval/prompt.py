"""What the lm-eval task needs beside its YAML: the prompt, and `choices` as its filters expect them."""

from __future__ import annotations

from typing import Any


def process_docs(dataset: Any) -> Any:
    """Return the dataset with `prompt` (question, lettered options, how to answer) and `choices`."""
    return dataset.map(prompted)


def prompted(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its prompt.

    >>> print(prompted({"question": "Which?", "options": ["L1", "L2"]})["prompt"])
    Which?
    (A) L1
    (B) L2
    End with a line "Answer: (X)", where X is the letter of the right option.
    """
    lettered = [f"({chr(ord('A') + place)}) {text}" for place, text in enumerate(row["options"])]
    ask = 'End with a line "Answer: (X)", where X is the letter of the right option.'
    return {**row, "prompt": "\n".join([row["question"], *lettered, ask]), "choices": list(row["options"])}
