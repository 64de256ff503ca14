"""Pictures and instances of one series: one unmarked view, and one view for every vertebra that is marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spinemed.imaging.pictures import draw_ring, encode_png, resample_window
from spinemed.imaging.slices import sagittal, to_uint8
from spinemed.imaging.volume import Volume
from spinemed.instances.chains import Chain, Span, chain_beside_cut, chain_of, countable
from spinemed.instances.draft import STEP, Claim, View, in_view_claim, instance_of, marked_claims
from spinemed.instances.premise import view_of
from spinemed.instances.shots import Slice, frame_of
from spinemed.instances.windows import Window, draw_window, windows_open
from spinemed.instances.wordings import Anchor, draw
from spinemed.records import (
    Finding,
    Instance,
    Locator,
    Marker,
    Picture,
    Reject,
    Series,
    Study,
    Task,
    content_id,
)

RING_RADIUS_PX = 9.0
RING_WIDTH_PX = 1.6
RING_JITTER_PX = 2.0
RED = (255, 48, 48)
_PER_MILLE = 1000


@dataclass(frozen=True)
class Asking:
    """How instances are drawn: the seed, the share of pictures asked as `open`, marks a series at most.

    `languages` and `items_per_kind` (at most, of one study) hold for the items of whole cases.
    """

    seed: int
    open_share: float
    marks_per_series: int
    languages: tuple[Literal["en", "zh"], ...] = ("en", "zh")
    items_per_kind: int = 2


@dataclass(frozen=True)
class Scene:
    """A series read from disk: its slice in 256 greys, and what was found in it."""

    study: Study
    series: Series
    grey: NDArray[np.uint8]
    spacing_mm: tuple[float, float]
    chain: Chain
    findings: tuple[Finding, ...]

    @property
    def slice_mm(self) -> tuple[float, float]:
        """Return height and width of the slice in millimetres."""
        return self.grey.shape[0] * self.spacing_mm[0], self.grey.shape[1] * self.spacing_mm[1]


def ask(
    study: Study, series: Series, volume: Volume, findings: Sequence[Finding], asking: Asking
) -> Iterator[Picture | Instance | Reject]:
    """Yield pictures, each followed by its instances, and Rejects for what cannot be asked.

    All is drawn by generators seeded from `asking.seed` and the series' uid. Every vertebra of the series
    is marked at most once, so that each is the right answer equally often and options can be drawn
    without a hint.
    """
    spacing_mm = volume.spacing_mm[:2]
    index = findings[0].evidence.slice_index
    findings = countable(findings, view_of(series))
    chain = chain_of(findings, spacing_mm) or chain_beside_cut(findings, spacing_mm, volume.array.shape[0])
    if chain is None:
        reason = "the slice shows neither two whole vertebrae in a row nor one beside a clearly cut one"
        yield _reject(study, series, "", reason, "give a series that shows more of the spine")
        return
    grey = to_uint8(sagittal(volume.array, index), series.modality)
    scene = Scene(study, series, grey, spacing_mm, chain, tuple(findings))
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
        yield from _asked(view, [in_view_claim(view, len(ends), rng)], asking, f"{scene.series.uid}:in view")
        return
    reason = "no window shows whole vertebrae clear of its edges"
    yield _reject(scene.study, scene.series, "in view", reason, "give a series that shows more of the spine")


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
            yield _reject(scene.study, scene.series, chain.sites[index], reason, "none needed")
            continue
        view = _view(scene, window, chain.spans[index], rng)
        candidates = [chain.sites[place] for place in sorted(groups) if groups[place] == anchor]
        claims = marked_claims(view, index, candidates)
        yield from _asked(view, claims, asking, f"{scene.series.uid}:mark {ordinal}")


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


def _asked(
    view: View, claims: Sequence[Claim], asking: Asking, key: str
) -> Iterator[Picture | Instance | Reject]:
    """Yield the picture and all its instances, in one form, so that no picture is stored in two configs.

    Where a claim has too few answers for options that tell nothing, the picture is asked as `open`.
    """
    as_open = draw(f"{asking.seed}:{key}:form", _PER_MILLE) < asking.open_share * _PER_MILLE
    task: Task = "open" if as_open or not all(claim.fits_choice for claim in claims) else "choice"
    asked = [instance_of(view, claim, task, f"{asking.seed}:{key}") for claim in claims]
    if any(isinstance(one, Instance) for one in asked):
        yield view.picture
    yield from asked


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
    marker = None
    if marked is not None:
        middle = (marked.top + marked.bottom) / 2, (marked.left + marked.right) / 2
        row, column = frame.pixel_of(*middle)
        shift = rng.uniform(-RING_JITTER_PX, RING_JITTER_PX, 2)
        marker = Marker(
            column=round(column + float(shift[0]), 2),
            row=round(row + float(shift[1]), 2),
            radius=RING_RADIUS_PX,
        )
        pixels = draw_ring(pixels, marker.column, marker.row, marker.radius, RED, RING_WIDTH_PX)
    png = encode_png(pixels)
    picture = Picture(
        id=sha256(png).hexdigest(),
        study=scene.study.id,
        modality=scene.series.modality,
        sequence=scene.series.sequence,
        spacing_mm=frame.pixel_mm,
        width=frame.width_px,
        height=frame.height_px,
        left=round(frame.left_mm / scene.spacing_mm[1], 3),
        top=round(frame.top_mm / scene.spacing_mm[0], 3),
        marker=marker,
        locator=locator,
        png=png,
    )
    return View(scene.study, scene.chain, window, picture, scene.findings)


def _free_site(chain: Chain, window: Window) -> str:
    return chain.sites[window.first if window.anchor == "sacrum" else window.last]


def _locator(scene: Scene, site: str) -> Locator:
    for finding in scene.findings:
        if finding.site == site and finding.pathology == "vertebra":
            return finding.evidence
    raise KeyError(site)


def _generator(asking: Asking, series: Series, purpose: str) -> np.random.Generator:
    return np.random.default_rng(int(content_id(asking.seed, series.uid, purpose), 16))


def _reject(study: Study, series: Series, site: str, reason: str, fix: str) -> Reject:
    place = "/".join(part for part in (study.id, series.uid, site) if part)
    return Reject(id=place, source=study.source, step=STEP, reason=reason, fix=fix)
