"""The shadow of soft tissue in a radiograph: trunk, neck, lungs, heart, bowel gas, psoas, organs, airway.

Drawn on a coarse grid. Every landmark is the patient's own offset plus a draw: none stands at a fixed level.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Floats, Grid
from spinemed.phantom.patient.stream import examination_stream, stream
from spinemed.phantom.rendering.radiograph_view import Film
from spinemed.phantom.rendering.texture import field

_SPINOUS_REACH_MM: Final[float] = 36.0
_AIR: Final[float] = 0.92  # share of the tissue that lung leaves out


class Landmarks(NamedTuple):
    """Heights and sizes in mm (LPS z where heights) that are this patient's own."""

    dome: tuple[float, float]
    shoulder: float
    chin: float
    flank: float
    depth: float
    chest: float
    cage: float
    psoas_top: float
    kidney: float
    carina: float


class _Place(NamedTuple):
    """Coordinates of the coarse pixels in mm.

    LPS x and z, how far left of the spine, before the bodies' front and behind the canal; `cage` is the way
    to the outermost rib on that side of the body at that height, from x = 0.
    """

    x: Floats
    z: Floats
    left: Floats
    ahead: Floats
    behind: Floats
    cage: Floats


def landmarks(anatomy: Anatomy) -> Landmarks:
    """Return where this patient's soft tissue lies; the same in every view."""
    rng = stream(anatomy.patient.seed, "radiograph/landmarks")
    around = anatomy.patient.surroundings
    # The middle of the thoracic vertebrae stands for the chest, so that no single level is meant.
    thoracic = [part.body.pose.origin_mm[2] for part in anatomy.vertebrae if part.level[0] == "T"]
    lumbar = [part.body.pose.origin_mm[2] for part in anatomy.vertebrae if part.level[0] == "L"]
    low, high = min(thoracic), max(thoracic)
    dome = low + 30.0 + around.diaphragm_offset_mm + float(rng.normal(0.0, 12.0))
    apart = float(rng.normal(14.0, 8.0))
    return Landmarks(
        dome=(dome + max(apart, -4.0), dome),
        shoulder=high + float(rng.normal(8.0, 18.0)),
        chin=high + 85.0 + float(rng.normal(0.0, 14.0)),
        flank=(148.0 + around.fat_mm * 0.8) * around.girth,
        depth=150.0 * around.girth,
        chest=138.0 * (0.6 + 0.4 * around.girth),
        cage=max((float(np.abs(rib.points_mm[:, 0]).max()) for rib in anatomy.ribs), default=125.0),
        psoas_top=max(lumbar) + float(rng.normal(0.0, 25.0)),
        kidney=float(np.mean(lumbar[-2:])) + around.kidney_offset_mm + float(rng.normal(0.0, 18.0)),
        carina=high - 60.0 + float(rng.normal(0.0, 20.0)),
    )


def soft_tissue(anatomy: Anatomy, film: Film, coarse: Grid) -> Floats:
    """Return the way through water-like tissue in mm [row, column] on the coarse grid; 0 is air."""
    marks = landmarks(anatomy)
    place = _places(anatomy, coarse)
    rng = examination_stream(anatomy.patient, f"radiograph/soft/{film.kind}")
    if film.frontal:
        return _frontal(marks, place, rng)
    return _lateral(anatomy, marks, place, rng)


def _places(anatomy: Anatomy, coarse: Grid) -> _Place:
    x, y, z = (field[0] for field in coarse.coordinates(coarse.everywhere(), np.eye(3), np.zeros(3)))
    line = anatomy.midline
    at = line.at(z)
    left = x - _eased(line.body_left).take(at)
    front = _eased(line.body_posterior - line.body_half_depth)
    back = _eased(line.canal_posterior + line.canal_half_depth)
    return _Place(x, z, left, front.take(at) - y, y - back.take(at), _cage(anatomy, x, z))


def _cage(anatomy: Anatomy, x: Floats, z: Floats) -> Floats:
    """Half width of the rib cage, read off where each rib reaches farthest; a mean one without ribs."""
    found = np.full(z.shape, 125.0 * anatomy.patient.scale, np.float32)
    for side in (-1.0, 1.0):
        sided = [side * rib.points_mm for rib in anatomy.ribs if (rib.side == "left") == (side > 0)]
        if not sided:
            continue
        # The last ribs are short: they do not reach the side of the chest.
        far = np.array([points[np.argmax(points[:, 0])] for points in sided])
        heights, widths = side * far[:, 2], far[:, 0]
        order = np.argsort(heights)
        widest = np.maximum.accumulate(widths[order][::-1])[::-1]
        # Above the first rib the chest closes.
        heights, widest = np.append(heights[order], heights.max() + 26.0), np.append(widest, 0.0)
        chosen = (x > 0) == (side > 0)
        found[chosen] = np.interp(z[chosen], heights, widest)
    return found


def _eased(line: Floats) -> Floats:
    """Smooth a table over z (steps of 0.5 mm): skin and organs do not follow every vertebra."""
    padded = np.pad(line, 50, mode="edge").astype(np.float64)
    total = np.cumsum(np.concatenate([[0.0], padded]))
    return np.asarray((total[101:] - total[:-101]) / 101, np.float32)


def _rise(values: NDArray[Any], over_mm: float) -> Floats:
    """A step from 0 to 1 at 0 that takes about `over_mm`."""
    clipped = np.clip(values * np.float32(1 / over_mm) + np.float32(0.5), 0, 1)
    risen: Floats = clipped * clipped * (3 - 2 * clipped)
    return risen


def _arc(values: Floats) -> Floats:
    """Half the chord of a unit circle at that distance from its middle."""
    arc: Floats = np.sqrt(np.maximum(1 - values * values, 0))
    return arc


def _lateral(anatomy: Anatomy, marks: Landmarks, place: _Place, rng: np.random.Generator) -> Floats:
    """Seen from the side: trunk, lungs before and over the spine, heart, gas, the neck and its airway."""
    ahead, behind, z = place.ahead, place.behind, place.z
    up = z - marks.shoulder
    neck, chest = _rise(up, 70.0), _rise(z - min(marks.dome), 120.0)
    front = marks.depth * (1 - chest) + marks.chest * chest
    front = front * (1 - neck) + (38.0 + 0.12 * np.maximum(up - 40.0, 0)) * neck
    head = _rise(z - marks.chin, 30.0)
    front = front + 62.0 * head
    fat = anatomy.patient.surroundings.fat_mm
    back = (_SPINOUS_REACH_MM + fat) * (1 - neck) + (30.0 + 0.6 * fat) * neck + 40.0 * _rise(up - 130.0, 60.0)
    # `ahead` and `behind` are apart by the depth of body and canal: 0 at the skin of each side.
    depth = np.minimum(front - ahead, back - behind)
    whole = (front - ahead) + (back - behind)
    across = 2 * np.clip(np.minimum(front - ahead, back - behind) / np.maximum(whole, 1.0), 0, 0.5)
    wide = 2 * marks.flank * (1 - neck) + 118.0 * neck + 40.0 * head
    shoulders = 150.0 * np.exp(-(((up + 35.0) / 48.0) ** 2)) * _rise(60.0 - np.abs(ahead - 20.0), 50.0)
    tissue = wide * _arc(1 - across) ** 0.8 + shoulders * (depth > 0)
    tissue -= _lateral_lungs(marks, place, front, back, wide, rng)
    tissue -= _gas(rng, place, marks, frontal=False)
    tissue -= _airway(marks, place, rng, neck)
    skin = _rise(depth - 2.0, 6.0)
    tissue += _mottle(marks, place, rng)
    found: Floats = np.maximum(tissue, 6.0) * skin
    return found


def _mottle(marks: Landmarks, place: _Place, rng: np.random.Generator) -> Floats:
    """Unevenness in mm: bowel and its content below the diaphragm, vessels of the lung above."""
    shape = (1, *place.z.shape)
    below = _rise(min(marks.dome) - place.z, 25.0)
    lumps, branches = field(rng, "coarse", shape)[0], field(rng, "medium", shape)[0]
    found: Floats = lumps * (2.0 + 2.5 * below) + branches * 2.2
    return found


def _lateral_lungs(
    marks: Landmarks, place: _Place, front: Floats, back: Floats, wide: Floats, rng: np.random.Generator
) -> Floats:
    """Air of both lungs: two domes that fall behind, the heart in front between them."""
    ahead, behind, z = place.ahead, place.behind, place.z
    apex = float(rng.uniform(20.0, 60.0))
    slanted = z - marks.dome[1] - rng.uniform(25.0, 45.0) - 0.4 * (ahead - 70.0)
    heart = ((ahead - rng.uniform(60.0, 80.0)) / 52.0) ** 2 + (slanted / 60.0) ** 2
    inside = _rise(front - 22.0 - ahead, 14.0) * _rise(back - 26.0 - behind, 30.0)
    ceiling = _rise(marks.shoulder + 5.0 - z - 0.3 * np.abs(ahead), 30.0)
    air: Floats = np.zeros_like(z)
    for dome in marks.dome:
        floor = dome - 0.0045 * (ahead - apex) ** 2 - 12.0
        air += 0.16 * wide * _rise(z - floor, 5.0)
    found: Floats = _AIR * air * inside * ceiling * (1 - 0.5 * _rise(1.0 - heart, 1.2))
    return found


def _frontal(marks: Landmarks, place: _Place, rng: np.random.Generator) -> Floats:
    """Seen from the front: trunk, lungs beside the mediastinum, heart, psoas, kidneys, liver, trachea."""
    x, z, left = place.x, place.z, place.left
    up = z - marks.shoulder
    neck = _rise(up, 60.0)
    chest = _rise(z - min(marks.dome), 120.0)
    half = marks.flank * (1 - chest) + (marks.cage + 0.10 * marks.flank) * chest
    half = half * (1 - neck) + 62.0 * neck
    hips = _rise(-z - 20.0, 90.0)
    half = half * (1 + 0.07 * hips - 0.05 * np.exp(-(((z - 60.0) / 60.0) ** 2)))
    half = half + 55.0 * np.exp(-(((up + 30.0) / 40.0) ** 2))
    deep = (marks.depth + 85.0) * (1 - chest) + (marks.chest + 60.0) * chest
    deep = deep * (1 - neck) + 125.0 * neck
    shape = _arc(np.clip(x / half, -1, 1)) ** 0.75
    tissue = deep * shape
    tissue -= _frontal_lungs(marks, place, half, deep, rng)
    tissue += _organs(marks, place, rng)
    tissue -= _gas(rng, place, marks, frontal=True)
    wind = _rise(8.5 - np.abs(left - rng.normal(0.0, 4.0)), 4.0) * _rise(z - marks.carina, 8.0)
    tissue -= 15.0 * wind * _rise(marks.chin - 10.0 - z, 30.0)
    tissue += _mottle(marks, place, rng)
    found: Floats = np.maximum(tissue, 5.0) * _rise(half - np.abs(x), 6.0)
    return found


def _frontal_lungs(
    marks: Landmarks, place: _Place, half: Floats, deep: Floats, rng: np.random.Generator
) -> Floats:
    left, z = place.left, place.z
    beside = np.abs(left)
    top = np.where(left < 0, np.float32(marks.dome[0]), np.float32(marks.dome[1]))
    middle = 0.5 * marks.flank
    floor = top + 14.0 - 0.0075 * (beside - middle) ** 2
    heart_x, heart_z = rng.uniform(22.0, 40.0), marks.dome[1] + rng.uniform(28.0, 48.0)
    heart = ((left - heart_x) / 66.0) ** 2 + ((z - heart_z + 0.35 * (left - heart_x)) / 60.0) ** 2
    mediastinum = 26.0 + 12.0 * np.exp(-(((z - marks.carina) / 45.0) ** 2))
    outer = _rise(np.minimum(half - 14.0, place.cage) - np.abs(place.x), 10.0)
    ceiling = _rise(marks.shoulder + 25.0 - z - 0.0025 * (beside - 45.0) ** 2, 18.0)
    lung = _rise(z - floor, 4.0) * _rise(beside - mediastinum, 8.0) * outer * ceiling
    # The lungs reach down behind the domes: thin there, as the sulci are.
    behind = 0.18 * _rise(z - floor + 38.0, 14.0) * _rise(beside - 24.0, 10.0) * outer * ceiling
    air = np.maximum(lung * (1 - 0.7 * _rise(1.0 - heart, 0.5)), behind)
    found: Floats = np.float32(_AIR * 0.38) * deep * air
    return found


def _organs(marks: Landmarks, place: _Place, rng: np.random.Generator) -> Floats:
    """What psoas, liver and kidneys add against the fat around them, in mm."""
    left, z = place.left, place.z
    beside = np.abs(left)
    fall = np.maximum(marks.psoas_top - z, 0)
    edge = 20.0 + 46.0 * (1 - np.exp(-(0.004 + 0.002 * rng.random()) * fall))
    psoas: NDArray[Any] = (
        float(rng.uniform(8.0, 18.0)) * _rise(edge - beside, 3.0) * _rise(marks.psoas_top - z, 40.0)
    )
    psoas *= _rise(z + 90.0 + float(rng.normal(0.0, 15.0)), 50.0)
    kidneys: NDArray[Any] = np.zeros_like(z)
    for side, drop in ((1.0, 0.0), (-1.0, float(rng.uniform(4.0, 18.0)))):
        level = z - marks.kidney + drop
        round_off = ((side * left - 62.0 - 0.18 * level) / 27.0) ** 2 + (level / 56.0) ** 2
        kidneys += float(rng.uniform(2.0, 7.0)) * _rise(1.0 - round_off, 0.4)
    tip = float(rng.uniform(70.0, 150.0))
    liver: NDArray[Any] = _rise(-left - 25.0, 40.0) * _rise(
        z - (marks.dome[0] - tip) + 0.55 * (left + 95.0), 10.0
    )
    liver *= _rise(marks.dome[0] + 10.0 - z, 30.0) * float(rng.uniform(4.0, 12.0))
    found: Floats = psoas + kidneys + liver
    return found


def _gas(rng: np.random.Generator, place: _Place, marks: Landmarks, *, frontal: bool) -> Floats:
    """Bowel gas below the diaphragm in strings of bubbles, and the stomach's bubble, in mm of air."""
    air: Floats = np.zeros_like(place.z)
    across, below = (place.left, min(marks.dome) - 45.0) if frontal else (place.ahead, min(marks.dome) - 50.0)
    room = float(0.75 * marks.flank if frontal else marks.depth - 25.0)
    for _ in range(int(rng.integers(2, 8))):
        start = float(rng.uniform(-room, room) if frontal else rng.uniform(28.0, max(room, 40.0)))
        level = float(rng.uniform(below - 270.0, below))
        way, size = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(7.0, 18.0))
        amount = float(rng.uniform(8.0, 34.0))
        for _ in range(int(rng.integers(1, 5))):
            stretch, turn = float(rng.uniform(0.75, 1.6)), float(rng.uniform(0.0, np.pi))
            _add_bubble(air, across - start, place.z - level, (size * stretch, size / stretch), turn, amount)
            way += float(rng.normal(0.0, 0.6))
            start, level = start + 1.3 * size * np.cos(way), level + 1.3 * size * np.sin(way)
    if rng.random() < 0.7:
        start = float(rng.uniform(40.0, 85.0))
        level = marks.dome[1] - float(rng.uniform(22.0, 45.0))
        size = float(rng.uniform(12.0, 26.0))
        _add_bubble(air, across - start, place.z - level, (1.7 * size, size), 0.3, 30.0)
    # Folds of the bowel wall break the bubbles up.
    air *= 1 + np.float32(0.25) * field(rng, "medium", (1, *place.z.shape))[0]
    before: Floats = air if frontal else air * _rise(place.ahead - 6.0, 10.0)
    return before


def _add_bubble(
    air: Floats, across: Floats, up: Floats, size: tuple[float, float], turn: float, amount: float
) -> None:
    """Add a rounded bubble turned by `turn`; overlapping ones share their air."""
    reach = 1.15 * max(size)
    rows = np.flatnonzero(np.abs(up).min(axis=1) < reach)
    columns = np.flatnonzero(np.abs(across[rows]).min(axis=0) < reach) if len(rows) else rows
    if not len(columns):
        return
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    along, beside = cosine * across[box] + sine * up[box], cosine * up[box] - sine * across[box]
    away = along * along * np.float32(size[0] ** -2) + beside * beside * np.float32(size[1] ** -2)
    np.maximum(air[box], amount * np.clip(1 - away, 0, 1) ** np.float32(0.6), out=air[box])


def _airway(marks: Landmarks, place: _Place, rng: np.random.Generator, neck: Floats) -> Floats:
    """Pharynx, larynx and trachea before the cervical spine, seen from the side, in mm of air."""
    up = place.z - marks.shoulder
    upper = _rise(up - float(rng.uniform(45.0, 70.0)), 22.0)  # behind the larynx the wall is thick
    wall = float(rng.uniform(11.0, 16.0)) * (1 - upper) + float(rng.uniform(3.0, 5.5)) * upper
    width = float(rng.uniform(6.5, 9.0)) * (1 - 0.35 * np.exp(-(((up - 62.0) / 9.0) ** 2)))
    middle = wall + width + 0.10 * np.maximum(-up, 0)
    open_at = _rise(width - np.abs(place.ahead - middle), 3.0) * _rise(marks.chin + 25.0 - place.z, 25.0)
    found: Floats = 20.0 * open_at * _rise(up + 70.0, 40.0) * np.maximum(neck, 0.35)
    return found
