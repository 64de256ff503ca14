"""How many phantom studies a second two processes make in memory, beside slicing a filled voxel volume.

    python benchmarks/phantom_speed.py [--studies 150] [--pixels 256]

A study is one new patient with five pictures: sagittal T1, T2 and CT of one plane, axial T2 and CT of
another. Measured: those; those and one lateral radiograph; the obvious alternative, a 1.5 mm volume of
labels filled once a patient and sliced for the same five pictures; a CT and MR study (ct, t1, t2, stir and
axial stacks) as DICOM, written and read back by the general reader; the same with all radiographs that a
study has by default. Each with two processes at once. Prints rates and ratios, writes
benchmarks/results/phantom_speed.json.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from setting import setting

RESULT = Path(__file__).parent / "results" / "phantom_speed.json"
PROCESSES = 2
VOXEL_MM = 1.5
VOLUME_MM = (150.0, 190.0, 330.0)  # left to right, front to back, height


def five_pictures(seed: int, pixels: int) -> int:
    """Return the bytes of one patient's five pictures, made with one sagittal and one axial label map."""
    from spinemed.phantom.anatomy.place import place
    from spinemed.phantom.patient.sample import sample_patient
    from spinemed.phantom.rendering.acquisition import picture_plan, retake
    from spinemed.phantom.rendering.series import pictures

    anatomy = place(sample_patient(seed))
    sagittal, axial = (picture_plan(anatomy, kind, pixels) for kind in ("t2", "t2_axial"))
    plans = [retake(anatomy, sagittal, "t1"), sagittal, retake(anatomy, sagittal, "ct")]
    plans += [axial, retake(anatomy, axial, "ct")]
    return sum(picture.nbytes for picture in pictures(anatomy, plans))


def with_radiograph(seed: int, pixels: int) -> int:
    """Return the bytes of the five pictures and one lateral radiograph of the same size."""
    from spinemed.phantom.anatomy.place import place
    from spinemed.phantom.patient.sample import sample_patient
    from spinemed.phantom.rendering.radiograph import project

    size = five_pictures(seed, pixels)
    standing = place(sample_patient(seed), posture="standing")
    return size + project(standing, "xr_lat", pixels=pixels).pixels.nbytes


def sliced_volume(seed: int, pixels: int) -> int:
    """Return the bytes of the same five pictures sliced out of a filled volume of labels."""
    import numpy as np

    from spinemed.phantom.anatomy.place import place
    from spinemed.phantom.anatomy.solids import Grid
    from spinemed.phantom.patient.sample import sample_patient
    from spinemed.phantom.rendering.acquisition import picture_plan, retake
    from spinemed.phantom.rendering.colour import colour
    from spinemed.phantom.rendering.labels import paint

    anatomy = place(sample_patient(seed))
    size = 0
    sagittal, axial = (picture_plan(anatomy, kind, pixels) for kind in ("t2", "t2_axial"))
    middle = anatomy.vertebra("L2").body.pose.origin_mm
    shape = tuple(round(length / VOXEL_MM) for length in VOLUME_MM)
    corner = middle + np.array([1.0, -1.0, 1.0]) * np.array(VOLUME_MM) / 2
    # Sagittal layers from the patient's left: slice to the right, row downwards, column backwards.
    directions = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    volume = Grid(corner, directions, (VOXEL_MM,) * 3, (shape[0], shape[2], shape[1]))
    tissue = paint(anatomy, volume).tissue
    for acquisition, kinds in ((sagittal, ("t1", "t2", "ct")), (axial, ("t2_axial", "ct"))):
        grid = acquisition.grid
        x, y, z = grid.coordinates(grid.everywhere(), np.eye(3), -corner)
        index = [
            np.clip(np.rint(place_mm / VOXEL_MM), 0, length - 1).astype(np.intp)
            for place_mm, length in zip((-x, -z, y), volume.shape, strict=True)
        ]
        flat = tissue[index[0], index[1], index[2]]
        for kind in kinds:
            size += colour(anatomy, retake(anatomy, acquisition, kind), flat).nbytes  # type: ignore[arg-type]
    return size


def dicom_ct_mr(seed: int, _pixels: int) -> int:
    """Return the bytes of a CT and MR study, written as DICOM and read by the general reader."""
    return _written_and_read(seed, ("ct", "t1", "t2", "stir", "t2_axial"))


def dicom_study(seed: int, _pixels: int) -> int:
    """Return the bytes of all that a study has by default, its radiographs too, written and read."""
    return _written_and_read(seed, None)


def _written_and_read(seed: int, kinds: tuple[str, ...] | None) -> int:
    from spinemed.imaging.radiograph import read_radiograph
    from spinemed.imaging.volume import read_volume
    from spinemed.phantom.export.study import write_study

    with tempfile.TemporaryDirectory() as folder:
        place = write_study(seed, Path(folder), kinds)
        size = 0
        for series in sorted(part for part in place.iterdir() if part.is_dir()):
            if series.name.startswith("xr_"):
                size += read_radiograph(series).pixels.nbytes
            else:
                size += read_volume(series).array.nbytes
    return size


WAYS: dict[str, Callable[[int, int], int]] = {
    "five_pictures": five_pictures,
    "with_radiograph": with_radiograph,
    "sliced_volume": sliced_volume,
    "dicom_ct_mr": dicom_ct_mr,
    "dicom_study": dicom_study,
}


_BARRIER: Any = None  # one a worker, handed over when it starts


def _work(name: str, studies: int, pixels: int, number: int) -> tuple[float, float, int]:
    """Wall and processor seconds of one process's share, and its peak memory in MiB."""
    way = WAYS[name]
    for seed in range(900_000, 900_003):  # imports, noise banks
        way(seed, pixels)
    _BARRIER.wait()
    wall, busy = time.perf_counter(), time.process_time()
    for seed in range(number * 10_000, number * 10_000 + studies):
        way(seed, pixels)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return wall, busy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _share(barrier: Any) -> None:
    global _BARRIER
    _BARRIER = barrier


def measure(name: str, studies: int, pixels: int) -> dict[str, float]:
    """Return studies a second of wall time on two processes, milliseconds a study and peak memory."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    with context.Pool(PROCESSES, _share, (barrier,)) as pool:
        found = pool.map(partial(_work, name, studies, pixels), range(PROCESSES), chunksize=1)
    slowest = max(wall for wall, _, _ in found)
    busy = sum(busy for _, busy, _ in found) / (studies * PROCESSES)
    return {
        "studies": studies * PROCESSES,
        "studies_per_second": round(studies * PROCESSES / slowest, 2),
        # What the wall clock would say on as many cores that do nothing else.
        "studies_per_second_of_two_free_cores": round(PROCESSES / busy, 2),
        "processor_ms_per_study": round(1000 * busy, 2),
        "peak_mib_per_process": max(peak for _, _, peak in found),
    }


def main() -> None:
    """Measure all ways that run here, print the figures and write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=150, help="studies each process makes")
    parser.add_argument("--pixels", type=int, default=256)
    parser.add_argument("--only", choices=tuple(WAYS), action="append")
    options = parser.parse_args()
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    found: dict[str, Any] = {}
    load = round(os.getloadavg()[0], 1)  # a busy machine makes the wall clock, not the code, slow
    for name in options.only or WAYS:
        slow = {"sliced_volume": 20, "dicom_ct_mr": 8, "dicom_study": 12}.get(name, 1)
        found[name] = measure(name, max(options.studies // slow, 3), options.pixels)
        print(name, json.dumps(found[name]), flush=True)
    if options.only:
        return
    times = {name: figures["processor_ms_per_study"] for name, figures in found.items()}
    found["times_faster_than_volume"] = round(times["sliced_volume"] / times["five_pictures"], 1)
    found["load_average_before"] = load
    found["pixels"] = options.pixels
    found["processes"] = PROCESSES
    found |= setting("spinemed", "numpy", "scipy", "pydicom", "SimpleITK")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"five pictures are {found['times_faster_than_volume']} times as fast as the sliced volume")


if __name__ == "__main__":
    main()
