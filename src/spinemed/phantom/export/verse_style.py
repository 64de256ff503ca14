"""Phantom CTs in the folders and files of VerSe's restructured release, for readers that know VerSe.

rawdata/sub-phantom000007/..._ct.nii.gz; derivatives/sub-phantom000007/..._seg-vert_msk.nii.gz and
..._seg-subreg_ctd.json. As in VerSe, vertebrae that the picture cuts and the sacrum are not annotated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import OutputError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.export.masks import write_volume
from spinemed.phantom.export.series import rendered_series
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.series import RenderedSeries

# Array axes slice, row, column run to the patient's right, downwards and backwards.
_DIRECTION = ["P", "I", "R"]


def write_verse(seed: int, out_dir: Path, conditions: Sequence[str] | None = None) -> Path:
    """Return the image file of the CT of `seed` under `out_dir`, written with its mask and centroids.

    Same arguments, same bytes. Raises ConfigError for a seed out of range or an unknown condition and
    OutputError where a file cannot be written.
    """
    patient = sample_patient(seed, conditions)
    name = f"sub-{patient.name.replace('-', '')}"
    raw, derived = (out_dir / part / name for part in ("rawdata", "derivatives"))
    made = next(rendered_series(patient, ("ct",)))
    rendered = made.rendered
    if not isinstance(rendered, RenderedSeries):
        raise TypeError(f"{made.name} is no stack of slices")
    mask, centroids = annotated(made.anatomy, rendered)
    image = raw / f"{name}_ct.nii.gz"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        derived.mkdir(parents=True, exist_ok=True)
        grid = rendered.acquisition.grid
        write_volume(mask, grid, derived / f"{name}_seg-vert_msk.nii.gz")
        text = json.dumps([{"direction": _DIRECTION}, *centroids])
        (derived / f"{name}_seg-subreg_ctd.json").write_text(text + "\n", encoding="utf-8")
        write_volume(rendered.pixels, grid, image)
    except OSError as error:
        raise OutputError(
            f"cannot write {image}: {error.strerror or error}; choose another --out folder"
        ) from error
    return image


def annotated(
    anatomy: Anatomy, rendered: RenderedSeries
) -> tuple[NDArray[np.uint8], list[dict[str, float | int]]]:
    """Return the mask without what VerSe leaves out, and a centroid for each vertebra in it.

    Centroids are 0-based voxel indices X, Y, Z along the axes P, I, R; they lie inside the body.
    """
    mask = rendered.mask.copy()
    kept: list[dict[str, float | int]] = []
    for bone in reversed(anatomy.vertebrae):
        value = verse_value(bone.level)
        here = rendered.mask == value
        place = rendered.acquisition.grid.index_of(bone.body.pose.origin_mm)
        index = tuple(round(float(step)) for step in place)
        size = here.shape
        inside = all(0 <= step < length for step, length in zip(index, size, strict=True))
        if _is_cut(here) or not inside or not here[index]:
            mask[here] = 0
            continue
        slice_index, row, column = (round(float(step), 1) for step in place)
        kept.append({"label": value, "X": column, "Y": row, "Z": slice_index})
    mask[(rendered.mask == verse_value("S1")) | (rendered.mask == verse_value("Co"))] = 0
    return mask, kept


def _is_cut(here: NDArray[np.bool_]) -> bool:
    """Whether a vertebra touches the border of its slices; their number says nothing about it."""
    return bool(
        here[:, 0].any() or here[:, -1].any() or here[:, :, 0].any() or here[:, :, -1].any() or not here.any()
    )
