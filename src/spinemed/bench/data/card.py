"""The card of a benchmark: YAML that load_dataset reads, and counts taken from its manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

import yaml

from spinemed.bench.data.frozen import Frozen
from spinemed.bench.data.inspect_rows import CONFIG, PARTS

_FIELDS = ("axis", "kind", "shown", "region", "modality", "language", "severity")


def card(frozen: Frozen, data_files: Mapping[str, Sequence[str]]) -> str:
    """Return README.md of a benchmark; `data_files` gives config -> files."""
    template = Template(files("spinemed.bench.data").joinpath("card.md").read_text(encoding="utf-8"))
    front = yaml.safe_dump(_front(frozen, data_files), sort_keys=False, allow_unicode=True)
    return template.substitute(
        front=front.rstrip("\n"),
        name=frozen.name,
        origin=_origin(frozen),
        items=len(frozen.items),
        patients=len({one.patient for one in frozen.items}),
        sizes=_sizes(frozen),
        spread=_spread(frozen),
        letters=", ".join(f"{letter} {count}" for letter, count in frozen.letters.items()) or "none",
        against=_against(frozen),
        seed=frozen.seed,
        generator=frozen.generator,
        drawn=frozen.patients,
        whole=frozen.items_sha256,
    )


def _front(frozen: Frozen, data_files: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the YAML header; `content` keeps load_dataset's cache apart for benchmarks of one name."""
    order = ("choice", "open", "report", "dialogue", "findings", "studies", CONFIG, *PARTS)
    synthetic = frozen.generator.startswith("phantom generator")
    licence: dict[str, Any] = {"license": "apache-2.0"}
    if not synthetic:
        licence = {"license": "other", "license_name": "see-licence-column", "license_link": "README.md"}
    return {
        "pretty_name": frozen.name,
        "language": sorted({one.language for one in frozen.items}),
        **licence,
        "size_categories": ["n<1K" if len(frozen.items) < 1000 else "1K<n<10K"],
        "task_categories": ["visual-question-answering", "image-text-to-text"],
        "annotations_creators": ["machine-generated"],
        "tags": ["medical", "spine", "benchmark", "vertebral-level", *(["synthetic"] if synthetic else [])],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if name == "choice" else {}),
                "description": f"content {frozen.items_sha256[:16]}",
                "data_files": [{"split": "test", "path": list(data_files[name])}],
            }
            for name in order
            if data_files.get(name)
        ],
    }


def _origin(frozen: Frozen) -> str:
    if not frozen.generator.startswith("phantom generator"):
        return "Images are real studies with vertebra masks, given by whoever built this benchmark."
    first = "This is a **fresh** set: drawn once, never published. " if frozen.fresh else ""
    return (
        f"{first}**All patients are synthetic**: a procedural spine phantom with exact ground truth. Scores "
        "show whether a model reads levels and findings on such images, not how it reads patients."
    )


def _sizes(frozen: Frozen) -> str:
    lines = [
        "| config | items | patients | cells | short of | smallest difference shown |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for config, cells in frozen.sizes.items():
        of_config = [one for one in frozen.items if one.config == config]
        short = frozen.short.get(config, {})
        lines.append(
            f"| `{config}` | {len(of_config)} | {len({one.patient for one in of_config})} | {_counts(cells)} "
            f"| {_counts(short) or 'nothing'} | {100 * frozen.detectable[config]:.1f} points |"
        )
    return "\n".join(lines)


def _spread(frozen: Frozen) -> str:
    lines = ["| | " + " | ".join(frozen.sizes) + " |", "| --- |" + " --- |" * len(frozen.sizes)]
    for field in _FIELDS:
        cells = []
        for config in frozen.sizes:
            found = Counter(str(getattr(one, field)) for one in frozen.items if one.config == config)
            cells.append(_counts(dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))))
        lines.append(f"| {field} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _against(frozen: Frozen) -> str:
    if not frozen.against:
        return "It was checked against no corpus: before you train, run the contamination check below."
    lines = ["| corpus | content | patients | pictures | refused |", "| --- | --- | --- | --- | --- |"]
    for one in frozen.against:
        refused = _counts(one.refused) or "nothing"
        lines.append(f"| {one.name} | `{one.content}` | {one.patients} | {one.pictures} | {refused} |")
    return "\n".join(lines)
