"""Which image belongs to which vertebra mask in a folder, and the Study or Reject that comes of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from spinemed.errors import SourceError
from spinemed.imaging.dicom import holds_dicom, read_series
from spinemed.imaging.grid import Grid, same_grid, to_lps
from spinemed.imaging.image_files import SUFFIXES, is_image_file, is_stored_as_bytes, read_grid
from spinemed.level_labels import is_counted_from_below
from spinemed.records import Modality, Numbering, Reject, Series, Study, content_id

_IMAGE_ENDINGS = frozenset({"ct", "mr", "mri", "t1", "t2", "t1w", "t2w", "stir", "dixon"})
_MR_WORDS = _IMAGE_ENDINGS - {"ct"}
_MASK_WORDS = frozenset(
    {"seg", "segmentation", "segmentations", "msk", "mask", "masks", "totalseg", "totalsegmentator"}
    | {"label", "labels", "labeled", "labelled", "output", "vert", "vertebra", "vertebrae", "subreg"}
)


@dataclass(frozen=True)
class Found:
    """An image or mask with its grid turned to LPS; `modality`, `patient_id` and `uid` come from DICOM."""

    path: Path
    grid: Grid
    is_mask: bool
    modality: str = ""
    patient_id: str = ""
    uid: str = ""


@dataclass(frozen=True)
class Inventory:
    """What a folder holds: images and masks, binary files a vertebra, centroid files, unreadable files."""

    found: tuple[Found, ...]
    parts: dict[Path, tuple[Path, ...]]
    centroids: tuple[Path, ...]
    broken: tuple[SourceError, ...]

    @property
    def images(self) -> list[Found]:
        """Return the images, in the order of their paths."""
        return [item for item in self.found if not item.is_mask]

    @property
    def masks(self) -> list[Found]:
        """Return the multi-label masks, in the order of their paths."""
        return [item for item in self.found if item.is_mask]


def take_stock(folder: Path) -> Inventory:
    """Return the images and masks anywhere under `folder`, told apart by name and then by voxel type.

    SourceError where the folder is missing or holds neither. Links are followed, a loop of links once.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder; check the path given with --source")
    found: list[Found] = []
    parts: dict[Path, tuple[Path, ...]] = {}
    centroids: list[Path] = []
    broken: list[SourceError] = []
    for place, files in _walk(folder):
        images = [path for path in files if is_image_file(path)]
        centroids += [path for path in files if path.name.endswith(("_ctd.json", "_poi.json"))]
        binary = tuple(path for path in images if path.name.startswith("vertebrae_"))
        if place.name == "segmentations" and binary:
            parts[place.parent] = binary
            continue
        for path in [*images, place] if _holds_a_series(place, files) else images:
            try:
                found.append(_found(path))
            except SourceError as error:
                broken.append(error)
    if not (found or parts or broken):
        raise SourceError(
            f"{folder}: no image in this folder; "
            f"put {', '.join(SUFFIXES)} files or DICOM folders with their masks here"
        )
    return Inventory(tuple(found), parts, tuple(centroids), tuple(broken))


def image_on_grid(mask: Found, images: Sequence[Found], folder: Path) -> Found:
    """Return the image that lies on the mask's grid; names decide only between several.

    SourceError where none or several do.
    """
    on_grid = [image for image in images if same_grid(image.grid, mask.grid)]
    if not on_grid:
        raise SourceError(_no_image(mask, images, folder))
    closeness = [_closeness(mask.path, image.path) for image in on_grid]
    best = [image for image, close in zip(on_grid, closeness, strict=True) if close == max(closeness)]
    if len(best) > 1:
        names = ", ".join(str(image.path.relative_to(folder)) for image in best)
        raise SourceError(f"{mask.path}: several images lie on this mask's grid ({names}); keep one of them")
    return best[0]


def bids_key(path: Path) -> str:
    """Return the name without its `seg-` entity and suffix, equal for an image, its mask and its centroids.

    >>> bids_key(Path("sub-verse004_dir-iso_ct.nii.gz"))
    'sub-verse004_dir-iso'
    >>> bids_key(Path("sub-verse004_dir-iso_seg-vert_msk.nii.gz"))
    'sub-verse004_dir-iso'
    """
    words = [word for word in stem(path).split("_") if not word.startswith("seg-")]
    return "_".join(words[:-1])


def stem(path: Path) -> str:
    """Return the file's name without its ending.

    >>> stem(Path("a/ct.nii.gz")), stem(Path("a/ctd.json"))
    ('ct', 'ctd')
    """
    for suffix in sorted((*SUFFIXES, ".json"), key=len, reverse=True):
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def subject(image: Path, folder: Path) -> str:
    """Return the name that stands for the patient: `sub-...`, else the subject's folder, else the file.

    >>> subject(Path("d/rawdata/sub-verse004/sub-verse004_dir-iso_ct.nii.gz"), Path("d"))
    'sub-verse004'
    >>> subject(Path("d/s0011/ct.nii.gz"), Path("d")), subject(Path("d/example_ct.nii.gz"), Path("d"))
    ('s0011', 'example_ct')
    """
    bids = re.match(r"sub-[^_]+", image.name)
    if bids:
        return bids.group()
    generic = stem(image).lower() in _IMAGE_ENDINGS
    return image.parent.relative_to(folder).as_posix() if generic and image.parent != folder else stem(image)


def modality_of(image: Found) -> Modality:
    """Return CT or MR as DICOM says or the file's name; CT where neither says."""
    if image.modality in ("CT", "MR"):
        return "CT" if image.modality == "CT" else "MR"
    return "MR" if _words(image.path) & _MR_WORDS else "CT"


def study(
    source: str,
    folder: Path,
    image: Found,
    mask: Path | tuple[Path, ...],
    scheme: str,
    licence: str,
) -> Study:
    """Return the Study of one image and its mask; ids hash relative paths or DICOM ids, never names."""
    relative = image.path.relative_to(folder).as_posix()
    numbering: Numbering = "counted_from_below" if is_counted_from_below(scheme) else "file_labels"
    series = Series(
        uid=image.uid or relative,
        modality=modality_of(image),
        image=image.path,
        mask=mask,
        label_scheme=scheme,
    )
    return Study(
        id=content_id("study", source, series.uid),
        patient=content_id("patient", image.patient_id or subject(image.path, folder)),
        source=source,
        licence=licence,
        synthetic=False,
        numbering=numbering,
        series=(series,),
    )


def reject(source: str, folder: Path, error: SourceError) -> Reject:
    """Return the error as a Reject: the text up to the last ";" is the reason, what follows the way out.

    Paths are named relative to `folder`, so that the row reads the same on every machine.
    """
    text = str(error).replace(f"{folder}{os.sep}", "")
    reason, _, fix = text.rpartition("; ") if "; " in text else (text, "", "")
    return Reject(id=content_id("reject", source, reason), source=source, step="read", reason=reason, fix=fix)


def is_verse_mask(path: Path) -> bool:
    """Return whether the file is named as VerSe names a mask of whole vertebrae.

    >>> is_verse_mask(Path("sub-verse004_seg-vert_msk.nii.gz")), is_verse_mask(Path("seg.nii.gz"))
    (True, False)
    """
    return "_seg-vert" in path.name and stem(path).endswith("_msk")


def is_subregion_mask(path: Path) -> bool:
    """Return whether the file is named as a BIDS mask of something other than whole vertebrae."""
    return "_seg-" in path.name and not is_verse_mask(path)


def _walk(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield every folder once with its files, sorted, following links but never twice to one place."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(place), [Path(place) / name for name in sorted(names) if not name.startswith(".")]


def _holds_a_series(place: Path, files: Sequence[Path]) -> bool:
    return any(not is_image_file(path) for path in files) and holds_dicom(place)


def _found(path: Path) -> Found:
    if path.is_dir():
        series = read_series(path)
        return Found(path, to_lps(series.grid), False, series.modality, series.patient_id, series.uid)
    return Found(path, to_lps(read_grid(path)), _is_mask(path))


def _is_mask(path: Path) -> bool:
    """Return whether the file is a label map: by its name, or by 8-bit voxels where the name is unclear."""
    ends_as_image = re.split(r"[^a-z0-9]+", stem(path).lower())[-1] in _IMAGE_ENDINGS
    names_mask = bool(_words(path) & _MASK_WORDS)
    if ends_as_image == names_mask:
        return is_stored_as_bytes(path)
    return names_mask


def _words(path: Path) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", stem(path).lower()))


def _closeness(mask: Path, image: Path) -> tuple[bool, int]:
    """Return whether both lie in one folder and how many first letters of their names agree."""
    letters = zip(mask.name, image.name, strict=False)
    return mask.parent == image.parent, len(list(takewhile(lambda pair: pair[0] == pair[1], letters)))


def _no_image(mask: Found, images: Sequence[Found], folder: Path) -> str:
    if not images:
        return f"{mask.path}: mask without image; put the image that it was drawn on beside it"
    nearest = max(images, key=lambda image: _closeness(mask.path, image.path))
    return (
        f"{mask.path}: mask without image on its grid; it lies on {mask.grid}, "
        f"{nearest.path.relative_to(folder)} on {nearest.grid} (both turned to LPS); "
        "add the image it was drawn on, or resample the mask to the image with nearest neighbours"
    )
