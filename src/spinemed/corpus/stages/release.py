"""Last stage of a build: card and metadata beside the data, the leak gate, the manifest, publication."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep

from spinemed.corpus.card.card import write_card
from spinemed.corpus.card.croissant import write_croissant
from spinemed.corpus.card.datacite import write_datacite
from spinemed.corpus.card.strip import write_strip
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.leaks.contents import Prepared
from spinemed.corpus.leaks.gate import check
from spinemed.corpus.releases.counts import Counts, counts_of
from spinemed.corpus.releases.lookup import write_lookup
from spinemed.corpus.releases.manifest import (
    Manifest,
    code_version,
    file_entries,
    package_versions,
    settings_of,
    write_manifest,
)
from spinemed.corpus.releases.merkle import merkle_root
from spinemed.corpus.releases.publish import swap
from spinemed.corpus.releases.tombstones import TOMBSTONES, read_tombstones
from spinemed.corpus.rows import QUESTION_CONFIGS
from spinemed.corpus.stages.drafts import PICTURES, draft_folders, read_draft
from spinemed.corpus.stages.plan import SUMMARY
from spinemed.errors import SourceError
from spinemed.records import Record


class ReleaseStep(PipelineStep):  # type: ignore[misc]  # datatrove is not typed
    """Its one task finishes `work`/release and lets it take the place of `out`."""

    name = "release"
    type = "SpineMed"

    def __init__(self, work: str, out: str) -> None:
        super().__init__()
        self.work = work
        self.out = out

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Finish and publish; yields what came in, as every step does."""
        del rank, world_size
        if data:
            yield from data
        work, out = Path(self.work), Path(self.out)
        release = work / "release"
        if not release.exists():
            return  # published by a run that was killed before it could say so
        config = BuildConfig.model_validate_json((work / "config.json").read_text(encoding="utf-8"))
        summary = json.loads((work / SUMMARY).read_text(encoding="utf-8"))
        made = Made(
            inputs=json.loads((work / "inputs.json").read_text(encoding="utf-8")),
            code=code_version(),
            packages=package_versions(),
            shortfalls=summary["shortfalls"],
            duplicates=summary["duplicates"],
            previous_root=config.previous_root,
        )
        finish(release, config, made, prepared_of(work))
        swap(release, out)


def prepared_of(work: Path) -> Prepared:
    """Return the signatures and picture hashes that the tasks of a build have computed."""
    signed: dict[str, bytes] = {}
    hashes: dict[str, bytes] = {}
    for _, folder in draft_folders(work):
        for config in QUESTION_CONFIGS:
            draft = read_draft(folder, config, ("id", "_signature"))
            if draft is not None:
                draft = draft.drop_null()
                signed.update(zip(*(draft[name].to_pylist() for name in draft.column_names), strict=True))
        pictures = read_draft(folder, PICTURES, ("id", "hash"))
        if pictures is not None:
            hashes.update(zip(*(pictures[name].to_pylist() for name in pictures.column_names), strict=True))
    return Prepared(signed, hashes)


class Made(Record):
    """What a release was made from and what its plan counted, as its manifest states it."""

    inputs: dict[str, str]
    code: str
    packages: dict[str, str]
    shortfalls: dict[str, int]
    duplicates: dict[str, float]
    previous_root: str = ""


def finish(folder: Path, config: BuildConfig, made: Made, prepared: Prepared | None = None) -> Manifest:
    """Write everything beside the data of a release and return its manifest; same data, same bytes.

    tombstones.jsonl stays as it is, or becomes an empty file. SourceError where the data holds no question,
    LeakError where a split holds what another shows, or a benchmark folder of the settings does.
    """
    (folder / TOMBSTONES).touch()
    write_lookup(folder)
    counts = counts_of(folder)
    if not counts.instances:
        raise SourceError(nothing_asked(counts))
    write_strip(folder)
    write_card(folder, config, counts, config.release, made.shortfalls, made.duplicates)
    write_croissant(folder, config, counts, config.release)
    write_datacite(folder, config, counts, config.release)
    check(folder, config.against, prepared)
    manifest = _manifest(folder, config, made, counts)
    write_manifest(folder, manifest)
    return manifest


def _manifest(folder: Path, config: BuildConfig, made: Made, counts: Counts) -> Manifest:
    entries = file_entries(folder)
    kinds = counts.by("config", "split", "kind", "modality", "source")
    return Manifest(
        version=config.release.version,
        root=merkle_root(entries),
        tombstones=len(read_tombstones(folder / TOMBSTONES).entries),
        name=config.name,
        seed=config.seed,
        settings=settings_of(config),
        studies=sum(counts.studies.values()),
        rows=counts.rows,
        kinds={" ".join(key): count for key, count in sorted(kinds.items())},
        rejects={f"{step}: {reason}": count for (step, reason), count in counts.rejects.items()},
        image_bytes=counts.picture_bytes,
        parquet_bytes=sum(counts.file_bytes.values()),
        files=entries,
        **made.model_dump(),
    )


def nothing_asked(counts: Counts) -> str:
    """Return why a corpus would hold no question."""
    found = sorted(counts.rejects.items(), key=lambda item: (-item[1], item[0]))[:5]
    reasons = "; ".join(f"{reason} ({count})" for (_, reason), count in found)
    studies = sum(counts.studies.values())
    return (
        f"no question could be asked of {studies} studies: {reasons or 'no study was found'}. "
        "Give studies that show two or more whole vertebrae with their masks"
    )
