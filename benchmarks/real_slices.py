"""Real sagittal slices with their levels, cut as the phantom's are, from the folder that SPINEMED_DATA names.

`spider/midsag_png`: mid-sagittal T1 and T2 slices as PNG. Their pixel size is not in the PNG: the table's
PixelSpacing times the number of columns is taken as the field of view, which is taken as square, since the
conversion has stretched some slices (bodies then have the usual proportions in all of them). Centres of the
bodies are in spider_centres.json; body sizes follow from their distances.
`totalsegmentator`: CT with a multi-label mask, read by the source that builds corpora.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from marked_pictures import Slice, slice_in
from PIL import Image

from spinemed.imaging.slices import to_uint8
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.instances.chains import Chain, Span
from spinemed.levels import Level
from spinemed.records import Study
from spinemed.sources import totalsegmentator

CENTRES = Path(__file__).parent / "spider_centres.json"
_HEIGHT_SHARE = 0.76
"""Height of a body as a share of the distance between centres: 25 of 33 mm."""
_HALF_DEPTH_MM = {"T": 15.0, "L": 17.5, "S": 15.0}
_HALF_S1_MM = 13.0


def data_folder() -> Path | None:
    """Return the folder that SPINEMED_DATA names, None where it is unset or missing."""
    named = os.environ.get("SPINEMED_DATA", "")
    return Path(named) if named and Path(named).is_dir() else None


def spider_slices(data: Path, sequence: Literal["t1", "t2"]) -> Iterator[Slice]:
    """Yield the mid-sagittal slice of each patient of whom centres are known; none without the folder."""
    folder = data / "spider"
    if not folder.is_dir():
        return
    with (folder / "overview.csv").open(encoding="utf-8") as table:
        spacing = {row["new_file_name"]: row["PixelSpacing"] for row in csv.DictReader(table)}
    known = json.loads(CENTRES.read_text(encoding="utf-8"))["centres"]
    for patient, centres in known.items():
        name = f"{patient}_{sequence}"
        pixels = np.asarray(Image.open(folder / "midsag_png" / f"{name}.png").convert("L"))
        field_mm = pixels.shape[1] * float(json.loads(spacing[name])[1])
        placed = {
            site: (row * field_mm / 100, column * field_mm / 100) for site, (column, row) in centres.items()
        }
        spacing_mm = field_mm / pixels.shape[0], field_mm / pixels.shape[1]
        yield Slice(to_uint8(pixels, "MR"), spacing_mm, chain_from(placed), int(patient))


def chain_from(centres_mm: dict[str, tuple[float, float]]) -> Chain:
    """Return the chain of bodies with these centres, (row, column) in mm; S1 among them."""
    sites = sorted(centres_mm, key=Level)
    rows = [centres_mm[site][0] for site in sites]
    spans = []
    for place, site in enumerate(sites):
        near = [abs(rows[other] - rows[place]) for other in (place - 1, place + 1) if 0 <= other < len(sites)]
        half = _HALF_S1_MM if site == "S1" else _HEIGHT_SHARE * min(near) / 2
        row, column = centres_mm[site]
        deep = _HALF_DEPTH_MM[site[0]]
        spans.append(Span(site, top=row - half, bottom=row + half, left=column - deep, right=column + deep))
    return Chain(tuple(spans[:-1]), spans[-1])


def ct_slices(data: Path) -> Iterator[Slice]:
    """Yield the best slice of each CT with a mask whose chain stands on the sacrum."""
    folder = data / "totalsegmentator"
    if not folder.is_dir():
        return
    for number, study in enumerate(totalsegmentator.read(folder)):
        if not isinstance(study, Study):
            continue
        for series in study.series:
            volume = read_volume(series.image)
            mask = read_mask(series.mask, series.label_scheme, volume)
            cut = slice_in(study, volume, mask, series, number) if series.modality == "CT" else None
            if cut is not None:
                yield cut
