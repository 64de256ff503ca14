"""The files of a benchmark: Parquet shards, inspect-ai rows, eval.yaml, card, manifests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinemed.bench.data.card import card
from spinemed.bench.data.columns import columns_of
from spinemed.bench.data.frozen import Checked, Frozen, FrozenItem, item_sha256, whole_sha256, write_frozen
from spinemed.bench.data.inspect_rows import EVAL_FILE, eval_yaml, write_inspect_rows
from spinemed.bench.data.settings import BenchSettings
from spinemed.bench.data.strata import Candidate
from spinemed.bench.items import place_in_order, rows
from spinemed.corpus.releases.manifest import FileEntry, Manifest, file_entries, file_sums, write_manifest
from spinemed.corpus.releases.merkle import merkle_root
from spinemed.corpus.stages.shards import ShardWriter
from spinemed.power import design_effect, detectable_difference

SPLIT = "test"
ICC = 0.1  # how alike items of one patient are: assumed, not measured
ITEMS = ("choice", "open", "report", "dialogue")
FACTS = ("studies", "findings")
DESCRIPTION = (
    "Level-aware questions and reports about spine images with answers that follow from findings. Rebuilt "
    "after arXiv 2510.03160 (SpineMed-450k and SpineBench); not the SpineBench of arXiv 2510.12267."
)
RowsOf = Callable[[Sequence[Candidate], str], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Parts:
    """What a build decided, before anything is written."""

    settings: BenchSettings
    fresh: bool
    generator: str
    patients: str
    code: str
    packages: dict[str, str]
    items: tuple[Candidate, ...]
    short: dict[str, dict[str, int]]
    against: tuple[Checked, ...]


def write_benchmark(folder: Path, parts: Parts, rows_of: RowsOf) -> Frozen:
    """Return the manifest of the benchmark that was written into an empty folder."""
    hashes: dict[tuple[str, str], str] = {}
    data_files: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    image_bytes = 0
    for config in ITEMS:
        writer = ShardWriter(folder / "data" / config, SPLIT, columns_of(config))
        found = sorted(rows_of(parts.items, config), key=lambda row: place_in_order(row["id"]))
        for row in found:
            hashes[config, row["id"]] = item_sha256(row)
            writer.add(row)
        _close(writer, config, folder, data_files, counts)
        image_bytes += writer.image_bytes
    for config in FACTS:
        writer = ShardWriter(folder / "data" / config, SPLIT, columns_of(config))
        for row in _facts(parts.items, config):
            writer.add(row)
        _close(writer, config, folder, data_files, counts)
    if "choice" in data_files:
        data_files |= write_inspect_rows(folder)
        (folder / EVAL_FILE).write_text(
            eval_yaml(parts.settings.name, DESCRIPTION, data_files), encoding="utf-8"
        )
    items = tuple(_frozen_item(one, hashes[one.config, one.id]) for one in parts.items)
    return _finish(folder, parts, items, data_files, counts, image_bytes)


def _close(
    writer: ShardWriter, config: str, folder: Path, data_files: dict[str, list[str]], counts: Counter[str]
) -> None:
    files = writer.finish()
    if files:
        data_files[config] = [path.relative_to(folder).as_posix() for path in files]
        counts[config] = writer.rows


def _facts(items: Sequence[Candidate], config: str) -> Iterator[dict[str, Any]]:
    """Yield the studies or findings of the selected items' studies, pool by pool."""
    by_pool: dict[Path, set[str]] = {}
    for one in items:
        by_pool.setdefault(one.pool, set()).add(one.study)
    key = "id" if config == "studies" else "study"
    for pool, studies in sorted(by_pool.items()):
        files = sorted((pool / "data" / config).glob(f"{SPLIT}-*.parquet"))
        yield from (row for row in rows(files, list(columns_of(config))) if row[key] in studies)


def _frozen_item(one: Candidate, digest: str) -> FrozenItem:
    return FrozenItem(
        id=one.id,
        config=one.config,
        sha256=digest,
        axis=one.axis,
        kind=one.kind,
        region=one.region,
        modality=one.modality,
        language=one.language,
        severity=one.severity,
        shown="image" if one.pictures else "text",
        patient=one.patient,
    )


def _finish(
    folder: Path,
    parts: Parts,
    items: tuple[FrozenItem, ...],
    data_files: dict[str, list[str]],
    counts: Counter[str],
    image_bytes: int,
) -> Frozen:
    settings = parts.settings
    parquet = sorted({folder / name for names in data_files.values() for name in names})
    others = [folder / EVAL_FILE] if (folder / EVAL_FILE).is_file() else []
    sizes: dict[str, Counter[str]] = {}
    for one in items:
        sizes.setdefault(one.config, Counter())[f"{one.axis}/{one.shown}"] += 1
    frozen = Frozen(
        name=settings.name,
        fresh=parts.fresh,
        seed=settings.seed,
        generator=parts.generator,
        patients=parts.patients,
        code=parts.code,
        packages=parts.packages,
        settings=settings.model_dump(mode="json", exclude={"sources"}),
        sizes={config: dict(sorted(cells.items())) for config, cells in sizes.items()},
        short=parts.short,
        detectable={config: detectable_of(items, config) for config in sizes},
        letters=dict(sorted(Counter(one.answer for one in parts.items if one.config == "choice").items())),
        against=parts.against,
        items=items,
        items_sha256=whole_sha256(items),
        files={},
    )
    readme = folder / "README.md"
    readme.write_text(card(frozen, data_files), encoding="utf-8")
    frozen = frozen.model_copy(update={"files": file_sums(folder, [*parquet, *others, readme])})
    write_frozen(folder, frozen)
    weighed = image_bytes, sum(path.stat().st_size for path in parquet)
    write_manifest(folder, _manifest(frozen, parts.items, counts, weighed, file_entries(folder)))
    return frozen


def detectable_of(items: Sequence[FrozenItem], config: str) -> float:
    """Return the smallest paired difference that a config shows with 80 % power at 5 %, four digits."""
    patients = Counter(one.patient for one in items if one.config == config)
    n = sum(patients.values())
    # The design effect of unequal clusters counts each item's own cluster: sum of squares over n.
    mean = sum(count * count for count in patients.values()) / n
    return round(detectable_difference(n, effect=design_effect(mean, ICC)), 4)


def _manifest(
    frozen: Frozen,
    items: Sequence[Candidate],
    counts: Counter[str],
    sizes: tuple[int, int],
    files: dict[str, FileEntry],
) -> Manifest:
    """Return the manifest that every corpus has, so that what reads a corpus reads a benchmark."""
    kinds = Counter(f"{one.config} {SPLIT} {one.kind} {one.modality} {one.source}" for one in items)
    return Manifest(
        root=merkle_root(files),
        name=frozen.name,
        seed=frozen.seed,
        settings=frozen.settings,
        inputs={"benchmark": f"{frozen.generator}, patients {frozen.patients}"},
        code=frozen.code,
        packages=frozen.packages,
        studies=len({one.study for one in items}),
        rows={config: {SPLIT: count} for config, count in sorted(counts.items())},
        kinds=dict(sorted(kinds.items())),
        rejects={},
        image_bytes=sizes[0],
        parquet_bytes=sizes[1],
        files=files,
    )
