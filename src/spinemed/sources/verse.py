"""VerSe's restructured release, and files named like it: a CT, its vertebra mask, its centroids if present.

`rawdata/.../sub-X[_...]_ct.nii.gz` belongs to `derivatives/.../sub-X[_...]_seg-vert_msk.nii.gz` and to
`..._seg-subreg_ctd.json` by name, in whatever folders they lie; flat folders are read too. The older MICCAI
release (`verseNNN_seg.nii.gz`, centroids in another space) is rejected by name. Subjects of VerSe
(`sub-verse...`, `sub-gl...`) carry CC-BY-SA-4.0, others LicenseRef-user-supplied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from spinemed.errors import SourceError
from spinemed.imaging.volume import read_labels, read_volume
from spinemed.records import Reject, Study
from spinemed.sources.centroids import check_centroids
from spinemed.sources.level_check import check_levels
from spinemed.sources.pairs import (
    Found,
    Inventory,
    bids_key,
    is_verse_mask,
    reject,
    stem,
    study,
    take_stock,
)

SOURCE = "verse"
SCHEME = "verse"
LICENCE = "CC-BY-SA-4.0"
OTHER_LICENCE = "LicenseRef-user-supplied"


def read(folder: Path) -> Iterator[Study | Reject]:
    """Return the folder's studies, and a Reject for each image or mask that cannot be used.

    A study whose centroid file names another level than the mask at a centroid's voxel is rejected.
    SourceError for a missing or empty folder.
    """
    return _studies(folder, take_stock(folder))


def _studies(folder: Path, stock: Inventory) -> Iterator[Study | Reject]:
    for error in stock.broken:
        yield reject(SOURCE, folder, error)
    images = _by_key([item for item in stock.found if stem(item.path).endswith("_ct")])
    masks = _by_key([item for item in stock.found if is_verse_mask(item.path)])
    for key in sorted(images.keys() | masks.keys()):
        try:
            yield _study(folder, key, images.get(key, []), masks.get(key, []), stock)
        except SourceError as error:
            yield reject(SOURCE, folder, error)
    for item in stock.found:
        if stem(item.path).endswith("_seg"):
            yield reject(SOURCE, folder, _older_release(item))


def _study(folder: Path, key: str, images: list[Found], masks: list[Found], stock: Inventory) -> Study:
    for items, kind in ((images, "images"), (masks, "masks")):
        if len(items) > 1:
            names = ", ".join(str(item.path) for item in items)
            raise SourceError(f"{names}: several {kind} called {key}; keep one of them")
    if not images:
        raise SourceError(
            f"{masks[0].path}: mask without image, {key}_ct.nii.gz is missing; "
            "put the CT in rawdata or beside the mask"
        )
    if not masks:
        raise SourceError(
            f"{images[0].path}: image without mask, {key}_seg-vert_msk.nii.gz is missing; "
            "put the mask in derivatives or beside the CT"
        )
    image, mask = images[0], masks[0]
    volume = read_volume(image.path)
    check_levels(read_labels(mask.path, volume), volume.spacing_mm, SCHEME, mask.path)
    for path in stock.centroids:
        if bids_key(path) == key:
            check_centroids(path, mask.path)
    of_verse = re.match(r"sub-(verse|gl)\d+", image.path.name) is not None
    return study(SOURCE, folder, image, mask.path, SCHEME, LICENCE if of_verse else OTHER_LICENCE)


def _by_key(items: list[Found]) -> dict[str, list[Found]]:
    grouped: dict[str, list[Found]] = {}
    for item in items:
        grouped.setdefault(bids_key(item.path), []).append(item)
    return grouped


def _older_release(mask: Found) -> SourceError:
    return SourceError(
        f"{mask.path}: named as in VerSe's MICCAI release, whose centroids lie in another space; "
        "take the restructured release (rawdata and derivatives)"
    )
