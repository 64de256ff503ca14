"""What a published corpus holds, counted from its Parquet files in one pass over their light columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spinemed.corpus.rows import CONFIGS, QUESTION_CONFIGS
from spinemed.errors import OutputError

PICTURE_PATH, PICTURE_BYTES = "images.list.element.path", "images.list.element.bytes"
_NAME = re.compile(r"^(?P<split>[a-z]+)-\d{5}-of-\d{5}\.parquet$")
_JOINT = "\x1f"  # no condition holds it
_QUESTION = (
    *("task", "axis", "kind", "modality", "level", "side", "language"),
    *("source", "licence", "synthetic", "conditions"),
)
_STUDY = ("source", "licence", "synthetic", "language", "conditions")
_FINDING = ("source", "pathology", "present")
_REJECT = ("source", "step", "reason")
_COLUMNS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(QUESTION_CONFIGS, _QUESTION),
    "studies": _STUDY,
    "findings": _FINDING,
}
DIMENSIONS = ("config", "split", *_QUESTION[:-1], "condition")
"""What instances can be counted by. `condition` counts a row with two conditions in both."""

Cells = dict[tuple[str, ...], int]


@dataclass(frozen=True)
class Counts:
    """What a corpus holds; count it with `counts_of` and ask with `by`, `studies_by`, `findings_by`.

    `rows` by config and split. `pictures` are different pictures by split, `pictures_first` those that come
    first in some instance, by that instance's modality; a picture that is only shown beside others is in
    neither modality. `patients` are those asked about, by source and split; `patients_in_all` counts each
    once, those that only have a study as well. `studies` are by source and split. `file_bytes` are the bytes
    of all Parquet files by config, `picture_bytes` those that hold pictures.
    """

    rows: dict[str, dict[str, int]]
    pictures: dict[str, int]
    pictures_in_all: int
    pictures_first: dict[str, int]
    patients: dict[tuple[str, str], int]
    patients_in_all: int
    studies: dict[tuple[str, str], int]
    rejects: dict[tuple[str, str], int]
    file_bytes: dict[str, int]
    picture_bytes: int
    cells: pa.Table
    study_cells: pa.Table
    finding_cells: pa.Table

    def by(self, *dimensions: str, **only: str) -> Cells:
        """Return the number of instances by the named `DIMENSIONS`, sorted by key, where `only` holds.

        A row with two conditions is counted in both, so counts by `condition` add up to more than the rows;
        a row without any is counted as "". `synthetic` is "true" or "false".
        """
        return _grouped(self.cells, dimensions, only)

    def studies_by(self, *dimensions: str, **only: str) -> Cells:
        """Return the number of studies by split, source, licence, synthetic, language of text, condition."""
        return _grouped(self.study_cells, dimensions, only)

    def findings_by(self, *dimensions: str, **only: str) -> Cells:
        """Return the number of findings by split, source, pathology, present ("true" or "false")."""
        return _grouped(self.finding_cells, dimensions, only)

    @property
    def instances(self) -> int:
        """Return the number of instances in all configs and splits."""
        return sum(sum(self.rows.get(config, {}).values()) for config in QUESTION_CONFIGS)

    @property
    def licences(self) -> list[str]:
        """Return the licences of all instances and studies, sorted."""
        return sorted({licence for (licence,) in {**self.by("licence"), **self.studies_by("licence")}})

    @property
    def languages(self) -> list[str]:
        """Return the languages of the instances, sorted."""
        return sorted({language for (language,) in self.by("language") if language})

    @property
    def sources(self) -> list[str]:
        """Return the sources of all instances and studies, sorted."""
        return sorted({source for (source,) in {**self.by("source"), **self.studies_by("source")}})


def counts_of(folder: Path) -> Counts:
    """Return what a published corpus holds; a folder without data has counts of 0.

    One pass over all Parquet files that reads no picture and no text; 450,000 rows take seconds. OutputError
    names a file that cannot be read, lacks a column, or has a name that is none of a published corpus.
    """
    counting = _Counting()
    for config, files in parquet_files(folder).items():
        for split, paths in files.items():
            for path in paths:
                counting.add(config, split, folder / path)
    return counting.finish()


def parquet_files(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return config -> split -> paths in the folder, sorted, in the order of `CONFIGS`.

    OutputError for a file under data/ that a published corpus does not have.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((folder / "data").rglob("*")):
        if path.is_dir():
            continue
        name = _NAME.match(path.name)
        config = path.parent.name
        if name is None or config not in CONFIGS or path.parent.parent != folder / "data":
            place = path.relative_to(folder).as_posix()
            raise OutputError(
                f"{folder}: {place} is no file of a corpus (data/<config>/<split>-0000i-of-0000n.parquet); "
                "remove it or build again"
            )
        found.setdefault(config, {}).setdefault(name["split"], []).append(f"data/{config}/{path.name}")
    return {config: found[config] for config in CONFIGS if config in found}


class _Counting:
    """Counts that grow file by file."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, int]] = {}
        self.file_bytes: Counter[str] = Counter()
        self.picture_bytes = 0
        self.rejects: Counter[tuple[str, str]] = Counter()
        self._shown: dict[str, set[str]] = {}
        self._first: dict[str, set[str]] = {}
        self._patients: dict[tuple[str, str], set[str]] = {}
        self._known: set[tuple[str, str]] = set()
        self._studies: dict[tuple[str, str], set[str]] = {}
        self._cells: dict[str, list[pa.Table]] = {"questions": [], "studies": [], "findings": []}

    def add(self, config: str, split: str, path: Path) -> None:
        """Count one file."""
        try:
            with pq.ParquetFile(path) as file:
                self._add(config, split, file)
        except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError, OSError) as error:
            raise OutputError(f"{path}: cannot be counted ({error}); build again") from error
        self.file_bytes[config] += path.stat().st_size

    def _add(self, config: str, split: str, file: pq.ParquetFile) -> None:
        of_config = self.rows.setdefault(config, {})
        of_config[split] = of_config.get(split, 0) + file.metadata.num_rows
        if config == "rejects":
            for cell in _cells_of(file.read(columns=list(_REJECT)), ("step", "reason")).to_pylist():
                self.rejects[cell["step"], cell["reason"]] += cell["count"]
            return
        columns = _COLUMNS[config]
        extra = {"studies": ["id", "patient"], "findings": []}.get(config, ["patient", PICTURE_PATH])
        table = file.read(columns=[*columns, *extra])
        if config == "studies":
            self._add_studies(split, table)
        elif config in QUESTION_CONFIGS:
            self._add_patients(split, table)
            self._add_pictures(split, table)
            self.picture_bytes += _stored_bytes(file.metadata, PICTURE_BYTES)
        kept = _cells_of(_flat(table.select(columns)), columns)
        kept = _with(_with(kept, "split", split), "config", config)
        name = config if config in self._cells else "questions"
        self._cells[name].append(_encoded(kept))

    def _add_studies(self, split: str, table: pa.Table) -> None:
        for source, patient, study in _keys(table, ("source", "patient", "id")):
            self._known.add((source, patient))
            self._studies.setdefault((source, split), set()).add(study)

    def _add_patients(self, split: str, table: pa.Table) -> None:
        pairs = table.group_by(["source", "patient"]).aggregate([])
        for source, patient in _keys(pairs, ("source", "patient")):
            self._known.add((source, patient))
            self._patients.setdefault((source, split), set()).add(patient)

    def _add_pictures(self, split: str, table: pa.Table) -> None:
        lists = table["images"].combine_chunks()
        shown = pc.struct_field(pc.list_flatten(lists), "path")
        self._shown.setdefault(split, set()).update(pc.unique(shown).to_pylist())
        has_picture = pc.greater(pc.list_value_length(lists), 0)
        if not pc.any(has_picture).as_py():
            return
        first = pc.struct_field(pc.list_element(lists.filter(has_picture), 0), "path")
        pairs = pa.table({"modality": table["modality"].filter(has_picture), "first": first})
        for pair in pairs.group_by(["modality", "first"]).aggregate([]).to_pylist():
            self._first.setdefault(pair["modality"], set()).add(pair["first"])

    def finish(self) -> Counts:
        """Return the counts of all files."""
        everywhere: set[str] = set().union(*self._shown.values()) if self._shown else set()
        return Counts(
            rows=self.rows,
            pictures={split: len(paths) for split, paths in sorted(self._shown.items())},
            pictures_in_all=len(everywhere),
            pictures_first={modality: len(paths) for modality, paths in sorted(self._first.items())},
            patients={key: len(found) for key, found in sorted(self._patients.items())},
            patients_in_all=len(self._known),
            studies={key: len(found) for key, found in sorted(self._studies.items())},
            rejects=dict(sorted(self.rejects.items())),
            file_bytes=dict(self.file_bytes),
            picture_bytes=self.picture_bytes,
            cells=_joined(self._cells["questions"], _QUESTION),
            study_cells=_joined(self._cells["studies"], _STUDY),
            finding_cells=_joined(self._cells["findings"], _FINDING),
        )


def _stored_bytes(metadata: pq.FileMetaData, leaf: str) -> int:
    """Return the bytes of one leaf column in a file, as compressed."""
    total = 0
    for group in range(metadata.num_row_groups):
        of_group = metadata.row_group(group)
        columns = (of_group.column(index) for index in range(of_group.num_columns))
        total += sum(column.total_compressed_size for column in columns if column.path_in_schema == leaf)
    return total


def _flat(table: pa.Table) -> pa.Table:
    """Return a table of texts: lists joined, booleans as true and false, null as empty."""
    columns = []
    for name in table.column_names:
        column = table[name]
        if pa.types.is_list(column.type):
            column = pc.binary_join(column, _JOINT)
        columns.append(pc.fill_null(column.cast(pa.string()), ""))
    return pa.table(columns, names=table.column_names)


def _cells_of(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return the different combinations of columns, with how often each is met in `count`."""
    grouped = table.group_by(list(columns)).aggregate([([], "count_all")])
    return grouped.rename_columns([*columns, "count"])


def _with(table: pa.Table, name: str, value: str) -> pa.Table:
    return table.append_column(name, pa.repeat(pa.scalar(value), len(table)))


def _encoded(cells: pa.Table) -> pa.Table:
    """Return cells with their texts as dictionaries, which takes half the memory."""
    columns = [
        cells[name] if name == "count" else cells[name].dictionary_encode() for name in cells.column_names
    ]
    return pa.table(columns, names=cells.column_names)


def _joined(tables: Sequence[pa.Table], columns: Sequence[str]) -> pa.Table:
    """Return one table of cells, each combination once; without tables an empty one."""
    names = [*columns, "split", "config"]
    if not tables:
        return pa.table(
            {name: pa.array([], pa.string()) for name in names} | {"count": pa.array([], pa.int64())}
        )
    grouped = pa.concat_tables(tables).unify_dictionaries().group_by(names).aggregate([("count", "sum")])
    return grouped.rename_columns([*names, "count"])


def _grouped(cells: pa.Table, dimensions: Sequence[str], only: Mapping[str, str]) -> Cells:
    """Return key -> count over cells where `only` holds; keys follow the order of `dimensions`."""
    columns = ["conditions" if name == "condition" else name for name in dimensions]
    for name, value in only.items():
        if name == "condition":
            raise ValueError("only=condition is not counted; ask by('condition', ...) and choose")
        cells = cells.filter(pc.equal(cells[name], value))
    if not columns:
        return {(): pc.sum(cells["count"]).as_py() or 0}
    grouped = cells.group_by(list(dict.fromkeys(columns))).aggregate([("count", "sum")])
    found: Counter[tuple[str, ...]] = Counter()
    for values, count in zip(_keys(grouped, columns), grouped["count_sum"].to_pylist(), strict=True):
        for key in _split_conditions(values, dimensions):
            found[key] += count
    return dict(sorted(found.items()))


def _keys(table: pa.Table, columns: Iterable[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(table[name].to_pylist() for name in columns), strict=True)


def _split_conditions(values: Sequence[str], dimensions: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield a key for every condition of a cell; one key where no condition is asked for."""
    options = [
        value.split(_JOINT) if name == "condition" else [value]
        for name, value in zip(dimensions, values, strict=True)
    ]
    return product(*options)
