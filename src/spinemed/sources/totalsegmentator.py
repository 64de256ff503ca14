"""CT or MR with vertebra masks as TotalSegmentator writes them: data-set folders, and outputs beside images.

Understood are the data set's `*/ct.nii.gz` (or `mri.nii.gz`) with `segmentations/vertebrae_*.nii.gz`, and any
image (NIfTI, MetaImage, a folder of DICOM instances) with a multi-label mask on the same grid anywhere in the
folder. CT masks are read as `totalsegmentator_v2` unless `--label-scheme` names another numbering; files
named as VerSe names them (`..._seg-vert_msk`) are read as `verse`, and the Series says so. Other BIDS masks
(`seg-subreg`) hold parts of vertebrae and are left aside.

The licence of a user's own images is not known here: studies carry LicenseRef-user-supplied. State the true
licence in the card of the corpus that is built from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spinemed.errors import SourceError
from spinemed.imaging.volume import Volume, level_in_name, read_labels, read_mask, read_volume
from spinemed.level_labels import SCHEMES
from spinemed.records import Reject, Study
from spinemed.sources.level_check import check_levels
from spinemed.sources.pairs import (
    Found,
    Inventory,
    image_on_grid,
    is_subregion_mask,
    is_verse_mask,
    modality_of,
    reject,
    stem,
    study,
    take_stock,
)

SOURCE = "totalsegmentator"
LICENCE = "LicenseRef-user-supplied"
DEFAULT_SCHEME = "totalsegmentator_v2"


def read(folder: Path, label_scheme: str | None = None) -> Iterator[Study | Reject]:
    """Return the folder's studies, and a Reject for each image or mask that cannot be used.

    `label_scheme` overrides the numbering of multi-label masks. SourceError for a missing or empty folder and
    for a scheme that is not in `level_labels.SCHEMES`.
    """
    if label_scheme is not None and label_scheme not in SCHEMES:
        raise SourceError(f"unknown label scheme {label_scheme!r}; give one of {', '.join(sorted(SCHEMES))}")
    return _studies(folder, take_stock(folder), label_scheme)


def _studies(folder: Path, stock: Inventory, label_scheme: str | None) -> Iterator[Study | Reject]:
    for error in stock.broken:
        yield reject(SOURCE, folder, error)
    used: set[Path] = set()
    for place, binary in sorted(stock.parts.items()):
        try:
            yield _of_binary_files(folder, stock, place, binary, used)
        except SourceError as error:
            yield reject(SOURCE, folder, error)
    candidates: dict[Path, list[Found]] = {}
    for mask in stock.masks:
        if is_subregion_mask(mask.path):
            continue
        try:
            candidates.setdefault(image_on_grid(mask, stock.images, folder).path, []).append(mask)
        except SourceError as error:
            yield reject(SOURCE, folder, error)
    for image in stock.images:
        if image.path not in used:
            yield from _of_candidates(folder, image, candidates.get(image.path, []), label_scheme)


def _of_binary_files(
    folder: Path, stock: Inventory, place: Path, binary: tuple[Path, ...], used: set[Path]
) -> Study:
    """Return the study of a data-set folder; `used` learns which image it took."""
    images = [item for item in stock.images if item.path.parent == place and stem(item.path) in ("ct", "mri")]
    if len(images) != 1:
        raise SourceError(
            f"{place / 'segmentations'}: masks without image, {len(images)} of ct.nii.gz and mri.nii.gz "
            "beside this folder; put one image there"
        )
    image = images[0]
    used.add(image.path)
    vertebrae = tuple(path for path in binary if level_in_name(path))
    volume = read_volume(image.path)
    mask = read_mask(vertebrae, "verse", volume)
    check_levels(mask, volume.spacing_mm, "verse", place / "segmentations", trusted=True)
    return study(SOURCE, folder, image, vertebrae, DEFAULT_SCHEME, LICENCE)


def _of_candidates(
    folder: Path, image: Found, masks: list[Found], label_scheme: str | None
) -> Iterator[Study | Reject]:
    """Yield the study of an image with the one mask that names vertebrae, and Rejects for other masks."""
    try:
        if not masks:
            raise SourceError(
                f"{image.path}: image without mask; put its vertebra mask, on the same grid, beside it"
            )
        volume = read_volume(image.path)
    except SourceError as error:
        yield reject(SOURCE, folder, error)
        return
    fitting: list[tuple[Found, str]] = []
    for mask in masks:
        try:
            fitting.append((mask, _checked_scheme(image, mask, volume, label_scheme)))
        except SourceError as error:
            yield reject(SOURCE, folder, error)
    if len(fitting) > 1:
        names = ", ".join(str(mask.path) for mask, _ in fitting)
        several = SourceError(f"{image.path}: several vertebra masks ({names}); keep one of them")
        yield reject(SOURCE, folder, several)
    elif fitting:
        mask, scheme = fitting[0]
        yield study(SOURCE, folder, image, mask.path, scheme, LICENCE)


def _checked_scheme(image: Found, mask: Found, volume: Volume, label_scheme: str | None) -> str:
    """Return the numbering of the mask; SourceError where it is not known or the labels contradict it."""
    verse_named = is_verse_mask(mask.path)
    if label_scheme is None and modality_of(image) == "MR" and not verse_named:
        raise SourceError(
            f"{mask.path}: the numbering of a multi-label MR mask depends on the task that wrote it; "
            "say it with --label-scheme, such as totalsegmentator_vertebrae_mr"
        )
    scheme = label_scheme or ("verse" if verse_named else DEFAULT_SCHEME)
    labels = read_labels(mask.path, volume)
    check_levels(labels, volume.spacing_mm, scheme, mask.path, trusted=label_scheme is not None)
    return scheme
