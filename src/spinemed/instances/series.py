"""Pictures and instances of one series: one unmarked view, and one view for every vertebra that is marked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.imaging.looks import picture_hash
from spinemed.imaging.pictures import draw_ring, encode_png, resample_window
from spinemed.imaging.slices import sagittal, to_uint8
from spinemed.imaging.volume import Volume
from spinemed.instances.asking import Asking
from spinemed.instances.chains import Chain, Span, chain_beside_cut, chain_of, countable, grazed_neck
from spinemed.instances.compose import composed
from spinemed.instances.draft import STEP, View, in_view_draft, marked_draft
from spinemed.instances.drafts import Case
from spinemed.instances.premise import shown_of, view_of
from spinemed.instances.shots import CaseSeries, Shot, Slice, frame_of, is_burnt_out, slice_of
from spinemed.instances.windows import Window, draw_window, windows_open
from spinemed.instances.wordings import Anchor
from spinemed.records import (
    Finding,
    Instance,
    Locator,
    Marker,
    Picture,
    Reject,
    Series,
    Study,
    content_id,
)

RING_RADIUS_PX = 9.0
RING_WIDTH_PX = 1.6
RING_JITTER_PX = 2.0
RED = (255, 48, 48)


@dataclass(frozen=True)
class Scene:
    """A series read from disk: what was found in it as a case of its own, and its slice in 256 greys."""

    case: Case
    series: Series
    grey: NDArray[np.uint8]
    spacing_mm: tuple[float, float]
    chain: Chain

    @property
    def slice_mm(self) -> tuple[float, float]:
        """Return height and width of the slice in millimetres."""
        return self.grey.shape[0] * self.spacing_mm[0], self.grey.shape[1] * self.spacing_mm[1]


def ask(
    study: Study,
    series: Series,
    volume: Volume,
    findings: Sequence[Finding],
    asking: Asking,
    read: CaseSeries | None = None,
    hidden: Collection[Hidden] = (),
    beside: Sequence[Finding] = (),
) -> Iterator[Picture | Instance | Reject]:
    """Yield pictures, each followed by its instances, and Rejects for what cannot be asked.

    All is drawn by generators seeded from `asking.seed` and the series' uid. Every vertebra of the series
    is marked at most once, so that each is the right answer equally often and options can be drawn
    without a hint. `read` is the series itself where its slices are asked for again: they are cut once.
    `hidden` are bodies of its mask that are not stated, and what else of it is held back; `beside` are
    findings of any series that the proof weighs besides: what may hide a body, or join two.
    From a sacrum that L5 looks like nothing is counted.
    """
    spacing_mm = volume.spacing_mm[:2]
    index = findings[0].evidence.slice_index
    findings = countable(findings, view_of(series))
    held_back = frozenset(one for one in hidden if one.series == series.uid)
    grazed = grazed_neck(findings)
    findings = [one for one in findings if one.site not in grazed]
    held_back |= {Hidden(series.uid, site, "vertebra") for site in grazed}
    unseen = [one.site for one in held_back if one.pathology == "vertebra"]
    chain = chain_of(findings, spacing_mm, unseen) or chain_beside_cut(
        findings, spacing_mm, volume.array.shape[0]
    )
    if chain is None:
        reason = "the slice shows neither two whole vertebrae in a row nor one beside a clearly cut one"
        yield _reject(study, series, "", reason, "give a series that shows more of the spine")
        return
    if read is not None:
        grey = slice_of(read, "sagittal", index).grey
    else:
        grey = to_uint8(sagittal(volume.array, index), series.modality)
    case = Case(study, (), CaseFacts(study, (*findings, *beside), held_back), asking, STEP)
    if case.known.like_s1:
        chain = replace(chain, sacrum=None)
    scene = Scene(case, series, grey, spacing_mm, chain)
    if len(chain.spans) > 1:  # one vertebra is no range
        yield from _in_view(scene, asking)
    yield from _marked(scene, asking)


def _in_view(scene: Scene, asking: Asking) -> Iterator[Picture | Instance | Reject]:
    rng = _generator(asking, scene.series, "in view")
    for anchor in scene.chain.anchors():
        ends = windows_open(scene.chain, anchor, scene.slice_mm[0])
        if not ends:
            continue
        end = ends[int(rng.integers(len(ends)))]
        window = draw_window(scene.chain, anchor, scene.slice_mm, rng, free_end=end)
        if window is None:
            continue
        view = _view(scene, window, None, rng)
        yield from composed(scene.case, in_view_draft(view, len(ends), rng))
        return
    reason = "no window shows whole vertebrae clear of its edges"
    yield _reject(
        scene.case.study, scene.series, "in view", reason, "give a series that shows more of the spine"
    )


def _marked(scene: Scene, asking: Asking) -> Iterator[Picture | Instance | Reject]:
    chain = scene.chain
    groups = anchor_groups(chain, scene.slice_mm[0])
    order = _generator(asking, scene.series, "order").permutation(len(chain.spans))
    marks = [int(index) for index in order if int(index) in groups][: asking.marks_per_series]
    reference = min((index for index, anchor in groups.items() if anchor == "reference"), default=1) - 1
    for ordinal, index in enumerate(marks):
        anchor = groups[index]
        rng = _generator(asking, scene.series, f"mark {ordinal}")
        window = draw_window(chain, anchor, scene.slice_mm, rng, holding=index, reference=reference)
        if window is None:
            reason = "no window shows the vertebra whole together with its reference for counting"
            yield _reject(scene.case.study, scene.series, chain.sites[index], reason, "none needed")
            continue
        view = _view(scene, window, chain.spans[index], rng)
        candidates = [place for place in sorted(groups) if groups[place] == anchor]
        draft = marked_draft(view, index, candidates, rng)
        if draft is not None:
            yield from composed(scene.case, draft)


def anchor_groups(chain: Chain, slice_height: float) -> dict[int, Anchor]:
    """Return for each vertebra that can be marked the surest way to count to it.

    C2 is no question where one counts from it. Vertebrae out of reach of sacrum and C2 are counted from a
    reference: the one above the highest of them, so that the first of a chain cannot be asked. A vertebra
    alone is counted from its cut neighbour.
    """
    if len(chain.spans) == 1:
        return {0: chain.anchors()[0]}
    groups: dict[int, Anchor] = {}
    for anchor in reversed(chain.anchors()):
        ends = () if anchor == "reference" else windows_open(chain, anchor, slice_height)
        if ends:
            held = range(ends[0], len(chain.spans)) if anchor == "sacrum" else range(1, ends[-1] + 1)
            groups.update(dict.fromkeys(held, anchor))
    for index in range(1, len(chain.spans)):
        groups.setdefault(index, "reference")
    return {index: anchor for index, anchor in sorted(groups.items()) if chain.sites[index] != "C2"}


def _view(scene: Scene, window: Window, marked: Span | None, rng: np.random.Generator) -> View:
    site = marked.site if marked is not None else _free_site(scene.chain, window)
    locator = _locator(scene, site)
    cut = Slice(scene.grey, scene.spacing_mm, locator.plane, locator.slice_index)
    frame = frame_of(window).within(cut)
    pixels = resample_window(
        scene.grey,
        scene.spacing_mm,
        frame.top_mm,
        frame.left_mm,
        frame.height_px,
        frame.width_px,
        frame.pixel_mm,
    ).astype(np.uint8)
    look = picture_hash(pixels)
    marker, burnt_out = None, False
    if marked is not None:
        middle = (marked.top + marked.bottom) / 2, (marked.left + marked.right) / 2
        row, column = frame.pixel_of(*middle)
        shift = rng.uniform(-RING_JITTER_PX, RING_JITTER_PX, 2)
        marker = Marker(
            column=round(column + float(shift[0]), 2),
            row=round(row + float(shift[1]), 2),
            radius=RING_RADIUS_PX,
        )
        burnt_out = is_burnt_out(pixels, marker)
        pixels = draw_ring(pixels, marker.column, marker.row, marker.radius, RED, RING_WIDTH_PX)
    png = encode_png(pixels)
    picture = Picture(
        id=sha256(png).hexdigest(),
        study=scene.case.study.id,
        modality=scene.series.modality,
        sequence=scene.series.sequence,
        spacing_mm=frame.pixel_mm,
        width=frame.width_px,
        height=frame.height_px,
        left=round(frame.left_mm / scene.spacing_mm[1], 3),
        top=round(frame.top_mm / scene.spacing_mm[0], 3),
        right=round(frame.right_mm / scene.spacing_mm[1], 3),
        bottom=round(frame.bottom_mm / scene.spacing_mm[0], 3),
        marker=marker,
        locator=locator,
        png=png,
        look=look,
    )
    shown = shown_of(picture, scene.series, scene.spacing_mm)
    return View(scene.case, scene.chain, window, Shot(picture, shown, burnt_out))


def _free_site(chain: Chain, window: Window) -> str:
    return chain.sites[window.first if window.anchor == "sacrum" else window.last]


def _locator(scene: Scene, site: str) -> Locator:
    for finding in scene.case.facts.findings:
        if finding.site == site and finding.pathology == "vertebra":
            return finding.evidence
    raise KeyError(site)


def _generator(asking: Asking, series: Series, purpose: str) -> np.random.Generator:
    return np.random.default_rng(int(content_id(asking.seed, series.uid, purpose), 16))


def _reject(study: Study, series: Series, site: str, reason: str, fix: str) -> Reject:
    place = "/".join(part for part in (study.id, series.uid, site) if part)
    return Reject(id=place, source=study.source, step=STEP, reason=reason, fix=fix)
