"""The engine: any number of workers, any executor, kills and full disks lead to the same bytes or to none."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig, Phantoms, Shares, Written
from spinemed.corpus.releases.manifest import read_manifest
from spinemed.corpus.stages.bench_draw import BenchDraw, Candidate, drawn
from spinemed.corpus.stages.drafting import DraftStep
from spinemed.corpus.stages.executors import (
    ExecutorSettings,
    Stage,
    executor_of,
    executor_settings,
    slurm_script,
)
from spinemed.corpus.stages.mix import Mix, chance_of, shortfalls, thinned
from spinemed.corpus.stages.remote import fetch_drafts, send_input
from spinemed.corpus.stages.units import Unit, bucket_of, tasks_of
from spinemed.errors import ConfigError, SourceError

SMALL = BuildConfig(
    phantoms=Phantoms(count=3, kinds=("t2", "xr_lat"), write=False, later=False),
    written=Written(count=12),
    buckets=2,
    items_per_kind=1,
    marks_per_series=3,
    splits=Shares(train=0.4, validation=0, test=0.2, spinebench=0.4),
    spinebench=BenchDraw(choice_text=3, choice_image=2, report=1),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the Merkle root of the small corpus, built by one worker in one go."""
    return root_of(build(SMALL, tmp_path_factory.mktemp("engine") / "spinemed-450k").out)


def root_of(corpus: Path) -> str:
    """Return the Merkle root that a corpus states."""
    manifest = read_manifest(corpus)
    assert manifest is not None
    return manifest.root


def command(folder: Path, out: Path) -> list[str]:
    """Return the command line that builds the small corpus."""
    path = folder / "build.yaml"
    path.write_text(json.dumps(SMALL.model_dump(mode="json")), encoding="utf-8")
    return [sys.executable, "-m", "spinemed.cli", "build", "--config", str(path), "--out", str(out)]


def test_a_build_killed_three_times_ends_with_the_same_root(root: str, tmp_path: Path) -> None:
    out = tmp_path / "spinemed-450k"
    moments = random.Random(5)
    kept: list[int] = []
    for _ in range(3):
        running = subprocess.Popen(
            [*command(tmp_path, out), "--workers", "1"], stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline, before = time.monotonic() + 60, len(kept)
        while time.monotonic() < deadline and running.poll() is None:
            done = len(list(tmp_path.glob("spinemed-450k.work-*/drafts/0*")))
            if done > before:
                time.sleep(moments.uniform(0, 0.4))
                break
            time.sleep(0.02)
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        kept.append(len(list(tmp_path.glob("spinemed-450k.work-*/drafts/0*"))))
        assert not out.exists() or running.returncode == 0
    said: list[str] = []
    assert root_of(build(SMALL, out, say=said.append).out) == root
    assert kept == sorted(kept), "finished tasks were lost"
    assert any("its finished tasks are kept" in text for text in said) or kept[-1] == 0


def test_ray_with_two_workers_gives_the_same_root(root: str, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    ended = subprocess.run(
        [*command(tmp_path, tmp_path / "spinemed-450k"), "--executor", "ray", "--workers", "2"],
        capture_output=True, encoding="utf-8", check=False,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert root_of(tmp_path / "spinemed-450k") == root


def test_the_slurm_script_runs_the_pickled_pipeline_as_an_array(tmp_path: Path) -> None:
    settings = ExecutorSettings(
        where="slurm",
        workers=8,
        slurm_partition="long",
        slurm_time="01:30:00",
        setup="source env/bin/activate",
    )
    stage = Stage("draft", [DraftStep(str(tmp_path))], 130)
    script = slurm_script(executor_of(stage, settings, tmp_path / "logs"))
    lines = script.splitlines()
    assert lines[0] == "#!/bin/bash"
    for option in ("array=0-129%8", "partition=long", "time=01:30:00", "job-name=spinemed-draft", "requeue"):
        assert f"#SBATCH --{option}" in lines
    assert any(line.strip() == "source env/bin/activate" for line in lines)
    assert f"launch_pickled_pipeline {tmp_path}/logs/draft/executor.pik" in script


def test_tasks_on_other_machines_leave_the_same_drafts(tmp_path: Path) -> None:
    """The step that a Job runs, on a shared folder named by a URL."""
    from spinemed.corpus.stages.work import prepared

    config = SMALL.model_copy(update={"phantoms": Phantoms(count=1, kinds=("xr_lat",), write=False)})
    work = prepared(config, {}, tmp_path / "corpus", range(800_000), 1, lambda _: None)
    url = f"file://{tmp_path}/shared"
    send_input(work, url)
    tasks = len(list((work / "tasks").iterdir()))
    for rank in range(tasks):
        list(DraftStep(url).run(rank=rank))
    fetch_drafts(url, work, tasks)
    fetched = {path.relative_to(work): path.read_bytes() for path in work.glob("drafts/*/*")}
    (work / "drafts").rename(tmp_path / "fetched")
    for rank in range(tasks):
        list(DraftStep(str(work)).run(rank=rank))
    assert fetched == {path.relative_to(work): path.read_bytes() for path in work.glob("drafts/*/*")}
    assert fetched


def test_hugging_face_jobs_refuse_studies_of_this_machine(phantom_studies: Path, tmp_path: Path) -> None:
    settings = ExecutorSettings(where="hfjobs", logging_url=f"file://{tmp_path}/shared")
    with pytest.raises(ConfigError, match="studies on this machine do not leave it"):
        build(BuildConfig(sources={"phantom": phantom_studies}), tmp_path / "corpus", executor=settings)
    assert not (tmp_path / "shared").exists()


@pytest.mark.parametrize(
    ("where", "message"),
    [("mesos", "choose from local, slurm, ray, hfjobs"), ("hfjobs", "needs logging_url")],
)
def test_a_place_that_cannot_run_is_refused_before_work(where: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        build(SMALL, tmp_path / "corpus", executor=executor_settings(None, where, 1))
    assert not (tmp_path / "corpus").exists()


def test_a_full_disk_is_told_publishes_nothing_and_is_gone_on_from(
    root: str, tmp_path: Path, small_disk: Path
) -> None:
    out = small_disk / "spinemed-450k"
    filler = small_disk / "filler"
    filler.write_bytes(b"0" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize - 300_000))
    ended = subprocess.run(
        [*command(tmp_path, out), "--workers", "1"], capture_output=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 1
    assert "no space left on the disk" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not out.exists()
    filler.unlink()
    assert root_of(build(SMALL, out).out) == root


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of 24 MB; skips where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_two_builds_of_one_place_do_not_meet(tmp_path: Path) -> None:
    from spinemed.corpus.stages.work import locked

    with locked(tmp_path / "corpus"):
        other = subprocess.run(
            command(tmp_path, tmp_path / "corpus"), capture_output=True, encoding="utf-8", check=False
        )
    assert other.returncode == 1
    assert "another process is building here" in other.stderr
    assert not (tmp_path / "corpus").exists()


def test_a_patient_keeps_its_bucket_whoever_else_is_there() -> None:
    few, more = range(40), range(400)
    places = {f"p{number}": bucket_of(f"p{number}", 8) for number in more}
    of_few = tasks_of([Unit(source="a", patient=f"p{number}", seed=number) for number in few], 8)
    of_more = tasks_of([Unit(source="a", patient=f"p{number}", seed=number) for number in more], 8)
    for tasks in (of_few, of_more):
        assert all(places[unit.patient] == task.bucket for task in tasks for unit in task.units)
    order = [unit.patient for task in of_more for unit in task.units]
    assert [name for name in order if int(name[1:]) in few] == [
        unit.patient for task in of_few for unit in task.units
    ]


def test_a_study_that_comes_twice_is_refused() -> None:
    twice = [Unit(source="a", patient="p", seed=1)] * 2
    with pytest.raises(SourceError, match="comes twice"):
        tasks_of(twice, 1)


def test_the_mix_leaves_out_surplus_alone_and_says_what_is_missing() -> None:
    import numpy as np

    mix = Mix(total=100, surplus=0.5, targets={"task": {"choice": 10, "open": 10}, "language": {"zh": 50}})
    tasks = ["choice"] * 30 + ["open"] * 12
    chances = np.array([chance_of(str(number)) for number in range(42)])
    stays = thinned(
        mix, {"task": tasks, "axis": [""] * 42, "modality": [""] * 42, "language": ["zh"] * 42}, chances
    )
    assert stays[:30].sum() == 15
    assert stays[30:].all()
    assert chances[:30][stays[:30]].max() < chances[:30][~stays[:30]].min()
    missing = shortfalls(mix, {"task": {"choice": 15, "open": 12}, "language": {"zh": 27}})
    assert missing == {"total": 73, "language: zh": 23}


def test_the_benchmark_split_keeps_proportions_and_spreads_over_patients() -> None:
    candidates = [
        Candidate(
            number, "choice_text", "level/a" if number < 75 else "planning/b", f"p{number % 10}", number / 100
        )
        for number in range(100)
    ]
    places, missing = drawn(BenchDraw(choice_text=20, report=1), candidates)
    assert (len(places), missing) == (20, {"report": 1})
    assert sum(place < 75 for place in places) == 15
    patients = [candidates[place].patient for place in places]
    assert {patients.count(one) for one in set(patients)} == {2}


def test_the_benchmark_split_shares_no_patient_with_training(root: str, tmp_path: Path) -> None:
    del root
    corpus = build(SMALL, tmp_path / "spinemed-450k").out
    of_split: dict[str, set[str]] = {}
    for path in sorted(corpus.glob("data/*/*.parquet")):
        if path.parent.name in ("choice", "open", "dialogue", "report"):
            patients = pq.read_table(path, columns=["patient"])["patient"].to_pylist()
            of_split.setdefault(path.name.partition("-")[0], set()).update(patients)
    assert of_split["spinebench"]
    assert not of_split["spinebench"] & (of_split["train"] | of_split.get("validation", set()))
