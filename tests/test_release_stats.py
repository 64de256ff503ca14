"""`stats` writes tables and plots of what the rows hold."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image
from release_fixture import write_release
from typer.testing import CliRunner

from spinemed.cli.release import app
from spinemed.corpus.releases import stats
from spinemed.corpus.releases.counts import Counts, counts_of
from spinemed.corpus.releases.stats import DIMENSIONS, level_by_condition, table_by


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release of three patients with pictures and three written cases."""
    return write_release(tmp_path_factory.mktemp("stats") / "corpus", range(1, 4), range(100_001, 100_004))


@pytest.fixture(scope="module")
def counts(release: Path) -> Counts:
    """Return what it holds."""
    return counts_of(release)


def test_every_table_adds_up_to_the_instances(counts: Counts) -> None:
    assert counts.instances == 3 * 6 + 3 * 2
    for dimension in DIMENSIONS:
        table = table_by(counts, dimension)
        assert sum(sum(row) for row in table.rows.values()) == counts.instances, dimension
    assert table_by(counts, "task").rows.keys() == {"open", "choice"}
    assert sum(table_by(counts, "modality").rows["text"]) == 6
    assert level_by_condition(counts).rows == {"L4": [24]}


def test_levels_are_shown_from_above_downwards_whatever_the_numbering() -> None:
    spine = [
        "C7",
        "C7-T1",
        "T12",
        "T12-T13",
        "T12-L1",
        "T13",
        "T13-L1",
        "L1",
        "L5",
        "L5-L6",
        "L5-S1",
        "L6",
        "S1",
    ]
    cells = {(level, "train"): 1 for level in [*reversed(spine), "", "all"]}
    assert stats._ordered("level", cells) == [*spine, "all", ""]
    assert stats._ordered("side", {("left", "x"): 1, ("", "x"): 9, ("right", "x"): 2}) == [
        "right",
        "left",
        "",
    ]


def test_the_command_writes_a_page_and_a_plot_and_a_csv_of_each_table(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ("source", "task")  # plots take time
    monkeypatch.setattr(stats, "DIMENSIONS", shown)
    done = CliRunner().invoke(app, ["stats", str(release), "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["instances"] == 24
    assert sum(told["source"]["phantom"].values()) == 18
    for name in (*shown, "level_condition"):
        with Image.open(tmp_path / f"{name}.png") as plot:
            assert min(plot.size) > 100
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
            head, *rows = csv.reader(lines)
        assert sum(int(cell) for row in rows for cell in row[1:]) == 24
        assert head[0] == name.split("_")[0]
    page = (tmp_path / "stats.md").read_text(encoding="utf-8")
    assert "| open |" in page
    assert "(level_condition.png)" in page
