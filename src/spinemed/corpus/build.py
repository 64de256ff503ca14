"""The build: sources to a folder that load_dataset reads, a pure function of sources, settings and seed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.manifest import Manifest, is_current, read_manifest
from spinemed.corpus.releases.publish import check_place, clean_up, explained
from spinemed.corpus.stages.executors import ExecutorSettings
from spinemed.corpus.stages.inputs import fingerprints
from spinemed.corpus.stages.work import (
    discarded_if_refused,
    locked,
    prepared,
    run_stages,
    stages_of,
    work_folder,
)
from spinemed.errors import ConfigError, OutputError
from spinemed.phantom.patient.seeds import CORPUS, check_seeds

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """What a build returns: where the corpus lies, what it holds, and whether it was already there."""

    out: Path
    manifest: Manifest
    up_to_date: bool


class SubmittedError(OutputError):
    """The tasks were handed to a scheduler; the corpus appears when they have run."""


def build(
    config: BuildConfig,
    out: Path,
    workers: int = 1,
    force: bool = False,
    say: Callable[[str], None] = _LOG.info,
    seeds: range = CORPUS,
    executor: ExecutorSettings | None = None,
) -> Built:
    """Return the corpus at `out`, built from the sources of `config` unless it is already there unchanged.

    Bytes depend on sources, settings, seed and code alone, not on `workers` or `executor` (which names the
    place where tasks run, this machine if None). `say` hears what happens. A build that was killed goes on
    with its finished tasks, if settings, inputs and code are still the same. Without sources, phantom studies
    are written to `phantom-studies` beside `out`, unless they stay in memory. `seeds` are those that
    phantoms may have. OutputError where `out` cannot be written, SourceError where a source is missing or
    nothing can be asked, LeakError where a split holds what another shows, ConfigError for an unknown source
    and for phantoms of other seeds, as the patients of benchmarks are to a corpus; then nothing is published.
    """
    out = out.absolute()
    check_place(out)
    settings = executor or ExecutorSettings(workers=workers)
    if not config.sources:
        check_seeds(config.phantoms.seeds, "phantoms", seeds)
    check_seeds(config.written.seeds, "written", seeds)
    inputs = fingerprints(config)
    earlier = None if force else read_manifest(out)
    if earlier is not None and is_current(earlier, config, inputs, out):
        shutil.rmtree(work_folder(config, inputs, out), ignore_errors=True)  # killed just after it published
        return Built(out, earlier, up_to_date=True)
    with explained(out), locked(out):
        clean_up(out, say)
        with discarded_if_refused(config, inputs, out):
            work = prepared(config, inputs, out, seeds, settings.workers, say)
            run_stages(stages_of(work, out, config.buckets), settings, work, out, say)
        if settings.where == "slurm":
            raise SubmittedError(
                f"{out}: four jobs are submitted to Slurm; the corpus appears there when they end"
            )
        shutil.rmtree(work)
    manifest = read_manifest(out)
    if manifest is None:
        raise ConfigError(f"{out}: no corpus appeared; build again")
    return Built(out, manifest, up_to_date=False)
