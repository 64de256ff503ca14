"""Planted leaks that the gate finds, false alarms between patients, and the processor time that it takes.

    python benchmarks/leak_recall.py --corpus spinemed-450k --real folder-of-slices

Pictures are those of a built corpus; every changed copy (JPEG at quality 70, nine tenths of the size, ten
grey levels brighter, three pixels cut from each edge, three from the left alone, a ring drawn, all but the
ring at once) is looked for. `--real` may name a folder of PNGs of real slices, PATIENT_SEQUENCE.png, or
several; they are only read. Texts are questions about written cases that are drawn here: punctuation and case
changed, the sentences of every line shuffled, one number changed (which must not count). Then leaks of every
rule are planted among rows of the corpus and looked for by `gate.leaks_within`. Times are processor times of
one core. Results go to benchmarks/results/leak_recall.json.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from leak_changes import PICTURE_CHANGES, TEXT_CHANGES, shouted
from numpy.typing import NDArray
from PIL import Image
from setting import setting

from spinemed.corpus.config import BuildConfig
from spinemed.corpus.leaks.contents import contents_of
from spinemed.corpus.leaks.gate import TEXT_ALIKE, leaks_within
from spinemed.corpus.leaks.near_texts import MARGIN, near_pairs
from spinemed.corpus.leaks.pictures import NEAR, hashes_of, near_pictures
from spinemed.corpus.leaks.same_picture import ALIKE, ALIKE_WHERE_CLOSE, CLOSE, is_copy, likeness, thumbnail
from spinemed.corpus.leaks.signatures import MINIMA, facts_in, jaccard, signatures
from spinemed.corpus.rows import features
from spinemed.imaging.looks import grey_of, picture_hash
from spinemed.instances.written.ask import ask_written
from spinemed.phantom.written.case import written_case
from spinemed.records import Instance

RESULT = Path(__file__).parent / "results" / "leak_recall.json"
FIRST_CASE = 100_000
FULL_TEXTS, FULL_PICTURES = 450_000, 35_000
RULES = (
    "patient in two splits",
    "study in two splits",
    "source document in two splits",
    "picture in two splits",
    "picture that looks the same in two splits",
    "words in two splits",
    "near-equal wording in two splits",
)

Greys = NDArray[np.uint8]


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--real", type=Path, action="append", default=[], help="folder of real slices")
    parser.add_argument("--pictures", type=int, default=3000, help="pictures compared at most")
    parser.add_argument("--cases", type=int, default=600, help="written cases drawn")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    shown = corpus_pictures(arguments.corpus, arguments.pictures)
    texts = case_texts(arguments.cases)
    result = {
        "near_bits": NEAR,
        "least_likeness": ALIKE,
        "least_likeness_within_bits": {str(CLOSE): ALIKE_WHERE_CLOSE},
        "least_jaccard": TEXT_ALIKE,
        "phantom_pictures": picture_figures(shown, every=8),
        "real_pictures": picture_figures(real_pictures(arguments.real), every=1),
        "texts": text_figures(texts),
        "planted": planted(arguments.corpus),
        "cost": costs(texts, shown),
        **setting("spinemed", "numpy", "pillow", "pyarrow"),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def corpus_pictures(folder: Path, most: int) -> list[tuple[str, bytes]]:
    """Return (patient, PNG) of different pictures of a corpus, in the order of its files."""
    found: dict[str, tuple[str, bytes]] = {}
    for config in ("choice", "open"):
        for path in sorted((folder / "data" / config).glob("*.parquet")):
            for batch in pq.ParquetFile(path).iter_batches(256, columns=["patient", "images"]):
                for row in batch.to_pylist():
                    found.update({one["path"]: (row["patient"], one["bytes"]) for one in row["images"]})
                if len(found) >= most:
                    return list(found.values())[:most]
    return list(found.values())


def real_pictures(folders: Sequence[Path]) -> list[tuple[str, bytes]]:
    """Return (patient, PNG) of real slices; a patient's sequences are told by the end of the name."""
    return [
        (f"{folder.name}/{re.sub(r'_t[12]$', '', path.stem)}", path.read_bytes())
        for folder in folders
        for path in sorted(folder.glob("*.png"))
    ]


def picture_figures(shown: Sequence[tuple[str, bytes]], every: int) -> dict[str, Any]:
    """Return recall a change and what pictures of different patients come to."""
    if not shown:
        return {"pictures": 0}
    greys = [grey_of(png) for _, png in shown]
    hashes = hashes_of([picture_hash(grey) for grey in greys])
    small = [thumbnail(grey) for grey in greys]
    patients = [patient for patient, _ in shown]
    pairs, bits = near_pictures(hashes, max_distance=NEAR + 20)
    others = [place for place, (a, b) in enumerate(pairs) if patients[a] != patients[b]]
    alike = [likeness(small[a], small[b]) for a, b in pairs[others]]
    changed = {
        name: recall(change, greys[::every], hashes[::every], small[::every])
        for name, change in PICTURE_CHANGES.items()
    }
    within = bits[others] <= NEAR
    return {
        "pictures": len(shown),
        "patients": len(set(patients)),
        "pairs_of_different_patients": (len(shown) ** 2 - sum(n * n for n in Counter(patients).values()))
        // 2,
        "of_these_near_by_hash": int(within.sum()),
        "of_these_called_the_same": sum(
            apart <= NEAR and is_copy(apart, value)
            for apart, value in zip(bits[others].tolist(), alike, strict=True)
        ),
        "least_bits": int(bits[others].min()) if others else None,
        "greatest_likeness_up_to_20_bits_farther": round(max(alike), 3) if alike else None,
        "changed": changed,
    }


def recall(
    change: Callable[[Greys], Greys], greys: list[Greys], hashes: NDArray[np.uint8], small: list[Any]
) -> dict[str, Any]:
    """Return how many changed copies are found by hash, and by hash and likeness."""
    bits, alike = [], []
    for grey, one, thumb in zip(greys, hashes, small, strict=True):
        copy = change(grey)
        _, apart = near_pictures(one[np.newaxis], hashes_of([picture_hash(copy)]), 256)
        bits.append(int(apart[0]))
        alike.append(likeness(thumb, thumbnail(copy)))
    near = np.array(bits) <= NEAR
    found = near & np.array([is_copy(*pair) for pair in zip(bits, alike, strict=True)])
    return {
        "copies": len(greys),
        "near_by_hash": round(float(near.mean()), 4),
        "found": round(float(found.mean()), 4),
        "bits_p99": float(np.percentile(bits, 99)),
        "least_likeness": round(min(alike), 3),
    }


def case_texts(cases: int) -> list[tuple[str, str]]:
    """Return (patient, words) of all questions about written cases that do not rest on a rule alone."""
    asking = BuildConfig().asking
    return [
        (instance.patient, "\n".join(message.content for message in instance.messages))
        for seed in range(FIRST_CASE, FIRST_CASE + cases)
        for instance in ask_written(written_case(seed), asking)
        if isinstance(instance, Instance)
        and instance.provenance.quote is not None
        and not instance.provenance.quote.document.startswith("rule:")
    ]


def text_figures(texts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return recall a change, and pairs of different patients at several thresholds."""
    words = [text for _, text in texts]
    found = signatures(words)
    _, patients = np.unique([patient for patient, _ in texts], return_inverse=True)
    figures: dict[str, Any] = {"texts": len(texts), "patients": int(patients.max()) + 1}
    for same_facts in (True, False):
        pairs = near_pairs(found, 0.4, words.__getitem__, patients, same_facts)
        exact = np.array([jaccard(words[a], words[b]) for a, b in pairs.tolist()])
        name = "pairs_of_patients_same_facts" if same_facts else "pairs_of_patients_any_facts"
        figures[name] = {str(least): int((exact >= least).sum()) for least in (0.4, 0.5, 0.6, 0.8)}
    some = random.Random(0).sample(range(len(words)), min(1500, len(words)))
    for name, change in TEXT_CHANGES.items():
        figures[name] = text_recall([(words[row], change(words[row])) for row in some])
    return figures


def text_recall(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return how many changed texts the gate would call the same, given that it sees both."""
    pairs = [(before, after) for before, after in pairs if before != after]
    both = signatures([text for pair in pairs for text in pair])
    facts = facts_in(both)
    exact = np.array([jaccard(before, after) for before, after in pairs])
    found = [
        (both[2 * n] == both[2 * n + 1]).all()
        or (exact[n] >= TEXT_ALIKE and len(near_pairs(both[2 * n : 2 * n + 2], TEXT_ALIKE - MARGIN)) > 0)
        for n in range(len(pairs))
    ]
    return {
        "texts": len(pairs),
        "found": round(float(np.mean(found)), 4),
        "same_facts": round(float((facts[::2] == facts[1::2]).mean()), 4),
        "jaccard_p5_p50": [round(float(np.percentile(exact, part)), 3) for part in (5, 50)],
    }


def planted(corpus: Path) -> dict[str, Any]:
    """Return for each rule how many planted leaks were named, and what a clean folder raised."""
    path = sorted((corpus / "data" / "open").glob("train-*.parquet"))[0]
    columns = features("open")
    rows = [
        dict.fromkeys(columns) | {name: value for name, value in row.items() if name in columns}
        for row in pq.ParquetFile(path).read_row_group(0).to_pylist()
        if len(row["images"]) == 1
    ]
    patients = sorted({row["patient"] for row in rows})
    test = set(patients[: len(patients) // 3])
    shown = {one["bytes"] for row in rows if row["patient"] not in test for one in row["images"]}
    split: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for row in rows:
        split["test" if row["patient"] in test else "train"].append(row)
    texts = [text for _, text in case_texts(20)]
    blank = rows[0] | {"images": [], "marker": None, "spacing_mm": None}
    for number, text in enumerate(texts):
        split["train"].append(blank | named(f"text-{number}", text))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder, columns.arrow_schema, split)
        clean = Counter(leak.rule for leak in leaks_within(contents_of(folder), folder))
        split["test"] += plants(split["train"], sorted(shown)[:20], texts[:20])
        write(folder, columns.arrow_schema, split)
        leaks = leaks_within(contents_of(folder), folder)
    places: dict[str, str] = defaultdict(str)
    for leak in leaks:
        places[leak.rule] += f" {leak.first} {leak.second} "
    wanted = {row["id"]: row["id"].split("/")[1] for row in split["test"] if row["id"].startswith("planted/")}
    return {
        "rows": sum(map(len, split.values())),
        "clean_folder": dict(clean),
        "planted": dict(Counter(wanted.values())),
        "found": dict(Counter(rule for identity, rule in wanted.items() if f" {identity} " in places[rule])),
    }


def named(identity: str, text: str) -> dict[str, Any]:
    """Return the columns of a text row of its own patient, study and document."""
    return {
        "id": identity,
        "patient": identity,
        "study": identity,
        "quote": {"document": identity, "start": 0, "end": 4, "text": text[:4]},
        "messages": said(text),
    }


def plants(train: list[dict[str, Any]], pictures: list[bytes], texts: list[str]) -> list[dict[str, Any]]:
    """Return rows that leak, each by one rule that its id names."""
    blank = train[-1]
    grey = [grey_of(png) for png in pictures]
    changes = list(PICTURE_CHANGES.values())
    made: list[dict[str, Any]] = []

    def plant(rule: str, number: int, **columns: Any) -> None:
        fresh = named(f"planted/{rule}/{number}", f"Question {number} of {rule}, as nobody else asks it.")
        made.append(blank | fresh | columns)

    for number, png in enumerate(pictures[: len(texts)]):
        plant(RULES[0], number, patient=f"text-{number + 50}")
        plant(RULES[1], number, study=f"text-{number + 80}")
        plant(RULES[2], number, quote={"document": f"text-{number}", "start": 0, "end": 4, "text": "Ques"})
        plant(RULES[3], number, images=[{"bytes": png, "path": "planted.png"}])
        stream = io.BytesIO()
        Image.fromarray(changes[number % len(changes)](grey[number])).save(stream, "PNG")
        plant(RULES[4], number, images=[{"bytes": stream.getvalue(), "path": "planted.png"}])
        plant(RULES[5], number, messages=said(shouted(texts[number])))
        plant(RULES[6], number, messages=said(f"{texts[number]} As was written before."))
    return made


def said(text: str) -> list[dict[str, str]]:
    """Return the turns of a text row."""
    return [{"role": "user", "content": text}, {"role": "assistant", "content": "As said."}]


def write(folder: Path, schema: pa.Schema, splits: dict[str, list[dict[str, Any]]]) -> None:
    """Write rows in the published format."""
    for name, rows in splits.items():
        path = folder / "data" / "open" / f"{name}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def costs(texts: Sequence[tuple[str, str]], shown: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """Return processor seconds of the parts, the pairs at full size on look-alikes of the real signatures."""
    words = [text for _, text in texts]
    greys = [grey_of(png) for _, png in shown[:500]]
    figures: dict[str, Any] = {"mean_characters": round(float(np.mean([len(text) for text in words])))}
    figures["signature_us"] = round(1e6 * taken(lambda: signatures(words)) / len(words), 1)
    figures["picture_hash_of_greys_ms"] = round(
        1e3 * taken(lambda: [picture_hash(grey) for grey in greys]) / len(greys), 3
    )
    figures["picture_hash_of_png_ms"] = round(
        1e3 * taken(lambda: [picture_hash(png) for _, png in shown[:500]]) / len(shown[:500]), 3
    )
    draw = np.random.default_rng(0)
    base = signatures(words)
    many = base[np.arange(FULL_TEXTS) % len(base)]
    again = (draw.random((FULL_TEXTS, MINIMA)) < 0.65) & (np.arange(FULL_TEXTS) >= len(base))[:, np.newaxis]
    many[:, :MINIMA][again] = draw.integers(0, 1 << 32, int(again.sum()), dtype=np.uint32)
    many[:, MINIMA] += (np.arange(FULL_TEXTS) // len(base)).astype(np.uint32)
    splits = (draw.random(FULL_TEXTS) < 0.3).astype(np.int64)
    figures[f"near_pairs_of_{FULL_TEXTS}_s"] = round(
        taken(lambda: near_pairs(many, TEXT_ALIKE - MARGIN, groups=splits)), 1
    )
    hashes = draw.integers(0, 256, (FULL_PICTURES, 128), dtype=np.uint8)
    cut = FULL_PICTURES * 7 // 10
    figures[f"near_pictures_of_{cut}_and_{FULL_PICTURES - cut}_s"] = round(
        taken(lambda: near_pictures(hashes[:cut], hashes[cut:])), 1
    )
    return figures


def taken(work: Callable[[], object]) -> float:
    """Return the processor seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
