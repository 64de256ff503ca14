"""The judge's rubric: five sections, ten dimensions, an anchor for each of five points of every one."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

import yaml
from pydantic import field_validator, model_validator

from spinemed.records import Record

POINTS: Final = (1, 2, 3, 4, 5)
LOWEST: Final = POINTS[0]
HIGHEST: Final = POINTS[-1]
PARTS: Final = 6
"""Parts of a report, as `instances.clinic.report` numbers them."""


class Dimension(Record):
    """What one score is about: the question, and what each point asks for."""

    asks: str
    anchors: dict[int, str]

    @field_validator("anchors")
    @classmethod
    def _every_point(cls, anchors: dict[int, str]) -> dict[int, str]:
        if sorted(anchors) != list(POINTS) or not all(text.strip() for text in anchors.values()):
            raise ValueError(f"anchors stand at {sorted(anchors)}; write one for each of {list(POINTS)}")
        return {point: anchors[point] for point in POINTS}


class Section(Record):
    """One call of the judge: the parts of the report that it reads (1 to 6), and its dimensions."""

    title: str
    reads: tuple[int, ...]
    dimensions: dict[str, Dimension]

    @field_validator("reads")
    @classmethod
    def _known_parts(cls, reads: tuple[int, ...]) -> tuple[int, ...]:
        if not reads or not set(reads) <= set(range(1, PARTS + 1)):
            raise ValueError(f"reads is {list(reads)}; name parts of the report from 1 to {PARTS}")
        return reads


class Rubric(Record):
    """All sections by name, in order, with the version that every verdict carries."""

    version: str
    sections: dict[str, Section]

    @model_validator(mode="after")
    def _one_place_each(self) -> Rubric:
        names = [name for section in self.sections.values() for name in section.dimensions]
        if len(names) != len(set(names)):
            raise ValueError(f"a dimension stands in two sections: {sorted(names)}")
        return self

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return section -> its dimensions, in order."""
        return {name: tuple(section.dimensions) for name, section in self.sections.items()}


@cache
def rubric() -> Rubric:
    """Return the rubric of this package."""
    return Rubric.model_validate(yaml.safe_load(package_text("rubric.yaml")))


@cache
def prompt_hash() -> str:
    """Return 16 hexadecimal digits over the bytes of prompt and rubric."""
    digest = hashlib.sha256()
    for name in ("prompt.yaml", "rubric.yaml"):
        digest.update(package_text(name).encode() + b"\0")
    return digest.hexdigest()[:16]


def package_text(name: str) -> str:
    """Return the text of a data file beside this module."""
    return files("spinemed.bench.judge").joinpath(name).read_text(encoding="utf-8")
