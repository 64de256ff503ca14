"""The dataset card: YAML that load_dataset reads, and text whose every number is counted from the data."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import yaml

from spinemed.corpus.card.licences import hub_licence
from spinemed.corpus.card.release_info import ReleaseInfo
from spinemed.corpus.card.tables import (
    Numbers,
    card_numbers,
    expected_numbers,
    sentences_of,
    tables_of,
)
from spinemed.corpus.card.words import (
    WRITTEN,
    Holding,
    citation,
    contact,
    health_information,
    limitations,
    origin,
)
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.counts import Counts, parquet_files
from spinemed.corpus.releases.manifest import file_sha256
from spinemed.corpus.releases.tombstones import TOMBSTONES
from spinemed.corpus.stages.mix import Mix
from spinemed.records import content_id

CARD = "README.md"
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
_SPLITS = ("train", "validation", "test", "spinebench", "rejects")


def write_card(
    folder: Path,
    config: BuildConfig,
    counts: Counts,
    release: ReleaseInfo,
    shortfalls: Mapping[str, int],
    duplicates: Mapping[str, float],
) -> Path:
    """Return README.md of a corpus, written from its data.

    `shortfalls` and `duplicates` are those of the manifest. The data files must be there, and
    tombstones.jsonl if anything was withdrawn. The bytes depend on these alone.
    """
    path = folder / CARD
    path.write_text(_text(folder, config, counts, release, shortfalls, duplicates), encoding="utf-8")
    return path


def card_faults(
    folder: Path, counts: Counts, mix: Mix, shortfalls: Mapping[str, int], duplicates: Mapping[str, float]
) -> list[str]:
    """Return what README.md of a folder says otherwise than its data; nothing where all numbers agree."""
    said = card_numbers((folder / CARD).read_text(encoding="utf-8"))
    expected = expected_numbers(counts, mix, shortfalls, duplicates, withdrawals(folder))
    return [
        f"{CARD}: {name}: says {_number(said, name)}, the data {_number(expected, name)}"
        for name in sorted({*said, *expected})
        if name not in said or name not in expected or abs(said[name] - expected[name]) > 1e-9
    ]


def withdrawals(folder: Path) -> int:
    """Return how many patients, sources and rows were withdrawn: lines of tombstones.jsonl."""
    path = folder / TOMBSTONES
    return sum(1 for line in path.read_text(encoding="utf-8").splitlines() if line) if path.is_file() else 0


def _number(numbers: Numbers, name: str) -> str:
    return f"{numbers[name]:g}" if name in numbers else "nothing"


def _text(
    folder: Path,
    config: BuildConfig,
    counts: Counts,
    release: ReleaseInfo,
    shortfalls: Mapping[str, int],
    duplicates: Mapping[str, float],
) -> str:
    template = Template(files("spinemed.corpus.card").joinpath("card.md").read_text(encoding="utf-8"))
    sentences = sentences_of(counts, withdrawals(folder))
    said = Holding.of(counts)
    return template.substitute(
        front=yaml.safe_dump(_front(folder, config, counts), sort_keys=False, allow_unicode=True).rstrip(
            "\n"
        ),
        name=config.name,
        repository=release.repository or config.name,
        version=release.version,
        date=release.date,
        origin=origin(said),
        written=f"{WRITTEN}\n\n" if said.written else "",
        limitations="\n".join(f"- {line}" for line in limitations(said)),
        phi=health_information(said),
        contact=contact(release),
        citation=citation(config.name, release),
        shares=", ".join(f"{share:.0%} {split}" for split, share in config.splits.model_dump().items()),
        seed=config.seed,
        **{name: f"**{number:,} {noun}**" for name, (number, noun) in sentences.items()},
        **{
            name: table.text()
            for name, table in tables_of(counts, config.mix, shortfalls, duplicates).items()
        },
    )


def _front(folder: Path, config: BuildConfig, counts: Counts) -> dict[str, Any]:
    """Return the YAML header.

    load_dataset names its cache by this header alone, not by the files: two corpora with equal headers would
    answer for each other. So every config carries the hash of the content. Columns are left to the Parquet
    files: naming them here as well made nothing faster.
    """
    found = parquet_files(folder)
    paths = [path for splits in found.values() for paths in splits.values() for path in paths]
    content = content_id([file_sha256(folder / path) for path in paths])
    licence = hub_licence(counts.licences)
    other = {"license_name": "see-licence-column", "license_link": CARD} if licence == "other" else {}
    said = Holding.of(counts)
    return {
        "pretty_name": config.name,
        "language": counts.languages,
        "license": licence,
        **other,
        "size_categories": [next((name for limit, name in _SIZES if counts.instances < limit), "n>10M")],
        "task_categories": ["visual-question-answering", "image-text-to-text", "question-answering"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "multilinguality": ["multilingual" if len(counts.languages) > 1 else "monolingual"],
        "source_datasets": ["original", *([] if said.all_synthetic else ["extended"])],
        "tags": [
            "medical",
            "spine",
            "radiology",
            "vertebral-level",
            *(["synthetic"] if said.some_synthetic else []),
        ],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if place == 0 else {}),
                "description": f"content {content}",
                "data_files": [
                    {"split": split, "path": f"data/{name}/{split}-*"} for split in _SPLITS if split in splits
                ],
            }
            for place, (name, splits) in enumerate(found.items())
        ],
    }
