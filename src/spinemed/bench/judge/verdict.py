"""Verdicts: a score of one dimension of one report by one judge, with all that made it; JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError, model_validator

from spinemed.bench.judge.rubric import HIGHEST, LOWEST
from spinemed.errors import SourceError
from spinemed.records import Record

Status = Literal["scored", "absent", "missing"]
FAMILIES: Final[Mapping[str, str]] = {
    "chatgpt": "gpt", "o1": "gpt", "o3": "gpt", "o4": "gpt", "qwq": "qwen", "qvq": "qwen",
    "medgemma": "gemma", "chatglm": "glm",
    "mixtral": "mistral", "ministral": "mistral", "pixtral": "mistral", "spinegpt": "qwen",
    "smolvlm": "smollm", "huatuogpt": "qwen", "lingshu": "qwen",
}  # fmt: skip
"""Names of models that are of another name's family, or fine-tuned from it."""


class Judge(Record):
    """Who judges, and with what: stands beside every number."""

    model: str
    revision: str
    prompt_hash: str
    rubric_version: str
    protocol: Literal["json", "xml"] = "json"
    temperature: float = 0.0

    def is_candidate(self, model: str) -> bool:
        """Return whether a candidate is this judge or of its family."""
        return family_of(self.model) == family_of(model)


class Verdict(Record):
    """One dimension of one report. A score stands where `status` is "scored", or 1 where it is "absent".

    `supported` says whether the quoted evidence stands in the candidate's text (None without a quote).
    `reason` is why a verdict is missing. `to_judge`: the text speaks to its grader. `own_family`: the judge
    graded its own family, by force. `attempts` counts the judge's answers, `date` is the day of the call.
    """

    case: str
    patient: str
    language: Literal["en", "zh"]
    candidate: str
    section: str
    dimension: str
    repeat: int
    status: Status
    score: int | None
    evidence: str = ""
    supported: bool | None = None
    reason: str = ""
    to_judge: bool = False
    own_family: bool = False
    attempts: int
    judge: Judge
    date: str

    @model_validator(mode="after")
    def _score_fits(self) -> Verdict:
        if (self.score is None) != (self.status == "missing"):
            raise ValueError(f"status {self.status} with score {self.score}; a missing verdict has none")
        if self.score is not None and not LOWEST <= self.score <= HIGHEST:
            raise ValueError(f"score {self.score} lies outside {LOWEST} to {HIGHEST}")
        if self.status == "missing" and not self.reason:
            raise ValueError("a missing verdict needs its reason")
        return self


@cache
def family_of(model: str) -> str:
    """Return the family of a model's name: its first word without owner, version and size.

    A fine-tuned model with a name of its own is not known to be of its base's family, but for those in
    `FAMILIES`.

    >>> family_of("Qwen/Qwen2.5-VL-72B"), family_of("gpt-5-mini"), family_of("google/medgemma-27b-it")
    ('qwen', 'gpt', 'gemma')
    >>> family_of("o3-mini"), family_of("SmolLM2-135M")
    ('gpt', 'smollm')
    """
    name = model.rsplit("/", 1)[-1].lower()
    for known in sorted(FAMILIES, key=len, reverse=True):
        if name.startswith(known):
            return FAMILIES[known]
    letters = ""
    for letter in name:
        if not letter.isalpha():
            break
        letters += letter
    return letters or name


def write_verdicts(verdicts: Iterable[Verdict], path: Path) -> int:
    """Write verdicts as JSON lines and return how many; the file appears whole or not at all."""
    lines = [one.model_dump_json() + "\n" for one in verdicts]
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_text("".join(lines), encoding="utf-8")
    part.replace(path)
    return len(lines)


def read_verdicts(path: Path) -> Iterator[Verdict]:
    """Yield the verdicts of a file; SourceError with the line's number where one cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{path} cannot be read ({error}); name a file that spinemed judge wrote"
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield Verdict.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            raise SourceError(f"{path}, line {number}: {first['loc']} {first['msg']}") from error
