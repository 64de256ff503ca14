"""The scripts of benchmarks/gpu test themselves on the CPU, and refuse to measure without a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SCRIPTS = ("train_throughput.py", "phantom_lvlm.py")
pytestmark = pytest.mark.xdist_group("training")


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu" / script), *words],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_gpu_script_passes_its_self_test_on_the_cpu(script: str) -> None:
    done = run(script, "--self-test")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.rstrip().endswith("self-test passed")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_the_way_out_is_said() -> None:
    done = run("phantom_lvlm.py")
    assert done.returncode == 1 and "--self-test runs on the CPU" in done.stderr


def test_the_page_names_every_script_and_what_is_pending() -> None:
    page = (ROOT / "benchmarks" / "gpu" / "README.md").read_text(encoding="utf-8")
    for script in sorted((ROOT / "benchmarks" / "gpu").glob("*.py")):
        assert f"`{script.name}`" in page, script.name
    assert "pending" in page
