"""The dataset card: YAML that load_dataset reads, and text whose every number is counted from the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

import yaml

from spinemed.corpus.config import BuildConfig
from spinemed.corpus.rows import CONFIGS, QUESTION_CONFIGS
from spinemed.corpus.splits import SPLITS
from spinemed.corpus.tally import Tally

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_REJECT_SPLIT = "rejects"


def card(
    config: BuildConfig, tally: Tally, data_files: Mapping[str, Mapping[str, list[str]]], content: str
) -> str:
    """Return README.md of a corpus; `data_files` gives config -> split -> files, `content` a hash of them."""
    template = Template(files("spinemed.corpus").joinpath("card.md").read_text(encoding="utf-8"))
    front = yaml.safe_dump(_front(config, tally, data_files, content), sort_keys=False, allow_unicode=True)
    return template.substitute(
        front=front.rstrip("\n"),
        name=config.name,
        origin=_origin(tally),
        rows=_rows_table(tally),
        kinds=_kinds_table(tally),
        sources=_sources_table(tally),
        rejects=_rejects_table(tally),
        shares=", ".join(f"{share:.0%} {split}" for split, share in config.splits.model_dump().items()),
        seed=config.seed,
    )


def _front(
    config: BuildConfig, tally: Tally, data_files: Mapping[str, Mapping[str, list[str]]], content: str
) -> dict[str, Any]:
    """Return the YAML header.

    load_dataset names its cache by this header alone, not by the files: two corpora with equal headers would
    answer for each other. So every config carries the hash of the content.
    """
    questions = sum(tally.rows[name, split] for name in QUESTION_CONFIGS for split in SPLITS)
    licences = sorted(tally.licences)
    hub_licence = (
        licences[0].lower() if len(licences) == 1 and not licences[0].startswith("LicenseRef") else "other"
    )
    front: dict[str, Any] = {
        "pretty_name": config.name,
        "language": sorted(tally.languages),
        "license": hub_licence,
    }
    if hub_licence == "other":
        front["license_name"] = "see-licence-column"
        front["license_link"] = "README.md"
    return front | {
        "size_categories": [next((name for limit, name in _SIZES if questions < limit), "n>1M")],
        "task_categories": ["visual-question-answering", "image-text-to-text"],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "tags": [
            "medical",
            "spine",
            "radiology",
            "vertebral-level",
            *(["synthetic"] if tally.synthetic else []),
        ],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if name == "choice" else {}),
                "description": f"content {content}",
                "data_files": [
                    {"split": split, "path": paths} for split, paths in data_files[name].items() if paths
                ],
            }
            for name in CONFIGS
            if any(data_files.get(name, {}).values())
        ],
    }


def _origin(tally: Tally) -> str:
    """Return one sentence on what is synthetic."""
    synthetic, total = tally.synthetic, sum(tally.studies.values())
    if synthetic == total:
        return (
            f"**All {total} studies are synthetic**: a procedural spine phantom with exact ground truth. "
            "No patient is shown, and no clinical conclusion can be drawn."
        )
    if synthetic == 0:
        return f"All {total} studies are real images with vertebra masks, given by whoever built this corpus."
    return (
        f"**{synthetic} of {total} studies are synthetic** (a procedural spine phantom, `synthetic` is true "
        "in their rows); the others are real images with vertebra masks, given by whoever built this corpus."
    )


def _rows_table(tally: Tally) -> str:
    lines = [
        "| config | " + " | ".join((*SPLITS, _REJECT_SPLIT)) + " |",
        "| --- |" + " --- |" * (len(SPLITS) + 1),
    ]
    for name in CONFIGS:
        counts = [
            str(tally.rows[name, split]) if tally.rows[name, split] else ""
            for split in (*SPLITS, _REJECT_SPLIT)
        ]
        lines.append(f"| `{name}` | " + " | ".join(counts) + " |")
    return "\n".join(lines)


def _kinds_table(tally: Tally) -> str:
    lines = [
        "| config | kind | modality | " + " | ".join(SPLITS) + " |",
        "| --- |" * 1 + " --- |" * (2 + len(SPLITS)),
    ]
    keys = sorted({(config, kind, modality) for config, _, kind, modality, _ in tally.kinds})
    for config, kind, modality in keys:
        counts = [
            sum(n for key, n in tally.kinds.items() if key[:4] == (config, split, kind, modality))
            for split in SPLITS
        ]
        lines.append(f"| `{config}` | {kind} | {modality} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines)


def _sources_table(tally: Tally) -> str:
    rows: Counter[str] = Counter()
    for (_, _, _, _, source), count in tally.kinds.items():
        rows[source] += count
    lines = ["| source | studies | questions | licence |", "| --- | --- | --- | --- |"]
    for source in sorted(tally.studies):
        licences = ", ".join(sorted(tally.source_licences[source]))
        lines.append(f"| {source} | {tally.studies[source]} | {rows[source]} | {licences} |")
    return "\n".join(lines)


def _rejects_table(tally: Tally) -> str:
    if not tally.rejects:
        return "Nothing was rejected."
    lines = ["| step | reason | count |", "| --- | --- | --- |"]
    for (step, reason), count in sorted(tally.rejects.items(), key=lambda item: (-item[1], item[0])):
        lines.append(f"| {step} | {reason.replace('|', '/')} | {count} |")
    return "\n".join(lines)
