"""What the lmms-eval task needs beside its YAML: pictures, prompt, and the score of a reply."""

from __future__ import annotations

from typing import Any


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    """Return all pictures of an item in order; none for an item of text alone."""
    return [picture.convert("RGB") for picture in doc["images"]]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str] | None = None) -> str:
    """Return the question with lettered options and how to answer.

    >>> print(doc_to_text({"question": "Which?", "options": ["L1", "L2"]}))
    Which?
    A. L1
    B. L2
    Answer with the option's letter from the given choices directly.
    """
    given = lmms_eval_specific_kwargs or {}
    lettered = [f"{letter}. {text}" for letter, text in lettered_options(doc).items()]
    ask = given.get("post_prompt") or "Answer with the option's letter from the given choices directly."
    return "\n".join([f"{given.get('pre_prompt', '')}{doc['question']}", *lettered, ask])


def lettered_options(doc: dict[str, Any]) -> dict[str, str]:
    """Return letter -> option, A first."""
    return {chr(ord("A") + place): text for place, text in enumerate(doc["options"])}


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Return metric -> 1.0 where the reply is right, by lmms-eval's extraction and by spinemed's parser."""
    from lmms_eval.tasks._task_utils.mcq_extract import extract_mcq_answer

    from spinemed.answers import parse_answer

    reply, options = results[0], lettered_options(doc)
    theirs = extract_mcq_answer(reply, choices=list(options))
    ours = parse_answer(reply, options).letters
    return {
        "accuracy": float(theirs == doc["answer"]),
        "spinemed_accuracy": float(ours == (doc["answer"],)),
    }
