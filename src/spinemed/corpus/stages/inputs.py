"""The units that a build takes in: studies of named sources, or patients who are drawn for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from spinemed.corpus.config import BuildConfig, Phantoms
from spinemed.corpus.releases.manifest import fingerprint
from spinemed.corpus.releases.tombstones import read_tombstones
from spinemed.corpus.stages.units import CASEBOOK, PHANTOM, Unit
from spinemed.errors import ConfigError, SourceError
from spinemed.phantom.patient.seeds import check_patients, phantom_name, written_patient
from spinemed.records import Reject, Study
from spinemed.sources import SOURCES, totalsegmentator

PHANTOM_FOLDER = "phantom-studies"


def fingerprints(config: BuildConfig) -> dict[str, str]:
    """Return what the inputs are: source -> SHA-256 over its files; phantoms follow from their numbers alone.

    ConfigError for an unknown source or a label scheme without TotalSegmentator masks, SourceError for a
    missing folder.
    """
    for name, folder in config.sources.items():
        if name not in SOURCES:
            raise ConfigError(
                f"unknown source {name!r}; give one of {', '.join(sorted(SOURCES))} as NAME=FOLDER"
            )
        if not folder.is_dir():
            raise SourceError(f"{name}: no folder {folder}; give an existing one as --source {name}=FOLDER")
    if config.label_scheme is not None and totalsegmentator.SOURCE not in config.sources:
        raise ConfigError(
            "--label-scheme names the numbering of totalsegmentator masks; give such a source with it"
        )
    if config.sources:
        named = {name: fingerprint(folder) for name, folder in sorted(config.sources.items())}
        return named | _written_cases(config)
    from spinemed.phantom.patient.stream import GENERATOR_VERSION

    phantoms = config.phantoms
    drawn = f"generator {GENERATOR_VERSION}, patients {phantoms.first_seed} to {phantoms.seeds[-1]}"
    series = ",".join(phantoms.kinds) or "by state"
    follow_ups = {None: "by kinds", True: "written", False: "none"}[phantoms.later]
    found = {"phantom": f"{drawn}, field {phantoms.field}, series {series}, follow-ups {follow_ups}"}
    return found | _written_cases(config)


def _written_cases(config: BuildConfig) -> dict[str, str]:
    """Return what the written cases are; they follow from their numbers alone."""
    from spinemed.phantom.patient.stream import GENERATOR_VERSION

    seeds = config.written.seeds
    if not seeds:
        return {}
    return {CASEBOOK: f"generator {GENERATOR_VERSION}, patients {seeds[0]} to {seeds[-1]}"}


def units_of(
    config: BuildConfig, beside: Path, seeds: range, workers: int, say: Callable[[str], None]
) -> Iterator[Unit | Reject]:
    """Yield the units of all sources, and rejects of what no unit can be made of; then written cases.

    Without sources, phantoms are drawn: written to `beside`/phantom-studies first, where those already there
    are kept, or left to the tasks where they stay in memory. ConfigError for a phantom whose seed is not
    in `seeds`. A study that comes again under another patient is a Reject. Patients and sources that an
    earlier release withdrew give no unit.
    """
    gone = read_tombstones(config.withdrawn)
    known: dict[tuple[str, str], str] = {}
    for one in _units(config, beside, seeds, workers, say):
        if isinstance(one, Reject):
            yield one
        elif (
            one.study is not None and known.setdefault((one.source, one.study.id), one.patient) != one.patient
        ):
            yield _again(one.study)
        elif not gone.hold("", one.patient, one.source):
            yield one


def _again(study: Study) -> Reject:
    """Return the Reject of a study that another patient has already."""
    return Reject(
        id=f"{study.patient}/{study.id}",
        source=study.source,
        step="repeat",
        reason="the same study already came with another patient",
        fix="give each study in one folder only",
    )


def _units(
    config: BuildConfig, beside: Path, seeds: range, workers: int, say: Callable[[str], None]
) -> Iterator[Unit | Reject]:
    for one in _studies(config, beside, workers, say):
        if isinstance(one, Study):
            check_patients([one.patient], f"{one.source} study {one.id}", seeds)
            yield Unit(source=one.source, patient=one.patient, study=one)
        else:
            yield one
    for seed in config.written.seeds:
        yield Unit(source=CASEBOOK, patient=written_patient(seed), seed=seed)


def _studies(
    config: BuildConfig, beside: Path, workers: int, say: Callable[[str], None]
) -> Iterator[Study | Reject | Unit]:
    if config.sources:
        yield from _named(config)
        return
    phantoms = config.phantoms
    if not phantoms.write:
        for seed in phantoms.seeds:
            yield Unit(source=PHANTOM, patient=phantom_name(seed), seed=seed)
        return
    folder = beside / PHANTOM_FOLDER
    names = _drawn_phantoms(phantoms, folder, workers, say)
    # An earlier, larger run may have left more studies here than were asked for.
    for one in SOURCES["phantom"](folder):
        if isinstance(one, Reject) or one.patient in names:
            yield one


def _named(config: BuildConfig) -> Iterator[Study | Reject]:
    for name, folder in sorted(config.sources.items()):
        if name == totalsegmentator.SOURCE:
            yield from totalsegmentator.read(folder, config.label_scheme)
        else:
            yield from SOURCES[name](folder)


def _drawn_phantoms(phantoms: Phantoms, folder: Path, workers: int, say: Callable[[str], None]) -> set[str]:
    """Return the names of the phantom studies that now lie in `folder`."""
    from spinemed.phantom.export.study import write_studies

    say(f"writing {phantoms.count} synthetic patients as DICOM to {folder}")
    written = write_studies(
        phantoms.first_seed,
        phantoms.count,
        folder,
        workers,
        phantoms.kinds or None,
        field=phantoms.field,
        later=phantoms.later,
    )
    bar = tqdm(written, total=phantoms.count, desc="phantoms", unit="", file=sys.stderr)
    return {path.name for path in bar}
