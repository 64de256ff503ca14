"""Pictures of phantoms with one vertebra ringed, made in memory on the corpus's path, and cached.

Label map -> `facts.find` -> chain -> window -> 256 greys -> ring -> PNG -> pixels. Only pictures from which
the level can be told are taken: the window holds the sacrum, the numbering is 12 thoracic and 5 lumbar. The
same patients in windows of one to five whole vertebrae show what is left when nothing can be counted.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import spinemed
from spinemed.facts.find import find
from spinemed.imaging.pictures import draw_ring, encode_png, resample_window
from spinemed.imaging.slices import sagittal, to_uint8
from spinemed.imaging.volume import Volume
from spinemed.instances.chains import Chain, Span, chain_of
from spinemed.instances.shots import RED, RING_PX
from spinemed.instances.windows import HEIGHT_PX, WIDTH_PX, Window, draw_window
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.stream import GENERATOR_VERSION, stream
from spinemed.phantom.rendering.acquisition import SeriesKind, picture_plan
from spinemed.phantom.rendering.series import RenderedSeries, render
from spinemed.records import Finding, Modality, Series, Study

LEVELS = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
SHRUNK = 2
Shown = Literal["sacrum", "cropped"]
SHOWN: tuple[Shown, Shown] = ("sacrum", "cropped")
_RENDERED_PX = 320
_MORE = 2
# As in instances.shots, which draws the same ring.
_RING_WIDTH_PX = 1.6
_RING_JITTER_PX = 2.0


@dataclass(frozen=True, eq=False)
class Marked:
    """n marked pictures at half size, as uint8 [n, 128, 64], with what a reader without pixels would know.

    `grey` and `ring` come from the PNG's colours alone. `level` is an index of LEVELS, `patient` the seed;
    `place` is [n, 5]: ring column and row in pixels of the full picture, mm a pixel, and width and height of
    the marked body's box in pixels (the box is not shown).
    """

    grey: NDArray[np.uint8]
    ring: NDArray[np.uint8]
    level: NDArray[np.int64]
    patient: NDArray[np.int64]
    place: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.level)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Marked:
        """Return the chosen pictures."""
        return Marked(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


@dataclass(frozen=True, eq=False)
class Slice:
    """A sagittal slice in 256 greys with the bodies to be marked, whatever it was cut from."""

    grey: NDArray[np.uint8]
    spacing_mm: tuple[float, float]
    chain: Chain
    patient: int


One = tuple[NDArray[np.uint8], NDArray[np.uint8], int, int, tuple[float, ...]]
"""The fields of `Marked` for one picture."""


def marked_pictures(seeds: Sequence[int], kind: SeriesKind, workers: int = 1) -> dict[Shown, Marked]:
    """Return the marked pictures of these patients, with and without the sacrum, made once and then cached.

    The cache lies in the system's temporary folder, one file for each list of seeds and version of the code.
    """
    key = hashlib.sha256(f"{code_hash()}:{GENERATOR_VERSION}:{kind}:{list(seeds)}".encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / "spinemed-marked"
    files: dict[Shown, Path] = {shown: folder / f"{kind}-{shown}-{key}.npz" for shown in SHOWN}
    if not all(file.is_file() for file in files.values()):
        started = time.perf_counter()
        made = list(_of_patients(seeds, kind, workers))
        for shown in SHOWN:
            _save(stacked([one for patient in made for one in patient[shown]]), files[shown])
        print(f"{kind}: {len(seeds)} patients in {time.perf_counter() - started:.0f} s wall", flush=True)
    found: dict[Shown, Marked] = {}
    for shown, file in files.items():
        with np.load(file) as saved:
            found[shown] = Marked(**{name: saved[name] for name in saved.files})
    return found


def seconds_a_patient(seeds: Sequence[int], kind: SeriesKind) -> float:
    """Return the processor seconds that pictures of one patient take, tried on these patients."""
    started = time.process_time()
    for seed in seeds:
        of_patient(seed, kind)
    return (time.process_time() - started) / len(seeds)


def _save(pictures: Marked, file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    partial_file = file.with_suffix(".partial.npz")
    np.savez(partial_file, **{field.name: getattr(pictures, field.name) for field in fields(pictures)})
    partial_file.rename(file)


def code_hash() -> str:
    """Return a hash over the code that the pictures depend on."""
    package = Path(spinemed.__file__).parent
    folders = [package / name for name in ("phantom", "facts", "imaging", "instances")]
    files = sorted(
        file for folder in folders for file in folder.rglob("*") if file.suffix in (".py", ".yaml")
    )
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _of_patients(seeds: Sequence[int], kind: SeriesKind, workers: int) -> Iterator[dict[Shown, list[One]]]:
    work = partial(of_patient, kind=kind)
    if workers == 1:
        yield from map(work, seeds)
        return
    with get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(work, seeds, chunksize=16)


def stacked(pictures: Sequence[One]) -> Marked:
    """Return pictures as arrays; ValueError for none."""
    grey, ring, level, patient, where = zip(*pictures, strict=True)
    return Marked(
        np.stack(grey), np.stack(ring), np.array(level), np.array(patient), np.array(where, np.float32)
    )


def of_patient(seed: int, kind: SeriesKind) -> dict[Shown, list[One]]:
    """Return the pictures of every vertebra T10 to L5 of a patient that can be marked; [] where none can."""
    cut = phantom_slice(seed, kind)
    if cut is None:
        return {shown: [] for shown in SHOWN}
    return {shown: marked(cut, shown, stream(seed, f"benchmark/{kind}/{shown}")) for shown in SHOWN}


def phantom_slices(seeds: Sequence[int], kind: SeriesKind) -> Iterator[Slice]:
    """Yield the slices of those patients that have one on the sacrum."""
    for seed in seeds:
        cut = phantom_slice(seed, kind)
        if cut is not None:
            yield cut


def phantom_slice(seed: int, kind: SeriesKind) -> Slice | None:
    """Return a patient's slice, None where it shows no sacrum or the numbering is not the usual one."""
    patient = sample_patient(seed)
    if patient.variant != "none":
        return None
    anatomy = place(patient)
    acquisition = picture_plan(anatomy, kind, _RENDERED_PX)
    if acquisition.region == "cervical":
        return None
    return slice_of(render(anatomy, acquisition), seed, "CT" if kind == "ct" else "MR")


def slice_of(rendered: RenderedSeries, seed: int, modality: Modality) -> Slice | None:
    """Return the best slice of a rendered series with its chain, None unless that stands on the sacrum."""
    volume, mask = lps_volume(rendered)
    series = Series(uid=f"{seed}", modality=modality, image=Path(), mask=Path(), label_scheme="verse")
    study = Study(
        id=f"{seed}", patient=f"{seed}", source="phantom", licence="CC0-1.0", synthetic=True,
        numbering="phantom_truth", series=(series,),
    )  # fmt: skip
    return slice_in(study, volume, mask, series, seed)


def slice_in(
    study: Study, volume: Volume, mask: NDArray[np.uint8], series: Series, patient: int
) -> Slice | None:
    """Return the best slice of any volume with its chain, None unless that stands on the sacrum."""
    found = [one for one in find(study, volume, mask, series) if isinstance(one, Finding)]
    chain = chain_of(found, volume.spacing_mm[:2])
    if chain is None or chain.sacrum is None:
        return None
    grey = to_uint8(sagittal(volume.array, found[0].evidence.slice_index), series.modality)
    return Slice(grey, volume.spacing_mm[:2], chain, patient)


def lps_volume(rendered: RenderedSeries) -> tuple[Volume, NDArray[np.uint8]]:
    """Return a rendered series and its mask as the reader would after writing: [z, y, x] in LPS."""
    steps = rendered.acquisition.grid.steps_mm
    volume = Volume(
        array=rendered.pixels.transpose(1, 2, 0)[::-1, :, ::-1],
        spacing_mm=(steps[1], steps[2], steps[0]),
        origin_mm=(0.0, 0.0, 0.0),
        direction=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        stored_orientation="SIR",
    )
    return volume, rendered.mask.transpose(1, 2, 0)[::-1, :, ::-1]


def marked(cut: Slice, shown: Shown, rng: np.random.Generator) -> list[One]:
    """Return pictures of the vertebrae T10 to L5 of a slice that a window can hold, at most one of each.

    Without the sacrum two of each, from T10 to L2.
    """
    made = []
    for index, site in enumerate(cut.chain.sites):
        for _ in range(0 if site not in LEVELS else 1 if shown == "sacrum" else 2):
            window = (
                _on_sacrum(cut, index, rng) if shown == "sacrum" else _around(cut.chain.spans, index, rng)
            )
            if window is not None:
                made.append(_picture(cut, window, index, rng))
    return made


def _on_sacrum(cut: Slice, index: int, rng: np.random.Generator) -> Window | None:
    slice_mm = cut.grey.shape[0] * cut.spacing_mm[0], cut.grey.shape[1] * cut.spacing_mm[1]
    return draw_window(cut.chain, "sacrum", slice_mm, rng, holding=index)


def _around(spans: Sequence[Span], index: int, rng: np.random.Generator) -> Window | None:
    """Return a window with up to two whole vertebrae above and below the marked one, in the same way for all.

    None where there are not two more whole ones and a third to be cut, above as below; L5 is only ever cut.
    So neither the ring's place nor counting to an edge tells a level: only what the bones look like.
    """
    if index - _MORE - 1 < 0 or index + _MORE + 1 >= len(spans):
        return None
    first, last = index - int(rng.integers(0, _MORE + 1)), index + int(rng.integers(0, _MORE + 1))
    above, below = spans[first - 1], spans[last + 1]
    top = above.top + float(rng.uniform(0.4, 0.7)) * above.height
    bottom = below.top + float(rng.uniform(0.2, 0.4)) * below.height
    pixel = (bottom - top) / HEIGHT_PX
    middle = float(np.mean([(span.left + span.right) / 2 for span in spans[first : last + 1]]))
    left = middle + float(rng.uniform(-12.0, 18.0)) - WIDTH_PX * pixel / 2
    return Window(round(top, 3), round(left, 3), round(pixel, 5), "reference", first, last)


def _picture(cut: Slice, window: Window, index: int, rng: np.random.Generator) -> One:
    grey = resample_window(
        cut.grey, cut.spacing_mm, window.top_mm, window.left_mm, HEIGHT_PX, WIDTH_PX, window.pixel_mm
    ).astype(np.uint8)
    span = cut.chain.spans[index]
    column, row = np.array(window.column_row(span)) + rng.uniform(-_RING_JITTER_PX, _RING_JITTER_PX, 2)
    radius = float(rng.uniform(*RING_PX))
    png = encode_png(draw_ring(grey, column, row, radius, RED, _RING_WIDTH_PX))
    colours = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    shrunk_grey, shrunk_ring = channels(colours)
    size = (span.right - span.left) / window.pixel_mm, span.height / window.pixel_mm
    return (
        shrunk_grey,
        shrunk_ring,
        LEVELS.index(span.site),
        cut.patient,
        (column, row, window.pixel_mm, *size),
    )


def channels(colours: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a picture's grey and its ring (red above green), both at half size by averaging."""
    values = colours.astype(np.float32)
    both = values[..., 1], np.clip(values[..., 0] - values[..., 1], 0, None)
    grey, ring = (
        array.reshape(HEIGHT_PX // SHRUNK, SHRUNK, WIDTH_PX // SHRUNK, SHRUNK).mean(axis=(1, 3))
        for array in both
    )
    return grey.astype(np.uint8), ring.astype(np.uint8)
