"""The styles that phantom studies can be written in: DICOM studies, or files as VerSe or SPIDER has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from spinemed.errors import ConfigError
from spinemed.phantom.export.kinds import checked_field, checked_names
from spinemed.phantom.export.processes import in_processes
from spinemed.phantom.export.spider_style import write_spider
from spinemed.phantom.export.study import write_studies
from spinemed.phantom.export.verse_style import write_verse
from spinemed.phantom.patient.sample import sample_patient

STYLES: Final[tuple[str, ...]] = ("dicom", "verse", "spider")


def forced_conditions(named: Sequence[str] | None) -> list[str] | None:
    """Return the conditions that every patient is given, none of them for the word none; None draws them.

    >>> forced_conditions(["none"]), forced_conditions(None)
    ([], None)
    """
    return None if named is None else [name for name in named if name != "none"]


def write_in_style(
    style: str,
    first_seed: int,
    count: int,
    out_dir: Path,
    workers: int = 1,
    kinds: str | None = None,
    conditions: Sequence[str] | None = None,
    field: str = "any",
    later: bool | None = None,
) -> Iterator[Path]:
    """Return an iterator that writes `count` studies from `first_seed` on and yields what was written.

    `kinds` are series with commas between, or `referral`, for the style dicom alone. `conditions` forces
    exactly these on every patient, the word none a healthy one; `field` is the field of view and `later`
    whether the later examination is written (`write_study`), for the style dicom. What is asked for is
    checked before the first study is drawn: ConfigError for an unknown style, series, condition, field or
    seed, for what a style does not have, and for a negative count or less than one worker.
    """
    if style not in STYLES:
        raise ConfigError(f"style {style!r} is unknown; choose {', '.join(STYLES)}")
    if kinds is not None and style != "dicom":
        raise ConfigError(f"the style {style} has series of its own; leave --kinds out")
    if count < 0 or workers < 1:
        raise ConfigError(f"phantom count {count} and workers {workers} must be at least 0 and 1")
    checked_field(field)
    if field != "any" and style != "dicom":
        raise ConfigError(f"the style {style} has a field of view of its own; leave --field out")
    forced = forced_conditions(conditions)
    if later and style != "dicom":
        raise ConfigError(f"the style {style} has one examination a patient; leave --later out")
    chosen = (
        None if kinds is None else checked_names([part.strip() for part in kinds.split(",") if part.strip()])
    )
    for seed in (first_seed, first_seed + max(count - 1, 0)):
        sample_patient(seed, forced)
    if style == "dicom":
        return write_studies(first_seed, count, out_dir, workers, chosen, forced, field, later)
    seeds = range(first_seed, first_seed + count)
    if style == "verse":
        return in_processes(partial(write_verse, out_dir=out_dir, conditions=forced), seeds, workers)
    # One process: its two tables are shared by all studies.
    return in_processes(partial(write_spider, out_dir=out_dir, conditions=forced), seeds, 1)
