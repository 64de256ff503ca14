"""Items of a corpus on disk, in an order that a hash fixes, read straight from its Parquet shards."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spinemed.errors import ConfigError, SourceError

COLUMNS = (
    "id", "question", "options", "answer", "level", "kind", "modality", "patient", "synthetic", "marker",
    "spacing_mm", "images", "axis", "language", "study", "sites", "findings", "task",
)  # fmt: skip
BODIES = frozenset({"vertebra", "vertebra_in_part"})  # findings that say no more than which body is where
ADDED = frozenset({"L6", "T13"})  # vertebrae that only a variant of the numbering has
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Item:
    """One question with its key, its group labels, and what geometry a reader without pixels would know.

    `width` and `height` count pixels of the first picture; `marker` is (column, row) of the ring in it.
    `condition` is the pathology of the first finding that the item rests on, "vertebra" where only bodies are
    told apart, "" without a finding. `case` is the study. `transitional` names the variant of the patient's
    numbering (L6, T13, L4_only, L5_sacralised), "" for the usual one or where nothing is known. `findings`
    are ids of the config `findings`; `task` is choice, open or report.
    """

    id: str
    question: str
    options: tuple[str, ...]
    answer: str
    level: str
    kind: str
    modality: str
    patient: str
    synthetic: bool
    marker: tuple[float, float] | None
    spacing_mm: float
    width: int
    height: int
    axis: str = ""
    language: str = ""
    condition: str = ""
    case: str = ""
    transitional: str = ""
    sites: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    task: str = ""

    @property
    def lettered(self) -> dict[str, str]:
        """The options by letter, A first; empty for an open item."""
        return {chr(ord("A") + place): text for place, text in enumerate(self.options)}

    @property
    def truth(self) -> str:
        """The right answer in words: the keyed option's text, or the answer of an open item."""
        return self.lettered[self.answer] if self.options else self.answer


def shards(data: Path, config: str, split: str) -> list[Path]:
    """Return the Parquet files of one config and split; SourceError or ConfigError if there are none."""
    if not data.is_dir():
        raise SourceError(f"{data} is not a folder; build a corpus there with: spinemed build --out {data}")
    folder = data / "data" / config
    if not folder.is_dir():
        known = sorted(path.name for path in (data / "data").glob("*") if path.is_dir())
        raise ConfigError(f"{data} has no config {config!r}; it has {known}")
    files = sorted(folder.glob(f"{split}-*.parquet"))
    if not files:
        known = sorted({path.name.partition("-")[0] for path in folder.glob("*.parquet")})
        raise ConfigError(f"{folder} has no split {split!r}; it has {known}")
    return files


def rows(
    files: Sequence[Path], columns: Sequence[str], only: Collection[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield rows with the named columns, batch by batch; `only` keeps the rows with these ids."""
    wanted = None if only is None else pa.array(sorted(only), pa.string())
    for file in files:
        try:
            shard = pq.ParquetFile(file)
            names = [name for name in columns if name in shard.schema_arrow.names]
            for batch in shard.iter_batches(batch_size=256, columns=names):
                table = pa.Table.from_batches([batch])
                if wanted is not None:
                    table = table.filter(pc.is_in(table["id"], wanted))
                yield from table.to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(f"{file} cannot be read ({error}); build the corpus again") from error


def read_items(data: Path, config: str, split: str) -> list[Item]:
    """Return all items of a split ordered by the SHA-256 of their ids: any prefix is a fixed sample."""
    facts = read_facts(data, split)
    found = [item_of(row, facts, config) for row in rows(shards(data, config, split), COLUMNS)]
    return sorted(found, key=lambda item: place_in_order(item.id))


@dataclass(frozen=True)
class Facts:
    """What the config `findings` says: finding -> pathology, and patient -> variant of the numbering."""

    pathologies: Mapping[str, str]
    variants: Mapping[str, str]


NO_FACTS = Facts({}, {})


def read_facts(data: Path, split: str) -> Facts:
    """Return the facts of a split; none where the corpus has no config `findings`."""
    if not any((data / "data" / "findings").glob(f"{split}-*.parquet")):
        return NO_FACTS
    pathologies: dict[str, str] = {}
    variants: dict[str, str] = {}
    columns = ("id", "patient", "pathology", "present", "grade", "site")
    for row in rows(shards(data, "findings", split), columns):
        pathologies[row["id"]] = row["pathology"]
        if row["pathology"] == "transitional" and row["present"]:
            variants[row["patient"]] = row["grade"]
        elif row["site"] in ADDED:
            variants.setdefault(row["patient"], row["site"])
    return Facts(pathologies, variants)


def condition_of(findings: Sequence[str], facts: Facts) -> str:
    """Return the pathology of the first finding; "vertebra" for a body as such, "" where none is known.

    >>> condition_of(["f1", "f2"], Facts({"f1": "vertebra_in_part", "f2": "herniation"}, {}))
    'vertebra'
    """
    first = next((facts.pathologies[one] for one in findings if one in facts.pathologies), "")
    return "vertebra" if first in BODIES else first


def place_in_order(identity: str) -> str:
    """Return the key that orders items: the SHA-256 of the id."""
    return hashlib.sha256(identity.encode()).hexdigest()


def item_of(row: dict[str, Any], facts: Facts = NO_FACTS, config: str = "") -> Item:
    """Return the item of a corpus row, by its config where the row names no task; SourceError for no PNG."""
    marker, pictures = row["marker"], row["images"]
    width, height = picture_size(pictures[0]["bytes"], row["id"]) if pictures else (0, 0)
    return Item(
        id=row["id"],
        question=row["question"],
        options=tuple(row.get("options") or ()),
        answer=row["answer"],
        level=row["level"],
        kind=row["kind"],
        modality=row["modality"],
        patient=row["patient"],
        synthetic=row["synthetic"],
        marker=None if marker is None else (marker["column"], marker["row"]),
        spacing_mm=row["spacing_mm"] or 0.0,
        width=width,
        height=height,
        axis=row.get("axis") or "",
        language=row.get("language") or "",
        condition=condition_of(row.get("findings") or (), facts),
        case=row.get("study") or "",
        transitional=facts.variants.get(row["patient"], ""),
        sites=tuple(row.get("sites") or ()),
        findings=tuple(row.get("findings") or ()),
        task=row.get("task") or config,
    )


def picture_size(png: bytes, identity: str) -> tuple[int, int]:
    """Return (width, height) from the header of PNG bytes.

    >>> picture_size(PNG + bytes(8) + (224).to_bytes(4, "big") + (160).to_bytes(4, "big"), "x")
    (224, 160)
    """
    if png is None or png[:8] != PNG or len(png) < 24:
        raise SourceError(f"row {identity}: its picture is no PNG; build the corpus again")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def pick(
    items: Sequence[Item],
    *,
    kinds: Collection[str] = (),
    synthetic_only: bool = False,
    limit: int | None = None,
) -> list[Item]:
    """Return the first `limit` items, in the given order, of the named kinds; ConfigError if none is left."""
    unknown = set(kinds) - {item.kind for item in items}
    if unknown:
        known = sorted({item.kind for item in items})
        raise ConfigError(f"no item of kind {', '.join(sorted(unknown))}; the split has {known}")
    kept = [
        item for item in items if (not kinds or item.kind in kinds) and (item.synthetic or not synthetic_only)
    ][:limit]
    if not kept:
        raise ConfigError("no item is left after --kind, --synthetic-only and --limit; loosen one of them")
    return kept


def stored(data: Path, config: str, split: str, ids: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows with these ids, `messages` and `images` (PNG bytes), in the order of the shards."""
    return rows(shards(data, config, split), ("id", "messages", "images"), frozenset(ids))


def corpus_hash(data: Path, config: str, split: str) -> str:
    """Return 16 hexadecimal digits over the bytes of one split's shards: the identity of what was asked."""
    digest = hashlib.sha256()
    for file in shards(data, config, split):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]
