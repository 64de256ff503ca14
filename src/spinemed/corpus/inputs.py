"""The studies that a build takes in: from named sources, or from phantoms drawn for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from spinemed.corpus.config import BuildConfig, Phantoms
from spinemed.corpus.manifest import fingerprint
from spinemed.errors import ConfigError, SourceError
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
        return {name: fingerprint(folder) for name, folder in sorted(config.sources.items())}
    from spinemed.phantom.patient.stream import GENERATOR_VERSION

    phantoms = config.phantoms
    drawn = f"generator {GENERATOR_VERSION}, patients {phantoms.first_seed} to {phantoms.seeds[-1]}"
    series = ",".join(phantoms.kinds) or "by state"
    follow_ups = {None: "by kinds", True: "written", False: "none"}[phantoms.later]
    return {"phantom": f"{drawn}, field {phantoms.field}, series {series}, follow-ups {follow_ups}"}


def studies_of(
    config: BuildConfig, beside: Path, workers: int, say: Callable[[str], None]
) -> Iterator[Study | Reject]:
    """Return studies and rejects of all sources, by the name of the source, each in the source's own order.

    Without sources, phantoms are written to `beside`/phantom-studies first; those already there are kept.
    """
    if config.sources:
        return _named(config)
    folder = beside / PHANTOM_FOLDER
    names = _drawn_phantoms(config.phantoms, folder, workers, say)
    # An earlier, larger run may have left more studies here than were asked for.
    return (one for one in SOURCES["phantom"](folder) if isinstance(one, Reject) or one.patient in names)


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
