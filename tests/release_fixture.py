"""A small release in the published format, written without a build: what trace, verify and withdraw read."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from spinemed.corpus.card.card import write_card
from spinemed.corpus.card.release_info import ReleaseInfo
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.counts import counts_of
from spinemed.corpus.releases.lookup import write_lookup
from spinemed.corpus.releases.manifest import Manifest, file_entries, read_manifest, write_manifest
from spinemed.corpus.releases.merkle import merkle_root
from spinemed.corpus.releases.tombstones import TOMBSTONES, Tombstones, write_tombstones
from spinemed.corpus.rows import CONFIGS, QUESTION_CONFIGS, features
from spinemed.corpus.stages.shards import TableWriter, shard_name
from spinemed.corpus.stages.units import bucket_of, group_of
from spinemed.records import content_id

Row = dict[str, Any]
BUCKETS = 2
PICTURES = 3
DRAWN = "generator 4, patients 1 to 8, field any, series referral, follow-ups by kinds"
QUOTED = "There is severe canal stenosis at L4-L5."
CITATION = "Meyerding 1932: grade 2 is 25 to 50 percent."


def png(number: int) -> bytes:
    """Return a picture that no other number has, 48 x 64."""
    noise = np.random.default_rng(number).integers(0, 256, (64, 48), dtype=np.uint8)
    picture = Image.fromarray(noise)
    stream = io.BytesIO()
    picture.save(stream, "png")
    return stream.getvalue()


def split_for(patient: str) -> str:
    """Return the split of a patient: every fourth is in test."""
    return "test" if int(group_of(patient)[:4], 16) % 4 == 0 else "train"


def asked(row: Row, question: str, reply: str) -> Row:
    """Return the row with its messages and the id of its content."""
    row["messages"] = [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    shown = [one["path"].removesuffix(".png") for one in row["images"]]
    row["id"] = content_id(row["kind"], row["language"], shown, question, reply)
    return row


def question(patient: str, study: str, **columns: Any) -> Row:
    """Return the columns that every question of a patient has."""
    row: Row = {
        "images": [],
        "question": "",
        "answer": "L4",
        "level": "L4",
        "side": "",
        "task": "open",
        "axis": "level",
        "kind": "marked_level",
        "modality": "text",
        "conditions": ["canal_stenosis"],
        "sites": ["L4"],
        "study": study,
        "patient": patient,
        "split": split_for(patient),
        "source": "casebook",
        "synthetic": True,
        "licence": "Apache-2.0",
        "series": "",
        "plane": "",
        "slice_index": None,
        "box": None,
        "marker": None,
        "spacing_mm": None,
        "quote": None,
        "findings": [f"{study}-f"],
        "gates": ["levels_read_back"],
        "template": "marked_level/en/1",
        "language": "en",
    }
    return row | columns


def imaged(seed: int) -> list[tuple[str, Row]]:
    """Return the question rows of a synthetic patient with pictures, each with its config."""
    patient, study = f"phantom-{seed:06d}", content_id("study", seed)
    rows = []
    for number in range(PICTURES):
        content = png(seed * PICTURES + number)
        place: Row = {
            "images": [{"bytes": content, "path": f"{hashlib.sha256(content).hexdigest()}.png"}],
            "modality": "CT",
            "source": "phantom",
            "series": f"2.25.{seed}",
            "plane": "sagittal",
            "slice_index": number,
            "box": {"left": 4, "top": 6, "right": 20, "bottom": 18},
            "marker": {"column": 12.0, "row": 12.0, "radius": 9.0},
            "spacing_mm": 1.0,
        }
        base = question(patient, study, question="Which vertebra is marked?", **place)
        rows.append(("open", asked(dict(base), "Which vertebra is marked?", "L4")))
        choice = base | {"options": ["L3", "L4"], "answer": "B", "task": "choice"}
        rows.append(("choice", asked(choice, "Which vertebra is marked?\nA. L3\nB. L4", "L4 (B)")))
    return rows


def report_of(seed: int) -> str:
    """Return the written case of a patient."""
    return f"Synthetic case {seed}. {QUOTED} The patient is {40 + seed % 40} years old."


def written(seed: int) -> list[tuple[str, Row]]:
    """Return the question rows of a written case: one that quotes it, one that cites a rule."""
    patient, study = f"written-{seed:06d}", content_id("study", seed)
    text = report_of(seed)
    start = text.index(QUOTED)
    quote = {"document": study, "start": start, "end": start + len(QUOTED), "text": QUOTED}
    rule = {"document": "rule:meyerding", "start": 0, "end": len(CITATION), "text": CITATION}
    one = question(patient, study, question="Where is the canal narrowed?", answer="L4-L5", quote=quote)
    other = question(patient, study, question=f"Which grade is {seed % 25 + 25} %?", answer="2", quote=rule)
    return [
        ("open", asked(one, f"{text}\nWhere is the canal narrowed?", "L4-L5")),
        ("open", asked(other, f"Which grade is {seed % 25 + 25}.{seed} %?", "2")),
    ]


def study_row(patient: str, seed: int, source: str) -> Row:
    """Return the row of a study."""
    text = report_of(seed) if source == "casebook" else ""
    return {
        "id": content_id("study", seed),
        "patient": patient,
        "split": split_for(patient),
        "source": source,
        "licence": "Apache-2.0",
        "synthetic": True,
        "numbering": "phantom_truth",
        "sex": "F",
        "age_band": "60-69",
        "series": [] if text else [f"2.25.{seed}"],
        "modalities": [] if text else ["CT"],
        "sequences": [] if text else [""],
        "label_schemes": [] if text else ["verse"],
        "conditions": ["canal_stenosis"],
        "language": "en" if text else "",
        "text": text,
    }


def finding_row(patient: str, seed: int, source: str) -> Row:
    """Return the row of the finding that a patient's questions rest on."""
    nothing = ("side", "value", "unit", "detail", "error", "pixels", "contrast", "quote")
    row: Row = {
        **dict.fromkeys(nothing),
        "id": f"{content_id('study', seed)}-f",
        "study": content_id("study", seed),
        "patient": patient,
        "split": split_for(patient),
        "site": "L4",
        "pathology": "vertebra",
        "grade": "",
        "present": True,
        "posture": "lying",
        "extent": [],
        "source": source,
        "synthetic": True,
        "licence": "Apache-2.0",
        "series": f"2.25.{seed}",
        "plane": "sagittal",
        "slice_index": 0,
        "slice_id": "",
        "box": {"left": 4, "top": 6, "right": 20, "bottom": 18},
    }
    if source == "casebook":
        text = report_of(seed)
        start = text.index(QUOTED)
        row |= {"series": row["study"], "plane": "text", "box": dict.fromkeys(row["box"], 0)}
        row["quote"] = {"document": row["study"], "start": start, "end": start + len(QUOTED), "text": QUOTED}
    return row


def rows_of_patients(imaging: range, cases: range) -> dict[str, list[Row]]:
    """Return config -> rows of synthetic patients with pictures and of written cases."""
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for seed, source, name in [
        *((seed, "phantom", f"phantom-{seed:06d}") for seed in imaging),
        *((seed, "casebook", f"written-{seed:06d}") for seed in cases),
    ]:
        rows["studies"].append(study_row(name, seed, source))
        rows["findings"].append(finding_row(name, seed, source))
        for config, row in imaged(seed) if source == "phantom" else written(seed):
            rows[config].append(row)
    rows["rejects"] = [{"id": "r", "source": "phantom", "step": "read", "reason": "no mask", "fix": ""}]
    return rows


def write_data(folder: Path, rows: dict[str, list[Row]]) -> None:
    """Write data/ of a release, as the build lays it out."""
    for config in CONFIGS:
        schema = features(config).arrow_schema
        of_file: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in rows.get(config, []):
            split = row.get("split", "rejects")
            bucket = bucket_of(row["patient"], BUCKETS) if "patient" in row else 0
            of_file[split, bucket].append(row)
        for (split, bucket), mine in of_file.items():
            path = folder / "data" / config / shard_name(split, bucket, BUCKETS)
            writer = TableWriter(path, schema)
            of_patient: defaultdict[tuple[bool, str], list[Row]] = defaultdict(list)
            for row in mine:
                of_patient[row["source"] == "casebook", group_of(row.get("patient", ""))].append(row)
            for _, group in sorted(of_patient.items()):
                writer.add(pa.Table.from_pylist(group, schema=schema))
            writer.close()


def finish(folder: Path, before: Manifest | None, release: ReleaseInfo) -> Manifest:
    """Return the manifest of a release whose data and tombstones are written, with a lookup and a card."""
    write_lookup(folder)
    write_card(folder, BuildConfig(), counts_of(folder), release, {}, {})
    rows: defaultdict[str, dict[str, int]] = defaultdict(dict)
    kinds: Counter[str] = Counter()
    rejects: Counter[str] = Counter()
    pictures: dict[str, int] = {}
    for path in sorted(folder.glob("data/*/*.parquet")):
        config, split = path.parent.name, path.name.split("-")[0]
        table = pq.read_table(path).to_pylist()
        rows[config][split] = rows[config].get(split, 0) + len(table)
        for row in table:
            if config in QUESTION_CONFIGS:
                kinds[f"{config} {split} {row['kind']} {row['modality']} {row['source']}"] += 1
                pictures |= {one["path"]: len(one["bytes"]) for one in row["images"]}
            elif config == "rejects":
                rejects[f"{row['step']}: {row['reason']}"] += 1
    files = file_entries(folder)
    manifest = Manifest(
        name="small",
        version=release.version,
        root=merkle_root(files),
        previous_root="" if before is None else before.root,
        tombstones=len((folder / TOMBSTONES).read_text().splitlines()),
        seed=0,
        settings={},
        inputs={"phantom": DRAWN, "casebook": "seeds"},
        code="test",
        packages={},
        studies=sum(rows["studies"].values()),
        rows=dict(rows),
        kinds=dict(kinds),
        rejects=dict(rejects),
        image_bytes=sum(pictures.values()),
        parquet_bytes=sum(path.stat().st_size for path in folder.rglob("data/*/*.parquet")),
        files=files,
    )
    write_manifest(folder, manifest)
    return manifest


def write_release(folder: Path, imaging: range = range(1, 9), cases: range = range(100_001, 100_009)) -> Path:
    """Return a release of synthetic patients, complete with lookup, tombstones and manifest."""
    folder.mkdir()
    write_data(folder, rows_of_patients(imaging, cases))
    write_tombstones(folder / TOMBSTONES, Tombstones())
    finish(folder, None, ReleaseInfo())
    return folder


def rehashed(folder: Path, **changes: Any) -> Manifest:
    """Return the manifest after it took over the files as they are now, and other changes."""
    manifest = read_manifest(folder)
    assert manifest is not None
    files = file_entries(folder)
    manifest = manifest.model_copy(update={"files": files, "root": merkle_root(files), **changes})
    write_manifest(folder, manifest)
    return manifest


def rewritten(folder: Path, config: str, change: Callable[[list[Row]], object]) -> str:
    """Return which data file, the largest of a config, was written again with changed rows."""
    path = max((folder / "data" / config).glob("*.parquet"), key=lambda one: one.stat().st_size)
    rows: list[Row] = pq.read_table(path).to_pylist()
    change(rows)
    schema = pq.read_schema(path)
    path.unlink()  # a release may share it
    writer = TableWriter(path, schema)
    writer.add(pa.Table.from_pylist(rows, schema=schema))
    writer.close()
    return path.relative_to(folder).as_posix()
