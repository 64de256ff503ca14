"""Centroid files of VerSe and TPTBox: where each vertebra's middle lies, checked against the mask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray

from spinemed.errors import SourceError
from spinemed.imaging.image_files import read_image
from spinemed.level_labels import SCHEMES

_AXIS_OF_CODE = {"R": "x", "L": "x", "A": "y", "P": "y", "I": "z", "S": "z"}
# TPTBox's subregion for the vertebral body; the middles of the other subregions may lie outside the bone.
_BODY = "50"
_REACH = 20


@dataclass(frozen=True)
class Centroid:
    """A vertebra's label and its 0-based voxel index along the three axes of the file's direction."""

    label: int
    index: tuple[float, float, float]
    may_lie_beside: bool


def read_centroids(path: Path) -> tuple[str, list[Centroid]]:
    """Return the axis codes, such as "PIR", and the centroids of vertebral bodies in the file.

    Two forms are known, both after a first element that holds the direction: VerSe's list of
    `{"label": 20, "X": ..., "Y": ..., "Z": ...}` and TPTBox's `{"22": {"50": [x, y, z]}}`. SourceError for
    other content.
    """
    try:
        head, *rest = json.loads(path.read_text(encoding="utf-8"))
        codes = "".join(head["direction"])
        centroids = [centroid for item in rest for centroid in _centroids(item)]
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{path}: not a centroid file ({type(error).__name__}: {error}); repair it or take it away"
        ) from error
    if sorted(_AXIS_OF_CODE.get(code, "") for code in codes) != ["x", "y", "z"]:
        raise SourceError(f"{path}: direction {codes!r} is not three axis codes such as PIR; repair the file")
    return codes, centroids


def check_centroids(path: Path, mask: Path) -> None:
    """Raise SourceError where a centroid's label is not the mask's label at the centroid's voxel.

    A TPTBox middle may be that of a whole vertebra and lie in its canal: on background the nearest label
    within 20 voxels counts. VerSe's lie in the body, background there is a conflict too.
    """
    codes, centroids = read_centroids(path)
    turned = sitk.DICOMOrient(read_image(mask), codes)
    labels: NDArray[np.number] = np.transpose(
        sitk.GetArrayFromImage(turned)
    )  # [first, second, third axis] of the codes
    for centroid in centroids:
        index = tuple(round(value) for value in centroid.index)
        inside = all(0 <= place < size for place, size in zip(index, labels.shape, strict=True))
        seen = int(labels[index]) if inside else 0
        if inside and seen == 0 and centroid.may_lie_beside:
            seen = _nearest_label(labels, index)
        if seen != centroid.label:
            raise SourceError(
                f"{path}: {_name(centroid.label)} has its middle at voxel {list(index)} ({codes}), where "
                f"{mask.name} has {_name(seen) if inside else 'no voxel'}; find out which of the two is right"
            )


def _nearest_label(labels: NDArray[np.number], index: tuple[int, ...]) -> int:
    """Return the label nearest to a background voxel, 0 where none is near."""
    corner = [max(0, place - _REACH) for place in index]
    box = tuple(slice(low, place + _REACH + 1) for low, place in zip(corner, index, strict=True))
    near = np.argwhere(labels[box] > 0)
    if not len(near):
        return 0
    first = near[np.argmin(((near + corner - np.array(index)) ** 2).sum(axis=1))]
    return int(labels[box][tuple(first)])


def _centroids(item: Mapping[str, Any]) -> list[Centroid]:
    if "label" in item:
        return _vertebra(item["label"], (item["X"], item["Y"], item["Z"]), False)
    found = []
    for label, points in item.items():
        if _BODY in points:
            found += _vertebra(label, points[_BODY], True)
    return found


def _vertebra(label: Any, point: Any, may_lie_beside: bool) -> list[Centroid]:
    """Return the centroid in a list, or an empty list where the label is no vertebra (a disc, say)."""
    if int(label) not in SCHEMES["verse"]:
        return []
    x, y, z = (float(value) for value in point)
    return [Centroid(int(label), (x, y, z), may_lie_beside)]


def _name(label: int) -> str:
    site = "background" if label == 0 else SCHEMES["verse"].get(label, "no vertebra")
    return f"{site} (label {label})"
