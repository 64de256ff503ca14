"""Everything about one instance: what is asked, where it comes from, what it rests on, where it lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spinemed.corpus.card.licences import is_redistributable, origin_of
from spinemed.corpus.releases.lookup import LOOKUP, QUESTIONS, Lookup, Place, readable
from spinemed.corpus.releases.manifest import Manifest, file_sha256, read_manifest
from spinemed.corpus.releases.originals import original
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.corpus.releases.trace_files import pictures_of
from spinemed.errors import OutputError

REVIEWS: Final = "reviews.jsonl"
_PICTURE_BYTES = "images.list.element.bytes"
_RULE = "rule:"
_BEFORE_AND_AFTER = 200


@dataclass(frozen=True)
class Trace:
    """What is known of one instance; `facts` is plain JSON, `pictures` are PNG files by name."""

    facts: dict[str, Any]
    pictures: dict[str, bytes] = field(repr=False)

    @property
    def id(self) -> str:
        """Return the id of the instance."""
        return str(self.facts["id"])


class Tracer:
    """One corpus, opened for traces: files that several instances lie in are read once, one at a time."""

    def __init__(self, folder: Path) -> None:
        manifest = read_manifest(folder)
        if manifest is None:
            raise OutputError(f"{folder}: no {MANIFEST}; name the folder of a built corpus with --corpus")
        self._folder = folder
        self._manifest: Manifest = manifest
        entry = manifest.files.get(LOOKUP)
        if entry is None or not (folder / LOOKUP).is_file() or file_sha256(folder / LOOKUP) != entry.sha256:
            raise OutputError(
                f"{folder / LOOKUP}: not the file of the manifest; run spinemed verify {folder}"
            )
        self._lookup = Lookup(folder)
        self._facts: dict[str, tuple[str, pa.Table]] = {}  # config -> file that was read last, and its rows

    def traces(self, ids: Iterable[str]) -> Iterator[Trace]:
        """Yield the trace of each id, by the place where they lie.

        OutputError for an id that the corpus does not have, with ids that begin alike, before any is read.
        """
        places = {identity: self._place(identity) for identity in dict.fromkeys(ids)}
        group: tuple[str, int] | None = None
        table = pa.table({})
        for identity, place in sorted(places.items(), key=lambda item: item[1]):
            if (place.file, place.row_group) != group:
                group = place.file, place.row_group
                table = self._read(place.file, [place.row_group])
            if place.row >= table.num_rows:
                raise OutputError(
                    f"{self._folder}: the lookup is not that of {place.file}; run spinemed verify"
                )
            row = table.slice(place.row, 1).to_pylist()[0]
            if row["id"] != identity:
                raise OutputError(
                    f"{self._folder}: the lookup is not that of {place.file}; run spinemed verify"
                )
            yield self._trace(row, place)

    def _place(self, identity: str) -> Place:
        place = self._lookup.find(identity)
        if place is not None:
            if place.file not in self._manifest.files:
                raise OutputError(
                    f"{self._folder}: the lookup names {place.file[:200]!r}, the manifest does not"
                )
            return place
        near = self._lookup.near(identity)
        hint = f"did you mean {', '.join(near)}" if near else "ids are 16 hexadecimal digits of the column id"
        gone = "it may have been withdrawn: see tombstones.jsonl" if self._manifest.tombstones else hint
        raise OutputError(f"{self._folder}: no instance {identity[:80]!r}; {hint if near else gone}")

    def _read(self, file: str, groups: list[int] | None = None, columns: list[str] | None = None) -> pa.Table:
        shared = [_PICTURE_BYTES] if file.split("/")[1] in QUESTIONS else None  # decoded, each row has a copy
        path = self._folder / file
        with readable(path), pq.ParquetFile(path, read_dictionary=shared) as parquet:
            if groups is None:
                return parquet.read(columns=columns)
            if max(groups) >= parquet.num_row_groups:
                raise OutputError(f"{self._folder}: the lookup is not that of {file}; run spinemed verify")
            return parquet.read_row_groups(groups, columns=columns)

    def _trace(self, row: dict[str, Any], place: Place) -> Trace:
        images = row.pop("images")
        study = self._of_study(place, "studies", "id", row["study"])
        findings = self._of_study(place, "findings", "study", row["study"])
        by_id = {one["id"]: one for one in findings}
        patient = study[0] if study else {}
        facts = {
            "id": row["id"],
            **_asked(row),
            **_source(row, study),
            "split": row["split"],
            "patient": row["patient"],
            "study": row["study"],
            "evidence": _evidence(row, images, patient),
            "findings": [by_id.get(one, {"id": one, "missing": True}) for one in row["findings"]],
            **_making(row),
            "reviews": self._reviews(row["id"]),
            "release": self._release(place),
            "original": original(row, patient, self._manifest.inputs.get("phantom", "")),
        }
        return Trace(facts, pictures_of(row, images))

    def _of_study(self, place: Place, config: str, column: str, study: str) -> list[dict[str, Any]]:
        """Return the rows of a study in a config; it lies in the same bucket, in the split of its facts."""
        name = place.file.split("/")[-1]
        bucket = name.partition("-")[2]
        own = f"data/{config}/{name}"
        others = sorted(
            f for f in self._manifest.files if f.startswith(f"data/{config}/") and f.endswith(bucket)
        )
        for file in dict.fromkeys([own, *others]):
            if file in self._manifest.files:
                if self._facts.get(config, ("",))[0] != file:
                    self._facts[config] = file, self._read(file)
                table = self._facts[config][1]
                found = table.filter(pc.equal(table[column], study))
                if found.num_rows:
                    rows: list[dict[str, Any]] = found.to_pylist()
                    return rows
        return []

    def _reviews(self, identity: str) -> str | list[str]:
        """Return what reviewers wrote of an instance, from reviews.jsonl in or beside the corpus."""
        for path in (self._folder / REVIEWS, self._folder.with_name(f"{self._folder.name}.{REVIEWS}")):
            if path.is_file():
                found = [
                    line for line in path.read_text(encoding="utf-8").splitlines() if f'"{identity}"' in line
                ]
                return found or f"not reviewed by a clinician: {path.name} does not name it"
        return "not reviewed by a clinician: no review log is in or beside the corpus"

    def _release(self, place: Place) -> dict[str, Any]:
        manifest = self._manifest
        return {
            "name": manifest.name,
            "version": manifest.version,
            "root": manifest.root,
            "code": manifest.code,
            "file": place.file,
            "file_sha256": manifest.files[place.file].sha256,
            "row_group": place.row_group,
            "row": place.row,
        }


def _asked(row: Mapping[str, Any]) -> dict[str, Any]:
    letter = row["answer"]
    options = row.get("options")
    place = ord(letter) - ord("A") if options and len(letter) == 1 else -1
    return {
        "task": row["task"],
        "axis": row["axis"],
        "kind": row["kind"],
        "language": row["language"],
        "modality": row["modality"],
        "question": row["question"],
        **({} if options is None else {"options": options}),
        "answer": letter,
        **({"answer_text": options[place]} if options and 0 <= place < len(options) else {}),
        "messages": row["messages"],
        "level": row["level"],
        "side": row["side"],
        "sites": row["sites"],
        "conditions": row["conditions"],
    }


def _source(row: Mapping[str, Any], study: list[dict[str, Any]]) -> dict[str, Any]:
    origin = origin_of(row["source"])
    return {
        "source": row["source"],
        "synthetic": row["synthetic"],
        "licence": row["licence"],
        "redistributable": is_redistributable(row["licence"]),
        "attribution": ", ".join(part for part in (origin.title, origin.doi, origin.url) if part),
        "numbering": study[0]["numbering"] if study else "unknown",
    }


def _evidence(
    row: Mapping[str, Any], images: list[dict[str, Any]], study: Mapping[str, Any]
) -> dict[str, Any]:
    """Return where the instance comes from: a place in a series, or characters of a document."""
    found: dict[str, Any] = {}
    if images:
        found |= {
            name: row[name] for name in ("series", "plane", "slice_index", "box", "marker", "spacing_mm")
        }
        found |= {name: row[name] for name in ("window", "turn") if name in row}
        found["pictures"] = [one["path"].removesuffix(".png") for one in images]
        if row["series"] in (study.get("series") or ()):
            at = study["series"].index(row["series"])
            found["series_of_study"] = f"{study['modalities'][at]} {study['sequences'][at]}".strip()
    if row["quote"] is not None:
        quote = dict(row["quote"])
        text = study.get("text", "")
        if not quote["document"].startswith(_RULE):
            start, end = quote["start"], quote["end"]
            quote["is_in_document"] = text[start:end] == quote["text"]
            before = text[max(0, start - _BEFORE_AND_AFTER) : start]
            quote["document_text"] = text
            quote["in_context"] = f"{before}[[{text[start:end]}]]{text[end : end + _BEFORE_AND_AFTER]}"
        found["quote"] = quote
    return found


def _making(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the words came about: this version writes them from wordings alone, named by `template`."""
    wording = f"drawn from the wording {row['template']}" if row["template"] else "the row names no wording"
    return {
        "template": row["template"],
        "gates": row["gates"],
        "prompt": None,
        "model": None,
        "words": f"{wording}; no language model took part",
    }
