"""What one loader gives in a process of its own: benchmarks/loaders.py runs this file for each."""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

BATCH: Final = 32
BUFFER: Final = 1000

Row = dict[str, Any]


def write_tars(files: Sequence[Path], folder: Path) -> None:
    """Write the rows as webdataset shards of 500: NNN.0.png, NNN.1.png and NNN.json."""
    import webdataset

    folder.mkdir()
    with webdataset.ShardWriter(str(folder / "%05d.tar"), maxcount=500, verbose=0) as sink:
        for number, row in enumerate(_rows(files)):
            pictures = {f"{at}.png": image["bytes"] for at, image in enumerate(row.pop("images"))}
            sink.write({"__key__": f"{number:08d}", **pictures, "json": json.dumps(row).encode()})


def write_chunks(files: Sequence[Path], folder: Path) -> None:
    """Write the rows as litdata chunks of 64 MB: PNG bytes one after the other, and one JSON text a row."""
    import litdata

    litdata.optimize(
        fn=_of_file,
        inputs=[str(path) for path in files],
        output_dir=str(folder),
        chunk_bytes="64MB",
        num_workers=1,
    )


def _of_file(path: str) -> Iterator[Row]:
    for row in _rows([Path(path)]):
        pictures = [image["bytes"] for image in row.pop("images")]
        yield {
            "pictures": b"".join(pictures),
            "json": json.dumps(row | {"sizes": [len(one) for one in pictures]}),
        }


def _rows(files: Sequence[Path]) -> Iterator[Row]:
    for path in files:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group).to_pylist()


def _decoded(pictures: Iterable[bytes]) -> list[Any]:
    from PIL import Image

    found = []
    for png in pictures:
        image = Image.open(io.BytesIO(png))
        image.load()
        found.append(image)
    return found


class Measured:
    """What one loader gave in one process: counts, rows a second, seconds to the first row."""

    def __init__(self, started: float) -> None:
        self.told: dict[str, float] = {}
        self._started = started

    def first(self) -> None:
        """Note that the first row, decoded, is there: wall and processor time since the process began."""
        self.told["first_row_s"] = time.time() - self._started
        self.told["first_row_cpu_s"] = time.process_time()

    def rate(self, name: str, rows: Iterable[Any]) -> None:
        """Read all rows and note how many a second of processor time."""
        start, count = time.process_time(), 0
        for _ in rows:
            count += 1
        self.told[f"{name}_rows_per_s"] = count / max(time.process_time() - start, 1e-9)
        self.told["rows"] = count


def _random_batches(count: int) -> list[list[int]]:
    order = list(range(count))
    random.Random(0).shuffle(order)
    return [order[start : start + BATCH] for start in range(0, count, BATCH)]


def measure_datasets(store: Path, told: Measured) -> None:
    """Map-style: a cold load into a fresh cache, a warm one, then rows in order and at random."""
    import datasets

    files = _listed(store)
    start, wall = time.process_time(), time.time()
    raw = datasets.load_dataset("parquet", data_files=files, split="train")
    told.told["cold_load_s"], told.told["cold_load_cpu_s"] = time.time() - wall, time.process_time() - start
    cache = Path(os.environ["HF_DATASETS_CACHE"])
    told.told["cache_bytes"] = sum(path.stat().st_size for path in cache.rglob("*.arrow"))
    del raw
    start, wall = time.process_time(), time.time()
    seen = datasets.load_dataset("parquet", data_files=files, split="train")
    told.told["warm_load_s"], told.told["warm_load_cpu_s"] = time.time() - wall, time.process_time() - start
    seen[0]
    told.first()
    seen = seen.cast_column("images", datasets.List(datasets.Image()))
    raw = seen.cast_column("images", datasets.List(datasets.Image(decode=False)))
    batches = _random_batches(len(raw))
    told.rate(
        "in_order",
        (row for start in range(0, len(raw), BATCH) for row in _of(raw, range(start, start + BATCH))),
    )
    told.rate("at_random", (row for batch in batches for row in raw.__getitems__(batch)))
    told.rate("at_random_decoded_by_datasets", (row for batch in batches for row in seen.__getitems__(batch)))
    once = raw.with_transform(_decode_batch)
    told.rate("at_random_decoded", (row for batch in batches for row in once.__getitems__(batch)))


def measure_by_number(store: Path, told: Measured) -> None:
    """Map-style by `spinemed.corpus.reading`, from the files that datasets maps."""
    _measure_by_number(store, told, in_memory=False)


def measure_by_number_in_memory(store: Path, told: Measured) -> None:
    """The same from a copy in memory, as raw pyarrow reads it."""
    _measure_by_number(store, told, in_memory=True)


def _measure_by_number(store: Path, told: Measured, in_memory: bool) -> None:
    import datasets

    from spinemed.corpus.reading import RowsByNumber

    rows = datasets.load_dataset("parquet", data_files=_listed(store), split="train")
    seen = RowsByNumber(rows, in_memory=in_memory)
    seen[0]
    told.first()
    raw = RowsByNumber(rows, decode=False, in_memory=in_memory)
    batches, count = _random_batches(len(rows)), len(rows)
    spans = [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
    told.rate("in_order", (row for span in spans for row in raw.__getitems__(span)))
    told.rate("at_random", (row for batch in batches for row in raw.__getitems__(batch)))
    told.rate("at_random_decoded", (row for batch in batches for row in seen.__getitems__(batch)))


def _decode_batch(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """A transform for `with_transform`: datasets itself decodes the first picture of a list twice."""
    pictures = [_decoded(image["bytes"] for image in images) for images in batch["images"]]
    return {**batch, "images": pictures}


def _of(rows: Any, numbers: Iterable[int]) -> list[Row]:
    found: list[Row] = rows.__getitems__([number for number in numbers if number < len(rows)])
    return found


def measure_datasets_streaming(store: Path, told: Measured) -> None:
    """Streaming: to the first row, rows in order, and through the shuffle buffer."""
    import datasets

    def opened(decode: bool) -> Any:
        rows = datasets.load_dataset("parquet", data_files=_listed(store), split="train", streaming=True)
        return rows.decode(decode) if not decode else rows

    next(iter(opened(decode=True)))
    told.first()
    told.rate("in_order", opened(decode=False))
    told.rate("shuffled", opened(decode=False).shuffle(seed=0, buffer_size=BUFFER))
    told.rate("shuffled_decoded_by_datasets", opened(decode=True).shuffle(seed=0, buffer_size=BUFFER))
    told.rate("shuffled_decoded", map(_seen, opened(decode=False).shuffle(seed=0, buffer_size=BUFFER)))
    told.told["shuffle_mixes"] = _mixing(
        row["id"] for row in opened(False).shuffle(seed=0, buffer_size=BUFFER)
    )


def measure_pyarrow(store: Path, told: Measured) -> None:
    """The whole split as one table in memory, and slices of it as Python rows."""
    start = time.process_time()
    table = pa.concat_tables([pq.read_table(path) for path in _listed(store)]).combine_chunks()
    told.told["cold_load_cpu_s"] = time.process_time() - start
    _decoded(image["bytes"] for image in table.slice(0, 1).to_pylist()[0]["images"])
    told.first()
    batches = _random_batches(len(table))
    told.rate(
        "in_order",
        (row for start in range(0, len(table), BATCH) for row in table.slice(start, BATCH).to_pylist()),
    )
    told.rate("at_random", (row for batch in batches for row in table.take(batch).to_pylist()))
    told.rate("at_random_decoded", (_seen(row) for batch in batches for row in table.take(batch).to_pylist()))


def measure_pyarrow_streaming(store: Path, told: Measured) -> None:
    """Row group by row group to Python rows."""
    files = [Path(path) for path in _listed(store)]
    _seen(next(_rows(files)))
    told.first()
    told.rate("in_order", _rows(files))
    told.rate("shuffled", _buffered(_rows(files)))
    told.rate("shuffled_decoded", (_seen(row) for row in _buffered(_rows(files))))
    told.told["shuffle_mixes"] = _mixing(row["id"] for row in _buffered(_rows(files)))


def _seen(row: Row) -> Row:
    return {**row, "images": _decoded(image["bytes"] for image in row["images"])}


def _buffered(rows: Iterator[Row]) -> Iterator[Row]:
    chance, held = random.Random(0), []
    for row in rows:
        if len(held) < BUFFER:
            held.append(row)
            continue
        at = chance.randrange(BUFFER)
        yield held[at]
        held[at] = row
    chance.shuffle(held)
    yield from held


def measure_webdataset(store: Path, told: Measured) -> None:
    """Tars read in order, and with shuffled shards and a buffer."""
    import webdataset

    shards = sorted(str(path) for path in store.glob("*.tar"))

    def opened(shuffled: bool) -> Iterator[Row]:
        rows = webdataset.WebDataset(shards, shardshuffle=len(shards) if shuffled else False, seed=0)
        for sample in rows.shuffle(BUFFER, initial=BUFFER) if shuffled else rows:
            pictures = [sample[name] for name in sorted(sample) if name.endswith(".png")]
            yield {"pictures": pictures, **json.loads(sample["json"])}

    _decoded(next(opened(False))["pictures"])
    told.first()
    told.rate("in_order", opened(False))
    told.rate("shuffled", opened(True))
    told.rate("shuffled_decoded", (_decoded(row["pictures"]) for row in opened(True)))
    told.told["shuffle_mixes"] = _mixing(row["id"] for row in opened(True))


def _chunks(store: Path, shuffled: bool = False) -> Any:
    import litdata

    return litdata.StreamingDataset(str(store), shuffle=shuffled, seed=0, drop_last=False)


def _lit(row: Row) -> Row:
    found: Row = json.loads(row["json"])
    start, pictures = 0, []
    for size in found.pop("sizes"):
        pictures.append(row["pictures"][start : start + size])
        start += size
    return {"pictures": pictures, **found}


def measure_litdata(store: Path, told: Measured) -> None:
    """Map-style access to the chunks."""
    rows = _chunks(store)
    _decoded(_lit(rows[0])["pictures"])
    told.first()
    batches = _random_batches(len(rows))
    told.rate("in_order", (_lit(rows[number]) for number in range(len(rows))))
    told.rate("at_random", (_lit(rows[number]) for batch in batches for number in batch))
    told.rate(
        "at_random_decoded",
        (_decoded(_lit(rows[number])["pictures"]) for batch in batches for number in batch),
    )


def measure_litdata_streaming(store: Path, told: Measured) -> None:
    """The chunks as a stream; its shuffle mixes chunks and the rows inside them."""
    _decoded(_lit(next(iter(_chunks(store))))["pictures"])
    told.first()
    told.rate("in_order", map(_lit, _chunks(store)))
    told.rate("shuffled", map(_lit, _chunks(store, shuffled=True)))
    told.rate("shuffled_decoded", (_decoded(_lit(row)["pictures"]) for row in _chunks(store, shuffled=True)))
    told.told["shuffle_mixes"] = _mixing(_lit(row)["id"] for row in _chunks(store, shuffled=True))


def _mixing(ids: Iterable[str]) -> float:
    """How far apart, as a share of all rows, neighbours were stored (median); full mixing gives 0.29."""
    stored = {name: at for at, name in enumerate(json.loads(Path(os.environ["LOADERS_ORDER"]).read_text()))}
    places = [stored[name] for name in ids]
    return statistics.median(abs(one - other) for one, other in pairwise(places)) / len(stored)


def _listed(store: Path) -> list[str]:
    return [str(path) for path in json.loads((store / "files.json").read_text())]


MEASURES: Final[Mapping[str, Callable[[Path, Measured], None]]] = {
    "datasets": measure_datasets,
    "spinemed_by_number": measure_by_number,
    "spinemed_by_number_in_memory": measure_by_number_in_memory,
    "datasets_streaming": measure_datasets_streaming,
    "datasets_streaming_without_torch": measure_datasets_streaming,
    "pyarrow": measure_pyarrow,
    "pyarrow_streaming": measure_pyarrow_streaming,
    "webdataset": measure_webdataset,
    "litdata": measure_litdata,
    "litdata_streaming": measure_litdata_streaming,
}
WRITERS: Final[Mapping[str, Callable[[Sequence[Path], Path], None]]] = {
    "webdataset": write_tars,
    "litdata": write_chunks,
}


def main() -> None:
    """Measure one loader and print what it gave, or write the rows in the form of a peer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", nargs=3, metavar=("LOADER", "STORE", "STARTED"))
    parser.add_argument("--write", nargs=3, metavar=("PEER", "OURS", "STORE"))
    given = parser.parse_args()
    if given.measure:
        name, store, started = given.measure
        told = Measured(float(started))
        MEASURES[name](Path(store), told)
        told.told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print("told " + json.dumps(told.told))
    if given.write:
        peer, ours, store = given.write
        WRITERS[peer]([Path(path) for path in _listed(Path(ours))], Path(store))


if __name__ == "__main__":
    main()
