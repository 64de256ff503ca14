"""Phantom studies on disk: two DICOM series, their masks and the truth, published whole or not at all."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray

from spinemed.errors import ConfigError, OutputError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.anatomy.solids import Grid
from spinemed.phantom.export.dicom import series_uid, write_series
from spinemed.phantom.export.truth import series_truth, study_truth
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.rendering.acquisition import KINDS, Acquisition, Kind, plan
from spinemed.phantom.rendering.colour import colour
from spinemed.phantom.rendering.labels import paint

TRUTH_FILE: Final[str] = "truth.json"


@dataclass(frozen=True, eq=False)
class RenderedSeries:
    """One series in memory: how it was taken, its HU or signal, its VerSe mask; [slice, row, column]."""

    acquisition: Acquisition
    pixels: NDArray[np.int16]
    mask: NDArray[np.uint8]


def mask_name(kind: Kind) -> str:
    """Return the file name of a series' mask.

    >>> mask_name("ct")
    'ct_seg.nii.gz'
    """
    return f"{kind}_seg.nii.gz"


def render(anatomy: Anatomy, kind: Kind) -> RenderedSeries:
    """Return one series of a placed patient, the same values that `write_study` stores."""
    acquisition = plan(anatomy, kind)
    maps = paint(anatomy, acquisition.grid)
    return RenderedSeries(acquisition, colour(anatomy, acquisition, maps.tissue), maps.vertebra)


def write_study(seed: int, out_dir: Path) -> Path:
    """Return the folder of the study of `seed` under `out_dir`, written unless it is already there.

    A complete study of this generator version is kept, one of another version is replaced. The folder
    appears by one rename, so a killed run leaves no half study. Same seed, same bytes. Raises
    ConfigError for a seed out of range and OutputError where the folder cannot be written.
    """
    anatomy = place(sample_patient(seed))
    target = out_dir / anatomy.patient.name
    if _version_of(target) == GENERATOR_VERSION:
        return target
    partial_dir = out_dir / f".{target.name}.partial"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial_dir, ignore_errors=True)
        partial_dir.mkdir()
        _write_files(anatomy, partial_dir)
        if target.exists():
            shutil.rmtree(target)
        partial_dir.rename(target)
    except OSError as error:
        raise OutputError(
            f"cannot write the phantom study {target}: {error.strerror or error}; choose another --out folder"
        ) from error
    finally:
        shutil.rmtree(partial_dir, ignore_errors=True)
    return target


def write_studies(first_seed: int, count: int, out_dir: Path, workers: int = 1) -> Iterator[Path]:
    """Yield the folders of `count` studies from `first_seed` on, in order, as they are finished.

    `workers` processes share the work; 1 stays in this process. Raises as `write_study`, and ConfigError
    for a negative count or less than one worker.
    """
    if count < 0 or workers < 1:
        raise ConfigError(f"phantom count {count} and workers {workers} must be at least 0 and 1")
    seeds = range(first_seed, first_seed + count)
    if workers == 1 or count < 2:
        yield from (write_study(seed, out_dir) for seed in seeds)
        return
    # Spawned, not forked: the caller may hold threads.
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(partial(write_study, out_dir=out_dir), seeds, chunksize=4)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes started inside keep to one thread each: together they fill the cores already."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    added = [name for name in names if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _write_files(anatomy: Anatomy, folder: Path) -> None:
    found = []
    for kind in KINDS:
        rendered = render(anatomy, kind)
        series_dir = folder / kind
        series_dir.mkdir()
        write_series(series_dir, anatomy.patient, rendered.acquisition, rendered.pixels)
        _write_mask(rendered.mask, rendered.acquisition.grid, folder / mask_name(kind))
        found.append(series_truth(kind, series_uid(anatomy.patient, kind), rendered.mask, anatomy))
    truth = study_truth(anatomy, tuple(found))
    (folder / TRUTH_FILE).write_text(truth.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _write_mask(mask: NDArray[np.uint8], grid: Grid, file: Path) -> None:
    image = sitk.GetImageFromArray(mask)
    # SimpleITK counts columns, rows, slices; its direction matrix has one axis a column.
    image.SetSpacing([float(step) for step in reversed(grid.steps_mm)])
    image.SetOrigin([float(value) for value in grid.origin_mm])
    image.SetDirection([float(value) for value in grid.directions[::-1].T.ravel()])
    sitk.WriteImage(image, str(file), useCompression=True)


def _version_of(target: Path) -> str:
    """The generator version of a study on disk; empty if there is none that can be read."""
    try:
        found = json.loads((target / TRUTH_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("generator_version", "")) if isinstance(found, dict) else ""
