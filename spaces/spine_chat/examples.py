"""Synthetic pictures to try the page with: phantoms drawn at start, so that every vertebra's box is known."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from outlines import Region
from PIL import Image

from spinemed.errors import SpinemedError
from spinemed.facts import find
from spinemed.imaging.pictures import draw_ring, encode_png, resample_window
from spinemed.imaging.slices import sagittal, to_uint8
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.instances import Asking, draft
from spinemed.instances.case import case_of
from spinemed.instances.chains import Chain, Span, chain_of
from spinemed.instances.compose import composed
from spinemed.instances.premise import shown_of
from spinemed.instances.series import RED, RING_RADIUS_PX, RING_WIDTH_PX
from spinemed.instances.shots import CaseSeries, Shot
from spinemed.instances.windows import HEIGHT_PX, WIDTH_PX, Window, draw_window
from spinemed.phantom.export.study import write_study
from spinemed.records import Finding, Instance, Marker, Picture, Series, Study
from spinemed.sources.phantom import read

SEEDS = (900_001, 900_002, 900_003)  # far from the seeds that `make demo` trains on


@dataclass(frozen=True)
class View:
    """One picture as a visitor sees it; `regions` is None where nobody knows which level is where."""

    title: str
    short: str
    picture: Image.Image
    regions: tuple[Region, ...] | None
    questions: tuple[tuple[str, str], ...]  # question in the words the model was trained on, true answer
    sagittal: bool = True


def find_examples(seeds: Sequence[int] = SEEDS) -> tuple[list[View], str]:
    """Return the example views, and the sentence that tells visitors what they are."""
    try:
        views = [view for seed in seeds for view in phantom_views(seed)]
    except SpinemedError as error:
        return [], f"No example picture could be drawn: {error}"
    return views, "The example pictures are synthetic phantoms, no patients."


def phantom_views(seed: int) -> Iterator[View]:
    """Yield one view a series of the phantom of `seed`, written as DICOM and read back like any study."""
    with tempfile.TemporaryDirectory() as folder:
        write_study(seed, Path(folder), kinds=("ct", "t2"), field="lumbar")
        for study in read(Path(folder)):
            if isinstance(study, Study):
                for series in study.series:
                    yield series_view(study, series, seed)


def series_view(study: Study, series: Series, seed: int) -> View:
    """Return a view of a series as the corpus draws it: one vertebra ringed, each whole one's box known."""
    volume = read_volume(series.image)
    mask = read_mask(series.mask, series.label_scheme, volume)
    findings = tuple(one for one in find(study, volume, mask, series) if isinstance(one, Finding))
    spacing_mm = volume.spacing_mm[:2]
    chain = chain_of(findings, spacing_mm)
    if chain is None:
        raise SpinemedError(f"phantom {seed} shows no run of vertebrae in {series.modality}")
    grey = to_uint8(sagittal(volume.array, findings[0].evidence.slice_index), series.modality)
    slice_mm = (grey.shape[0] * spacing_mm[0], grey.shape[1] * spacing_mm[1])
    index, window = ringed_window(chain, slice_mm, np.random.default_rng(seed))
    column, row = window.column_row(chain.spans[index])
    place = (window.top_mm, window.left_mm, HEIGHT_PX, WIDTH_PX, window.pixel_mm)
    plain = resample_window(grey, spacing_mm, *place).astype(np.uint8)
    pixels = draw_ring(plain, column, row, RING_RADIUS_PX, RED, RING_WIDTH_PX)
    picture = picture_of(study, series, findings, chain.sites[index], window, pixels)
    picture = picture.model_copy(
        update={
            "left": window.left_mm / spacing_mm[1],
            "top": window.top_mm / spacing_mm[0],
            "marker": Marker(column=column, row=row, radius=RING_RADIUS_PX),
        }
    )
    asking = Asking(seed, open_share=1.0, marks_per_series=1, languages=("en",))
    case = case_of(study, [CaseSeries(series, volume, findings)], asking)
    shot = Shot(picture, shown_of(picture, series, spacing_mm))
    name = " ".join(part for part in (series.sequence, series.modality) if part)
    whole = shown(chain, window)
    return View(
        title=f"Synthetic phantom {seed}: sagittal {name}. The red ring marks one vertebra.",
        short=f"{name}, {whole[0].site}-{whole[-1].site}",
        picture=Image.fromarray(pixels),
        regions=tuple(region(span, window) for span in whole),
        questions=tuple(questions(draft.View(case, chain, window, shot), index, seed)),
    )


def picture_of(
    study: Study,
    series: Series,
    findings: Sequence[Finding],
    site: str,
    window: Window,
    pixels: NDArray[np.uint8],
) -> Picture:
    """Return the record of a drawn picture that marks `site`."""
    png = encode_png(pixels)
    evidence = next(f.evidence for f in findings if f.site == site)
    return Picture(
        id=sha256(png).hexdigest(),
        study=study.id,
        modality=series.modality,
        sequence=series.sequence,
        spacing_mm=window.pixel_mm,
        width=WIDTH_PX,
        height=HEIGHT_PX,
        locator=evidence,
        png=png,
    )


def ringed_window(
    chain: Chain, slice_mm: tuple[float, float], rng: np.random.Generator
) -> tuple[int, Window]:
    """Return a vertebra to ring, as an index of the chain, and a window that shows it whole.

    Of many draws the one with the least black beyond the slice wins: it is the picture that people see first.
    """
    anchor = chain.anchors()[0]
    drawn = [
        (index, window)
        for index in map(int, rng.permutation(np.arange(1, len(chain.spans))))
        for window in [draw_window(chain, anchor, slice_mm, rng, holding=index)]
        if window is not None
    ]
    if not drawn:
        raise SpinemedError("no window of this phantom shows a vertebra with its reference for counting")
    return min(drawn, key=lambda pair: max(0.0, pair[1].bottom_mm - slice_mm[0]) - min(0.0, pair[1].top_mm))


def shown(chain: Chain, window: Window) -> tuple[Span, ...]:
    """Return the vertebrae that the window shows whole, from the head down, the upper sacrum included."""
    spans = chain.spans[window.first : window.last + 1]
    return (*spans, chain.sacrum) if window.anchor == "sacrum" and chain.sacrum else spans


def region(span: Span, window: Window) -> Region:
    """Return a vertebra's box in picture pixels, its edges counted from the picture's upper left corner."""
    left, right = ((edge - window.left_mm) / window.pixel_mm for edge in (span.left, span.right))
    top, bottom = ((edge - window.top_mm) / window.pixel_mm for edge in (span.top, span.bottom))
    return Region(span.site, (left, top, right, bottom))


def questions(view: draft.View, index: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (question, true answer) about the ringed vertebra, each proven by the findings."""
    candidates = range(1, len(view.chain.spans))
    drawn = draft.marked_draft(view, index, candidates, np.random.default_rng(seed))
    for one in () if drawn is None else composed(view.case, drawn):
        if isinstance(one, Instance):
            user, assistant = one.messages[-2:]
            yield user.content, assistant.content
