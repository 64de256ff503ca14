"""A benchmark that does not change: spinebench.json with a SHA-256 for each item, and its verification."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from spinemed.bench.data.columns import ITEM_CONFIGS, columns_of
from spinemed.bench.items import rows
from spinemed.corpus.releases.manifest import file_sha256
from spinemed.errors import SourceError
from spinemed.records import Record

FILE = "spinebench.json"
FORMAT = 1


class FrozenItem(Record):
    """One item: the hash of its content, and the stratum it was selected from."""

    id: str
    config: str
    sha256: str
    axis: str
    kind: str
    region: str
    modality: str
    language: str
    severity: str
    shown: str = Field(description="image or text")
    patient: str


class Checked(Record):
    """A corpus that the benchmark was checked against when it was built, and what was refused for it."""

    name: str
    content: str = Field(description="SHA-256 over the hashes of the corpus's files, 16 digits")
    patients: int
    pictures: int
    refused: dict[str, int] = Field(description="reason -> candidates left out")


class Frozen(Record):
    """The content of spinebench.json; it names no path and no time, so that equal builds are equal bytes."""

    format: int = FORMAT
    name: str
    fresh: bool = Field(description="drawn anew and never published")
    seed: int
    generator: str = Field(description="version of the phantom generator, or fingerprints of the sources")
    patients: str = Field(description="phantom seeds that were drawn, first to last")
    code: str
    packages: dict[str, str]
    settings: dict[str, object]
    sizes: dict[str, dict[str, int]] = Field(description="config -> cell -> items")
    short: dict[str, dict[str, int]] = Field(description="config -> cell -> items that could not be found")
    detectable: dict[str, float] = Field(description="config -> smallest difference shown with 80 % power")
    letters: dict[str, int] = Field(description="key letters of the config choice")
    against: tuple[Checked, ...]
    items: tuple[FrozenItem, ...]
    items_sha256: str
    files: dict[str, str] = Field(description="path -> SHA-256")


class Verified(Record):
    """What a verification found; `sound` where every item is as it was frozen."""

    items: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    files_changed: tuple[str, ...] = Field(description="files whose bytes differ, whatever their items say")
    items_sha256: str
    manifest_sound: bool = Field(description="the hash of the whole follows from the hashes of the items")

    @property
    def sound(self) -> bool:
        """Whether every frozen item is there unchanged, no other is, and the manifest fits itself."""
        return self.manifest_sound and not (self.changed or self.missing or self.added)


def item_sha256(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a row: its columns as JSON with sorted keys, pictures by the hash of their bytes.

    It does not depend on the Parquet file the row lies in, nor on the order of columns.

    >>> item_sha256({"id": "a", "images": []}) == item_sha256({"images": [], "id": "a"})
    True
    """
    content = {name: value for name, value in row.items() if name != "images"}
    content["images"] = [hashlib.sha256(picture["bytes"]).hexdigest() for picture in row["images"]]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def whole_sha256(items: Iterable[FrozenItem]) -> str:
    """Return the SHA-256 of a benchmark: of `config id sha256` of each item, a line each, sorted."""
    lines = sorted(f"{one.config} {one.id} {one.sha256}\n" for one in items)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_frozen(folder: Path, frozen: Frozen) -> None:
    """Write spinebench.json into a folder."""
    text = json.dumps(frozen.model_dump(mode="json"), indent=1, ensure_ascii=False, sort_keys=True)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read_frozen(folder: Path) -> Frozen:
    """Return the manifest of a benchmark; SourceError where there is none or it cannot be read."""
    path = folder / FILE
    if not path.is_file():
        raise SourceError(f"{folder} holds no {FILE}; build one with: spinemed bench build --out {folder}")
    try:
        return Frozen.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{path}: no manifest of a benchmark ({reason}); build it again") from error


def verify(folder: Path) -> Verified:
    """Return what differs between a benchmark's rows and its manifest, recomputed from the Parquet files."""
    frozen = read_frozen(folder)
    wanted = {(one.config, one.id): one.sha256 for one in frozen.items}
    configs = sorted({one.config for one in frozen.items} | _question_configs(folder))
    found: dict[tuple[str, str], str] = {}
    double: list[str] = []
    for config in configs:
        for row in _all_rows(folder, config):
            key = (config, row["id"])
            if key in found:
                double.append(f"{config} {row['id']}")
            found[key] = item_sha256(row)
    both = wanted.keys() & found.keys()
    whole = [one.model_copy(update={"sha256": found.get((one.config, one.id), "")}) for one in frozen.items]
    return Verified(
        items=len(found),
        changed=tuple(
            sorted(f"{config} {one}" for config, one in both if wanted[config, one] != found[config, one])
        ),
        missing=tuple(sorted(f"{config} {one}" for config, one in wanted.keys() - found.keys())),
        added=tuple(sorted([f"{config} {one}" for config, one in found.keys() - wanted.keys()] + double)),
        files_changed=tuple(
            sorted(
                name
                for name, digest in frozen.files.items()
                if not (folder / name).is_file() or file_sha256(folder / name) != digest
            )
        ),
        items_sha256=whole_sha256(whole),
        manifest_sound=whole_sha256(frozen.items) == frozen.items_sha256,
    )


def _question_configs(folder: Path) -> set[str]:
    """Return the configs of a folder that hold items."""
    return {name for name in ITEM_CONFIGS if any((folder / "data" / name).glob("test-*.parquet"))}


def _all_rows(folder: Path, config: str) -> Iterator[dict[str, Any]]:
    yield from rows(sorted((folder / "data" / config).glob("test-*.parquet")), list(columns_of(config)))
