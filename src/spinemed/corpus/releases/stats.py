"""Tables and plots of what a corpus holds, by task, level, condition and five more, each by split."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from spinemed.corpus.releases.counts import Cells, Counts
from spinemed.levels import Level, Site

DIMENSIONS: Final = ("task", "axis", "level", "side", "modality", "language", "condition", "source")
"""What instances are counted by, a table and a plot each."""

SPLITS: Final = ("train", "validation", "test", "spinebench")
_NONE = "none named"
_COLOURS = ("#33658a", "#86bbd8", "#f6ae2d", "#b5446e")


class Table:
    """Counts in rows and columns with names; `rows` and `columns` in the order they are shown."""

    def __init__(self, name: str, columns: Sequence[str], rows: dict[str, list[int]]) -> None:
        self.name = name
        self.columns = list(columns)
        self.rows = rows

    def markdown(self) -> str:
        """Return the table as Markdown, with a last column of sums."""
        head = ["| " + " | ".join([self.name, *self.columns, "all"]) + " |"]
        head.append("| --- |" + " ---: |" * (len(self.columns) + 1))
        body = [f"| {name} | " + " | ".join(map(str, [*n, sum(n)])) + " |" for name, n in self.rows.items()]
        return "\n".join([*head, *body])

    def csv(self) -> str:
        """Return the table as CSV with a line of names."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([self.name, *self.columns])
        writer.writerows([name, *counts] for name, counts in self.rows.items())
        return stream.getvalue()


def table_by(counts: Counts, dimension: str) -> Table:
    """Return instances by a dimension and split; a row with two conditions is counted in both."""
    cells = counts.by(dimension, "split")
    splits = [split for split in SPLITS if any(key[1] == split for key in cells)]
    rows = {
        value or _NONE: [cells.get((value, split), 0) for split in splits]
        for value in _ordered(dimension, cells)
    }
    return Table(dimension, splits, rows)


def level_by_condition(counts: Counts) -> Table:
    """Return instances by level and condition; those that name no level are the last row."""
    cells = counts.by("level", "condition")
    conditions = sorted({key[1] for key in cells})
    rows = {
        level or _NONE: [cells.get((level, condition), 0) for condition in conditions]
        for level in _ordered("level", cells)
    }
    return Table("level", [condition or _NONE for condition in conditions], rows)


def _ordered(dimension: str, cells: Cells) -> list[str]:
    """Return the values of a dimension: levels from above downwards, others by how many there are."""
    totals: dict[str, int] = {}
    for key, count in cells.items():
        totals[key[0]] = totals.get(key[0], 0) + count
    if dimension == "level":
        return sorted(totals, key=_height)
    return sorted(totals, key=lambda value: (value == "", -totals[value], value))


def _height(text: str) -> tuple[int, float, str]:
    """Return what levels are sorted by: sites from above, then what is no site, then nothing."""
    if not text:
        return 2, 0, ""
    try:
        site = Site.parse(text)
    except ValueError:
        return 1, 0, text
    order = list(Level)
    return 0, order.index(site.upper) + (order.index(site.lower) / 100 if site.lower else 0), text


def write_stats(counts: Counts, name: str, out: Path) -> list[Path]:
    """Return the files written to a folder: stats.md, and a CSV and a PNG of every table.

    The same counts give the same bytes on one machine; fonts may differ on another.
    """
    out.mkdir(parents=True, exist_ok=True)
    tables = [table_by(counts, dimension) for dimension in DIMENSIONS]
    heat = level_by_condition(counts)
    written = [out / "stats.md"]
    parts = [f"# {name}: {counts.instances} instances", ""]
    for table in tables:
        parts += [
            f"## By {table.name}",
            "",
            table.markdown(),
            "",
            f"![by {table.name}]({table.name}.png)",
            "",
        ]
        written += _write(out, table.name, table, bar_plot(table))
    parts += [
        "## Level by condition",
        "",
        heat.markdown(),
        "",
        "![level by condition](level_condition.png)",
        "",
    ]
    written += _write(out, "level_condition", heat, heat_map(heat))
    parts.append("An instance with two conditions is counted in both.\n")
    written[0].write_text("\n".join(parts), encoding="utf-8")
    return written


def _write(out: Path, name: str, table: Table, png: bytes) -> list[Path]:
    (out / f"{name}.csv").write_text(table.csv(), encoding="utf-8")
    (out / f"{name}.png").write_bytes(png)
    return [out / f"{name}.csv", out / f"{name}.png"]


def bar_plot(table: Table) -> bytes:
    """Return a PNG with a bar for every row of a table, its splits one after the other."""
    figure, axes = _figure(7.5, 1.4 + 0.26 * max(3, len(table.rows)))
    names = list(table.rows)
    left = np.zeros(len(names))
    for place, split in enumerate(table.columns):
        counts = np.array([table.rows[name][place] for name in names], float)
        axes.barh(names, counts, left=left, color=_COLOURS[place % len(_COLOURS)], label=split, height=0.75)
        left += counts
    for place, total in enumerate(left):
        axes.text(total, place, f" {int(total):,}", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12, y=0.01)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("instances")
    axes.set_ylabel(table.name)
    axes.spines[["top", "right"]].set_visible(False)
    if len(table.columns) > 1:
        figure.legend(fontsize=8, frameon=False, loc="outside upper center", ncols=len(table.columns))
    return _png(figure)


def heat_map(table: Table) -> bytes:
    """Return a PNG of a table as a heat map on a logarithmic scale, with the counts written in."""
    from matplotlib.colors import LogNorm

    values = np.array(list(table.rows.values()), float).reshape(len(table.rows), len(table.columns))
    figure, axes = _figure(2.2 + 0.62 * max(3, len(table.columns)), 1.8 + 0.27 * max(3, len(table.rows)))
    shown = np.ma.masked_less(values, 1)
    highest = max(2.0, float(values.max(initial=2)))
    image = axes.imshow(shown, cmap="viridis", norm=LogNorm(1, highest), aspect="auto")
    axes.set_xticks(range(len(table.columns)), table.columns, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(table.rows)), list(table.rows), fontsize=8)
    for (row, column), count in np.ndenumerate(values):
        if count:
            colour = "black" if count > highest**0.6 else "white"
            axes.text(column, row, _short(int(count)), ha="center", va="center", fontsize=6, color=colour)
    figure.colorbar(image, ax=axes, label="instances")
    return _png(figure)


def _short(count: int) -> str:
    """Return a count in at most four characters.

    >>> _short(950), _short(1234), _short(45678)
    ('950', '1.2k', '46k')
    """
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 9950 else f"{count / 1000:.0f}k"


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure and its axes that no window and no global state knows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _png(figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def lines(counts: Counts, written: Iterable[Path]) -> list[str]:
    """Return the tables for a person, levels left to the files, and where the files are."""
    said = [table_by(counts, name).markdown() for name in DIMENSIONS if name != "level"]
    folder = next(iter(written)).parent
    return ["\n\n".join(said), f"where: {folder} (stats.md, CSV and PNG of every table)"]
