"""Another benchmark as a folder of ours: rows in Parquet, rejects counted, frozen, under its own name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from string import Template

import yaml

from spinemed.bench.data import rsna, silversorrow, spider, verse
from spinemed.bench.data.columns import columns_of
from spinemed.bench.data.frozen import Frozen, FrozenItem, item_sha256, whole_sha256, write_frozen
from spinemed.bench.data.publishing import detectable_of
from spinemed.bench.data.strata import region_of
from spinemed.corpus.releases.manifest import (
    FileEntry,
    Manifest,
    code_version,
    file_entries,
    file_sums,
    fingerprint,
    package_versions,
    write_manifest,
)
from spinemed.corpus.releases.merkle import merkle_root
from spinemed.corpus.releases.publish import published
from spinemed.corpus.rows import Row, reject_row
from spinemed.corpus.stages.shards import ShardWriter
from spinemed.errors import ConfigError, SourceError
from spinemed.records import Reject

SPLIT, REJECTS = "test", "rejects"
READERS: dict[str, Callable[[Path], Iterator[Row | Reject]]] = {
    silversorrow.NAME: silversorrow.read,
    rsna.NAME: rsna.read,
    spider.NAME: spider.read,
    verse.NAME: verse.read,
}
ORIGINS = {
    silversorrow.NAME: "the SpineBench of arXiv 2510.12267 (`Silversorrow/SpineBench`), which is not the "
    "SpineBench of arXiv 2510.03160",
    rsna.NAME: "the RSNA 2024 Lumbar Spine Degenerative Classification data (LumbarDISC)",
    spider.NAME: "SPIDER (lumbar MR with radiologists' gradings)",
    verse.NAME: "VerSe (CT with vertebra masks)",
}


def convert(name: str, folder: Path, out: Path, say: Callable[[str], None]) -> tuple[Frozen, Counter[str]]:
    """Return the manifest of the benchmark written to `out`, and reason -> rejects.

    The folder is laid out as ours, so that what scores ours scores it, under its own name. ConfigError for an
    unknown name; SourceError where no row could be read, with the reasons; then nothing is written.
    """
    if name not in READERS:
        raise ConfigError(f"unknown benchmark {name!r}; give one of {', '.join(READERS)}")
    with published(out.absolute(), say) as partial:
        return _write(name, folder, partial)


def _write(name: str, folder: Path, partial: Path) -> tuple[Frozen, Counter[str]]:
    writers: dict[str, ShardWriter] = {}
    items: dict[str, FrozenItem] = {}
    reasons: Counter[str] = Counter()
    for one in _once(READERS[name](folder), name):
        config = REJECTS if isinstance(one, Reject) else str(one["task"])
        if config not in writers:
            split = REJECTS if config == REJECTS else SPLIT
            writers[config] = ShardWriter(partial / "data" / config, split, columns_of(config))
        if isinstance(one, Reject):
            reasons[one.reason] += 1
            writers[config].add(reject_row(one))
        else:
            items[one["id"]] = _item(one, config)
            writers[config].add(one)
    if not items:
        most = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
        raise SourceError(f"{folder}: no row of {name} could be read: {most or 'it is empty'}")
    written = {config: writer.finish() for config, writer in sorted(writers.items())}
    return _finish(name, folder, partial, tuple(items.values()), written, writers), reasons


def _once(found: Iterator[Row | Reject], name: str) -> Iterator[Row | Reject]:
    """Yield rows whose content did not come before, and a Reject for the others."""
    known: set[str] = set()
    for one in found:
        if isinstance(one, Reject) or one["id"] not in known:
            known.add("" if isinstance(one, Reject) else one["id"])
            yield one
        else:
            yield Reject(id=one["id"], source=name, step="convert", reason="the same item came before")


def _item(row: Row, config: str) -> FrozenItem:
    return FrozenItem(
        id=row["id"],
        config=config,
        sha256=item_sha256(row),
        axis=row["axis"],
        kind=row["kind"],
        region=region_of(row["level"]),
        modality=row["modality"],
        language=row["language"],
        severity="unstated",
        shown="image" if row["images"] else "text",
        patient=row["patient"],
    )


def _finish(
    name: str,
    folder: Path,
    partial: Path,
    items: tuple[FrozenItem, ...],
    written: dict[str, list[Path]],
    writers: dict[str, ShardWriter],
) -> Frozen:
    sizes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in items:
        sizes[one.config][f"{one.axis}/{one.shown}"] += 1
    readme = partial / "README.md"
    data_files = {
        config: [path.relative_to(partial).as_posix() for path in paths] for config, paths in written.items()
    }
    whole = whole_sha256(items)
    readme.write_text(_card(name, items, data_files, whole), encoding="utf-8")
    parquet = [path for paths in written.values() for path in paths]
    frozen = Frozen(
        name=name,
        fresh=False,
        seed=0,
        generator=f"{name} {fingerprint(folder)}",
        patients="from sources",
        code=code_version(),
        packages=package_versions(),
        settings={},
        sizes={config: dict(sorted(cells.items())) for config, cells in sorted(sizes.items())},
        short={},
        detectable={config: detectable_of(items, config) for config in sorted(sizes)},
        letters={},
        against=(),
        items=items,
        items_sha256=whole,
        files=file_sums(partial, [*parquet, readme]),
    )
    write_frozen(partial, frozen)
    rows = {
        config: {REJECTS if config == REJECTS else SPLIT: writer.rows} for config, writer in writers.items()
    }
    image_bytes = sum(writer.image_bytes for writer in writers.values())
    write_manifest(partial, _manifest(frozen, rows, image_bytes, file_entries(partial)))
    return frozen


def _manifest(
    frozen: Frozen, rows: dict[str, dict[str, int]], image_bytes: int, files: dict[str, FileEntry]
) -> Manifest:
    return Manifest(
        root=merkle_root(files),
        name=frozen.name,
        seed=0,
        settings={},
        inputs={"benchmark": frozen.generator},
        code=frozen.code,
        packages=frozen.packages,
        studies=len({one.patient for one in frozen.items}),
        rows=dict(sorted(rows.items())),
        kinds={},
        rejects={},
        image_bytes=image_bytes,
        parquet_bytes=0,
        files=files,
    )


def _card(name: str, items: tuple[FrozenItem, ...], data_files: dict[str, list[str]], whole: str) -> str:
    configs = [
        {
            "config_name": config,
            **({"default": True} if config == "choice" else {}),
            "description": f"content {whole[:16]}",
            "data_files": [{"split": REJECTS if config == REJECTS else SPLIT, "path": paths}],
        }
        for config, paths in data_files.items()
    ]
    kinds = Counter((one.config, one.kind) for one in items)
    template = Template(files("spinemed.bench.data").joinpath("converted.md").read_text(encoding="utf-8"))
    return template.substitute(
        front=yaml.safe_dump(
            {"pretty_name": name, "license": "other", "configs": configs}, sort_keys=False
        ).rstrip(),
        name=name,
        origin=ORIGINS[name],
        items=len(items),
        counts="\n".join(f"| `{config}` | {kind} | {n} |" for (config, kind), n in sorted(kinds.items())),
        whole=whole,
    )
