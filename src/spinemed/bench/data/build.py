"""The build of a benchmark: pools drawn, leaks refused, items selected, written, frozen."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinemed.bench.data.columns import columns_of
from spinemed.bench.data.frozen import FILE, Checked, Frozen
from spinemed.bench.data.pool import drawn_patients, pools
from spinemed.bench.data.publishing import Parts, write_benchmark
from spinemed.bench.data.selection import Chosen, select
from spinemed.bench.data.settings import BenchSettings
from spinemed.bench.data.strata import Candidate, candidates
from spinemed.bench.items import place_in_order, rows, shards
from spinemed.bench.leaks import Seen, near_pictures, record_of, seen_corpus
from spinemed.corpus.releases.manifest import code_version, fingerprint, package_versions, read_manifest
from spinemed.corpus.releases.publish import published
from spinemed.errors import OutputError, SourceError
from spinemed.phantom.patient.seeds import check_patients
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.records import content_id

SPLIT = "test"
Say = Callable[[str], None]


@dataclass
class Against:
    """A corpus that the benchmark must not share anything with."""

    place: Path
    seen: Seen
    refused: Counter[str]


def build(
    settings: BenchSettings,
    out: Path,
    against: Sequence[Path],
    *,
    fresh: bool = False,
    workers: int = 1,
    force: bool = False,
    say: Say,
) -> Frozen:
    """Return the manifest of the benchmark written to `out`, a function of settings, sources and corpora.

    Rows whose patient, source record, picture (exact or near) or text occurs in a corpus of `against` are
    refused and counted. Cells that stay short after `patients.most` patients are named in the manifest. A
    benchmark that lies at `out` is frozen: OutputError unless `force`. SourceError where a corpus is missing
    or nothing can be selected; then nothing is published.
    """
    out = out.absolute()
    if (out / FILE).is_file() and not force:
        raise OutputError(f"{out} holds a frozen benchmark; choose another --out, or replace it with --force")
    corpora = [_against(place) for place in against]
    scratch = out.with_name(f"{out.name}.pools")
    found: list[Candidate] = []
    chosen, drawn = Chosen(), 0
    for pool in pools(settings, fresh, scratch, workers, say):
        drawn += 1
        found += _clean(pool, corpora)
        chosen = _selected(found, settings, corpora)
        if not chosen.short:
            break
        say(f"{len(chosen.items)} items from {drawn} pools, short of {_missing(chosen)}")
    if not chosen.items:
        raise SourceError(f"no item was selected of {len(found)} candidates; give more patients or sources")
    with published(out, say) as partial:
        frozen = write_benchmark(partial, _parts(settings, fresh, drawn, chosen, corpora), _rows_of)
    shutil.rmtree(scratch, ignore_errors=True)
    return frozen


def _against(place: Path) -> Against:
    seen = seen_corpus(place)
    if not (place / FILE).is_file():  # another benchmark may hold seeds that no corpus may
        check_patients(seen.patients, str(place))
    return Against(place, seen, Counter())


def _clean(pool: Path, corpora: Sequence[Against]) -> Iterator[Candidate]:
    """Yield the candidates of a pool that share nothing exact with the corpora; count the others."""
    for config in ("choice", "open", "report", "dialogue"):
        for one in candidates(pool, config, SPLIT):
            refused = [_refused(one, corpus) for corpus in corpora]  # each corpus counts for itself
            if not any(refused):
                yield one


def _refused(one: Candidate, corpus: Against) -> bool:
    seen = corpus.seen
    row = {"source": one.source, "study": one.study}
    reasons = {
        "same patient": one.patient in seen.patients,
        "same source record": record_of(row) in seen.records,
        "same picture": not seen.hashes.keys().isdisjoint(one.pictures),
        "same words without a picture": not one.pictures and one.words in seen.words,
    }
    for reason, holds in reasons.items():
        corpus.refused[reason] += holds
    return any(reasons.values())


def _selected(found: list[Candidate], settings: BenchSettings, corpora: Sequence[Against]) -> Chosen:
    """Return a selection without near pictures: selected, looked at, and selected again without those."""
    while True:
        chosen = select(found, settings.sizes, settings.per_patient, settings.seed)
        near = {identity for corpus in corpora for identity in _near(chosen, corpus)}
        if not near:
            return chosen
        found[:] = [one for one in found if one.id not in near]


def _near(chosen: Chosen, corpus: Against) -> set[str]:
    asked = (
        (row["id"], picture["bytes"])
        for config in {one.config for one in chosen.items}
        for row in _rows_of(chosen.items, config, ("id", "images"))
        for picture in row["images"]
    )
    near = set(near_pictures(asked, corpus.seen))
    corpus.refused["near picture"] += len(near)
    return near


def _rows_of(
    items: Sequence[Candidate], config: str, columns: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the selected items of a config, pool by pool."""
    by_pool: dict[Path, set[str]] = {}
    for one in items:
        if one.config == config:
            by_pool.setdefault(one.pool, set()).add(one.id)
    for pool, ids in sorted(by_pool.items()):
        yield from rows(shards(pool, config, SPLIT), columns or list(columns_of(config)), ids)


def _parts(
    settings: BenchSettings, fresh: bool, drawn: int, chosen: Chosen, corpora: Sequence[Against]
) -> Parts:
    generator = f"phantom generator {GENERATOR_VERSION}"
    if settings.sources:
        made = {name: fingerprint(folder) for name, folder in sorted(settings.sources.items())}
        generator = ", ".join(f"{name} {digest}" for name, digest in made.items())
    return Parts(
        settings=settings,
        fresh=fresh,
        generator=generator,
        patients=drawn_patients(settings, fresh, drawn),
        code=code_version(),
        packages=package_versions(),
        items=tuple(sorted(chosen.items, key=lambda one: place_in_order(one.id))),
        short=chosen.short,
        against=tuple(_checked(corpus) for corpus in corpora),
    )


def _checked(corpus: Against) -> Checked:
    manifest = read_manifest(corpus.place)
    content = sorted(corpus.seen.hashes) if manifest is None else [manifest.root]
    return Checked(
        name=corpus.place.absolute().name,
        content=content_id(content),
        patients=len(corpus.seen.patients),
        pictures=len(corpus.seen.hashes),
        refused={reason: count for reason, count in sorted(corpus.refused.items()) if count},
    )


def _missing(chosen: Chosen) -> str:
    return ", ".join(
        f"{count} {config} {cell}" for config, cells in chosen.short.items() for cell, count in cells.items()
    )
