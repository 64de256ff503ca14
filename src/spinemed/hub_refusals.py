"""Why a corpus is not pushed: files, licences, card or metadata that are not as they must be."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from spinemed.corpus.card.card import CARD
from spinemed.corpus.card.croissant import CROISSANT, check_croissant
from spinemed.corpus.card.datacite import read_datacite
from spinemed.corpus.card.licences import TERMS, is_redistributable
from spinemed.corpus.releases.counts import PICTURE_BYTES, parquet_files
from spinemed.corpus.releases.verify import lines, verify
from spinemed.corpus.rows import QUESTION_CONFIGS
from spinemed.errors import OutputError

_SIZES = re.compile(r"^(n<1K|1K<n<10K|10K<n<100K|100K<n<1M|1M<n<10M|n>10M)$")
_LOG = logging.getLogger(__name__)
Say = Callable[[str], None]


def refusals(folder: Path, workers: int = 2, say: Say = _LOG.info) -> list[str]:
    """Return why a folder is not pushed, one line each; nothing where it may be.

    Every file is read again (`corpus.verify`), rows with pixels or words must have a licence that lets them
    be passed on, and the card and the metadata must be what the Hub and load_dataset can read. Nothing is
    asked of the network.
    """
    verdict = verify(folder, workers, say)
    found = [] if verdict.sound else lines(verdict, folder)
    return [*found, *licence_refusals(folder), *card_refusals(folder), *_metadata_refusals(folder)]


def licence_refusals(folder: Path) -> list[str]:
    """Return which files hold pixels or words of a licence that does not let them be passed on."""
    found: list[str] = []
    for config, splits in parquet_files(folder).items():
        content = {"studies": ["text"]}.get(config, ["quote.text", PICTURE_BYTES])
        if config not in (*QUESTION_CONFIGS, "studies"):
            continue
        for path in (path for paths in splits.values() for path in paths):
            found += _held_back(folder, path, content)
    return found


def card_refusals(folder: Path) -> list[str]:
    """Return what is wrong with the YAML header of README.md, judged offline."""
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard, DatasetCardData

    path = folder / CARD
    try:
        content = path.read_text(encoding="utf-8")
        front = yaml.safe_load(content.split("---\n")[1])
        data = DatasetCardData(**front, ignore_metadata_errors=False)
        MetadataConfigs.from_dataset_card_data(data)
        DatasetCard(content)
    except (OSError, IndexError, TypeError, ValueError, yaml.YAMLError) as error:
        return [f"{CARD}: the Hub cannot read its YAML header ({' '.join(str(error).split())[:200]})"]
    return [f"{CARD}: {fault}" for fault in [*_header_faults(front), *_glob_faults(folder, front)]]


def _held_back(folder: Path, path: str, content: Sequence[str]) -> Iterator[str]:
    """Yield a line for each licence of a file that may not be passed on where rows hold pixels or words."""
    with pq.ParquetFile(folder / path) as file:
        licences = file.read(columns=["licence"])["licence"]
        for licence in sorted(pc.unique(licences).to_pylist()):
            if is_redistributable(licence):
                continue
            mine = file.read(columns=list(content)).filter(pc.equal(licences, licence))
            rows = sum(1 for row in mine.to_pylist() if any(_holds_something(cell) for cell in row.values()))
            if rows:
                yield f"{path}: {rows} rows hold pixels or words that {licence} does not let you pass on"


def _holds_something(cell: Any) -> bool:
    if isinstance(cell, dict):
        return any(map(_holds_something, cell.values()))
    if isinstance(cell, list):
        return any(map(_holds_something, cell))
    return bool(cell)


def _header_faults(front: dict[str, Any]) -> Iterator[str]:
    known = {terms.hub for terms in TERMS.values()}
    licence = front.get("license")
    if licence == "other" and not (front.get("license_name") and front.get("license_link")):
        yield "license is other without license_name and license_link"
    elif licence != "other" and licence not in known:
        yield f"license {licence!r} is none that the Hub and spinemed know"
    for size in front.get("size_categories") or [""]:
        if not _SIZES.match(size):
            yield f"size_categories {size!r} is none of the Hub's"
    for language in front.get("language") or [""]:
        if not re.fullmatch(r"[a-z]{2,3}", language):
            yield f"language {language!r} is no code of ISO 639"


def _glob_faults(folder: Path, front: dict[str, Any]) -> Iterator[str]:
    """Yield patterns that match no file, and files that no pattern or more than one matches."""
    files = [path for splits in parquet_files(folder).values() for paths in splits.values() for path in paths]
    patterns = [part["path"] for one in front.get("configs", []) for part in one["data_files"]]
    yield from (f"{one} matches no file" for one in patterns if not fnmatch.filter(files, one))
    for file in files:
        matched = sum(fnmatch.fnmatch(file, one) for one in patterns)
        if matched != 1:
            yield f"{file} is matched by {matched} patterns of the header, not by one"


def _metadata_refusals(folder: Path) -> list[str]:
    found = []
    try:
        read_datacite(folder)
        found += [f"{CROISSANT}: {warning}" for warning in check_croissant(folder)]
    except OutputError as error:
        found.append(str(error))
    return found
