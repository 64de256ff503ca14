"""A trace as files and as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinemed.corpus.releases.trace import Trace


def write_trace(trace: Trace, out: Path) -> list[Path]:
    """Return the files of a trace in a folder: its pictures, or its document with the quote marked."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in trace.pictures.items():
        (out / name).write_bytes(content)
        written.append(out / name)
    quote = trace.facts["evidence"].get("quote")
    if quote is not None:
        path = out / f"{trace.id}-quote.txt"
        path.write_text(f"{quote['document']}\n\n{_marked(quote)}\n", encoding="utf-8")
        written.append(path)
    return written


def _marked(quote: Mapping[str, Any]) -> str:
    """Return the document of a quote with [[ and ]] around the quote; a rule is its citation alone."""
    if "document_text" not in quote:
        return str(quote["text"])
    text, start, end = quote["document_text"], quote["start"], quote["end"]
    return f"{text[:start]}[[{text[start:end]}]]{text[end:]}"


def lines(trace: Trace) -> list[str]:
    """Return a trace for a person: one line a fact, the messages as they were said."""
    facts = trace.facts
    said = [f"{name}: {_shown(facts[name])}" for name in facts if name not in ("messages", "findings")]
    at = next(place for place, line in enumerate(said) if line.startswith("level: "))
    turns = [f"  {one['role']}: {one['content']}" for one in facts["messages"]]
    rests = [f"  {_finding_line(one)}" for one in facts["findings"]]
    return [*said[:at], "messages:", *turns, *said[at:], "findings:", *rests]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        shown = {name: one for name, one in value.items() if one is not None and name != "document_text"}
        return "; ".join(f"{name} {_shown(one)}" for name, one in shown.items())
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    return str(value)


def _finding_line(finding: Mapping[str, Any]) -> str:
    if finding.get("missing"):
        return f"{finding['id']}: not in the corpus; run spinemed verify"
    state = "" if finding["present"] else " absent"
    grade = " ".join(
        str(finding[one]) for one in ("grade", "side", "value", "unit", "detail") if finding[one]
    )
    place = f"{finding['series']} {finding['plane']} slice {finding['slice_index']}"
    return f"{finding['id']}: {finding['pathology']}{state} at {finding['site']} {grade} ({place})".replace(
        "  ", " "
    )
