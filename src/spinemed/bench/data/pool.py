"""Pools: small corpora of benchmark patients alone, from which items are selected and which then go."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from spinemed.bench.data.seeds import first_patient
from spinemed.bench.data.settings import BenchSettings
from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig, Phantoms, Shares
from spinemed.corpus.stages.inputs import PHANTOM_FOLDER
from spinemed.errors import SourceError
from spinemed.phantom.patient.seeds import ANY, FRESH, PUBLISHED


def pools(
    settings: BenchSettings, fresh: bool, folder: Path, workers: int, say: Callable[[str], None]
) -> Iterator[Path]:
    """Yield folders of pools, one at a time as they are needed; all their rows are of the split test.

    Sources give one pool. Synthetic patients come batch by batch; their DICOM files are deleted once they
    were asked, since seed and generator version draw them again. A pool that is there already, from a run
    that was interrupted, is used. Errors as `corpus.build.build`.
    """
    if settings.sources:
        yield build(_config(settings, None), folder / "sources", workers, say=say, seeds=ANY).out
        return
    patients = settings.patients
    first = first_patient(settings.seed, fresh, patients.most)
    for start in range(first, first + patients.most, patients.batch):
        count = min(patients.batch, first + patients.most - start)
        place = folder / f"patients-{start}"
        config = _config(settings, range(start, start + count))
        seeds = FRESH if fresh else PUBLISHED
        try:
            yield build(config, place / "pool", workers, say=say, seeds=seeds).out
        except SourceError as error:
            say(f"patients {start} to {start + count - 1}: {error}")  # the next batch may give more
        shutil.rmtree(place / PHANTOM_FOLDER, ignore_errors=True)


def drawn_patients(settings: BenchSettings, fresh: bool, count: int) -> str:
    """Return the seeds of the first `count` batches in words, or that sources were read."""
    if settings.sources:
        return "from sources"
    patients = settings.patients
    first = first_patient(settings.seed, fresh, patients.most)
    return f"{first} to {first + min(count * patients.batch, patients.most) - 1}"


def _config(settings: BenchSettings, seeds: range | None) -> BuildConfig:
    """Return the settings of a pool: those of a corpus whose patients are all in the test split."""
    patients = settings.patients
    drawn = {} if seeds is None else {"first_seed": seeds.start, "count": len(seeds)}
    return BuildConfig(
        name=settings.name,
        seed=settings.seed,
        sources=settings.sources,
        label_scheme=settings.label_scheme,
        phantoms=Phantoms(**drawn, field=patients.field, kinds=patients.kinds),
        splits=Shares(train=0, validation=0, test=1),
        open_share=settings.open_share,
        marks_per_series=settings.marks_per_series,
        languages=settings.languages,
        items_per_kind=settings.items_per_kind,
    )
