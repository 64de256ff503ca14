"""What the bones and implants of a patient add to the attenuation along each ray of a radiograph.

Endplate lines and pedicle rings come by themselves: the cortex is the outer minus the inner chord.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinemed.level_labels import SCHEMES
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.solids import Array, Flags, Floats, Grid, Lump
from spinemed.phantom.rendering.radiograph_bodies import body_chords
from spinemed.phantom.rendering.radiograph_chords import Chords, Whole, counts_of, joined, lump_chords
from spinemed.phantom.rendering.radiograph_lesions import dent_lump, eaten_pedicle, lesion_lump
from spinemed.phantom.rendering.radiograph_tubes import Tube, tube_chords

# Attenuation above that of soft tissue in 1/mm, behind a patient at about 75 kVp. Marks: [V] read in the
# public source named before it, [assumed] set here. Dense bone in all: 0.081 at 50, 0.060 at 60, 0.043 at 80
# keV (NIST, physics.nist.gov XrayMassCoef/ComTab/bone.html at 1.92 g/cm3, as copied into public code) [V], so
# that the number here is that of 50 to 60 keV. Spongy bone that has 226 HU at 120 kVp, where its calcium
# counts for less [assumed]. Titanium in all: 0.51 at 50, 0.165 at 80 keV
# (jnm.snmjournals.org/highwire/markup/57366) [V]; the number here is below both [assumed].
CORTEX: Final[float] = 0.052
SPONGY: Final[float] = 0.0090
TITANIUM: Final[float] = 0.14
_CAGE: Final[float] = 0.07
_EATEN: Final[float] = 0.85  # share of the bone that a lytic lesion takes away
_LAID_DOWN: Final[float] = 3.0 * SPONGY  # what a blastic lesion adds, 1/mm
_LONG_MM: Final[float] = 14.0
_SEEN_MM: Final[float] = 0.5  # a shorter way through a body leaves no silhouette
_VERSE_VALUES: Final[dict[str, int]] = {site: value for value, site in SCHEMES["verse"].items()}


class Stuff(NamedTuple):
    """What a bone is made of: thickness of its cortex in mm, attenuation of cortex and core in 1/mm."""

    shell_mm: float
    cortex: float
    core: float


@dataclass(frozen=True, eq=False)
class Bones:
    """Attenuation [row, column] of bone and of metal, without a unit, and the bodies' silhouettes.

    `silhouettes` holds VerSe labels; S1 alone stands for the sacrum.
    """

    bone: Floats
    metal: Floats
    silhouettes: NDArray[np.uint8]


def project_bones(anatomy: Anatomy, grid: Grid, more: Sequence[tuple[Lump | Tube, Stuff]] = ()) -> Bones:
    """Return what the rays of `grid` meet; `more` are bones that are no part of the anatomy, as the skull."""
    bone = np.zeros(grid.shape[1] * grid.shape[2])
    silhouettes = np.zeros(bone.shape, np.uint8)
    _add_bodies(bone, silhouettes, anatomy, grid)
    lumps = [*_arches(anatomy), *((part, stuff) for part, stuff in more if isinstance(part, Lump))]
    _add_lumps(bone, grid, lumps)
    tubes = [(part, stuff) for part, stuff in more if isinstance(part, Tube)]
    tubes += [(Tube(rib.points_mm, rib.radius_mm, 1.0), _rib_stuff(anatomy)) for rib in anatomy.ribs]
    _add_tubes(bone, grid, tubes)
    metal = _metal(anatomy, grid)
    shape = grid.shape[1:]
    found = np.maximum(bone, 0).astype(np.float32).reshape(shape)
    return Bones(found, metal.reshape(shape), silhouettes.reshape(shape))


def density(anatomy: Anatomy) -> float:
    """Return the share of a young adult's spongy bone that is left.

    1.9 of 226 HU a year from 25 on, as the CT of the phantom: 20,374 scans, pubmed 30912719.
    """
    return 1.0 - 1.9 * (anatomy.patient.age - 25) / 226.0


def _cortex(anatomy: Anatomy) -> float:
    return CORTEX * (0.55 + 0.45 * density(anatomy))


def _rib_stuff(anatomy: Anatomy) -> Stuff:
    return Stuff(1.0, _cortex(anatomy), 0.35 * SPONGY)


def _add_bodies(bone: Array, silhouettes: NDArray[np.uint8], anatomy: Anatomy, grid: Grid) -> None:
    """Bodies with walls, endplates and what grows in them; silhouettes from below upwards."""
    parts = (*anatomy.sacrum[::-1], *anatomy.vertebrae)
    shell, endplate, core, cortex = _body_stuff(anatomy, parts)
    shown = {"S1", *(part.level for part in anatomy.vertebrae)}
    values = np.array([_VERSE_VALUES[p.level] if p.level in shown else 0 for p in parts], np.uint8)
    ill = np.array([bool(part.body.dents or (part.shape and part.shape.lesion)) for part in parts])
    for chords in body_chords(grid, [part.body for part in parts], shell, endplate):
        owner = chords.owner
        counts = counts_of(owner, len(parts))
        weight = np.repeat(cortex, counts) * (chords.outer - chords.inner)
        weight += np.repeat(core, counts) * chords.inner
        if ill[owner].any():
            _change_for_lesions(weight, chords, parts, grid, ill, _cortex(anatomy))
        _add(bone, chords.place, weight)
        # Entries come from below upwards, and of several at one pixel numpy keeps the last.
        drawn = np.flatnonzero((chords.outer > _SEEN_MM) & np.repeat(values > 0, counts))
        silhouettes[chords.place.take(drawn)] = values.take(owner.take(drawn))


def _add(bone: Array, place: Whole, weight: Array) -> None:
    """Add weights at their pixels: first those of one pixel together, then to what is there."""
    if len(place):
        first = int(place.min())
        sums = np.bincount(place - first, weights=weight)
        bone[first : first + len(sums)] += sums


def _body_stuff(anatomy: Anatomy, parts: Sequence[Vertebra]) -> tuple[Array, Array, Floats, Floats]:
    """Wall and endplate in mm, attenuation of core and cortex in 1/mm, one for each body."""
    eaten = {level for disc in anatomy.placed_discs if _infected(disc) for level in (disc.above, disc.below)}
    rows = []
    for part in parts:
        shape = part.shape
        spared = 0.45 if part.level in eaten else 1.0
        spurs = 0.0 if shape is None else max(shape.osteophyte, 0.0)
        # A crushed body holds the same bone in less height.
        packed = 1.0 if shape is None else 1.0 + 0.5 * max(1.0 - shape.height_ratio, 0.0)
        sacral = 0.75 if shape is None else 1.0
        rows.append(
            (
                0.9 * sacral,
                (1.0 + 0.25 * min(spurs, 3.0)) * spared * sacral,
                SPONGY * density(anatomy) * packed * sacral,
                _cortex(anatomy) * (1.0 if shape is not None else 0.7),
            )
        )
    shell, endplate, core, cortex = np.array(rows).T
    return shell, endplate, core.astype(np.float32), cortex.astype(np.float32)


def _infected(disc: PlacedDisc) -> bool:
    return disc.shape is not None and disc.shape.infected


def _change_for_lesions(
    weight: Array, chords: Chords, parts: Sequence[Vertebra], grid: Grid, ill: Flags, cortex: float
) -> None:
    """Take away what lesions ate, spongy bone and wall alike, and add what they laid down."""
    for number in np.unique(chords.owner[ill[chords.owner]]):
        here = np.flatnonzero(chords.owner == number)
        place, through = chords.place[here], np.maximum(chords.outer[here], np.float32(1e-3))
        body, shape = parts[number].body, parts[number].shape
        for dent in body.dents:
            hole, rim = _shadow(grid, dent_lump(body, dent), 0.8)
            weight[here] *= 1 - np.minimum(hole[place] / 2 / through, 1)  # half of the lump is in the disc
            weight[here] += np.float32(0.5 * cortex) * rim[place]
        if shape is None or shape.lesion is None:
            continue
        whole, _ = _shadow(grid, lesion_lump(body, shape.lesion), 0.0)
        share = np.minimum(whole[place] / through, 1)
        if shape.lesion.kind == "lytic":
            weight[here] *= 1 - np.float32(_EATEN) * share
        else:
            weight[here] += np.float32(_LAID_DOWN) * share * through


def _shadow(grid: Grid, part: Lump, shell_mm: float) -> tuple[Floats, Floats]:
    """Chord through one lump and that in its shell, flat over all pixels."""
    chords = lump_chords(grid, [part], np.array([shell_mm]))
    whole, shell = np.zeros((2, grid.shape[1] * grid.shape[2]), np.float32)
    whole[chords.place] = chords.outer
    shell[chords.place] = chords.outer - chords.inner
    return whole, shell


def _add_lumps(bone: Array, grid: Grid, lumps: Sequence[tuple[Lump, Stuff]]) -> None:
    if not lumps:
        return
    shell, cortex, core = np.array([stuff for _, stuff in lumps], np.float32).T
    chords = lump_chords(grid, [part for part, _ in lumps], shell)
    weight = _absorbed(chords, cortex, core)
    # Processes seen end on: their real cortex is thinner at the tip than an ellipsoid's shell.
    long = np.flatnonzero(chords.outer > _LONG_MM)
    weight[long] *= (_LONG_MM / chords.outer.take(long)) ** np.float32(0.7)
    _add(bone, chords.place, weight)


def _absorbed(chords: Chords, cortex: Floats, core: Floats) -> Array:
    """Attenuation of each chord, of cortex and core [solid] in 1/mm."""
    weight = cortex.take(chords.owner) * (chords.outer - chords.inner)
    weight += core.take(chords.owner) * chords.inner
    return np.asarray(weight)


def _add_tubes(bone: Array, grid: Grid, tubes: Sequence[tuple[Tube, Stuff]]) -> None:
    if not tubes:
        return
    _, cortex, core = np.array([stuff for _, stuff in tubes], np.float32).T
    chords = tube_chords(grid, [part for part, _ in tubes])
    _add(bone, chords.place, _absorbed(chords, cortex, core))


def _arches(anatomy: Anatomy) -> list[tuple[Lump, Stuff]]:
    """Arches, fragments, bridges over discs and the pelvis, with what they are made of."""
    cortex, core = _cortex(anatomy), SPONGY * density(anatomy)
    found: list[tuple[Lump, Stuff]] = []
    for part in anatomy.vertebrae:
        gone = eaten_pedicle(part)
        stuff = Stuff(1.1, 0.65 * cortex, 0.7 * core)
        found += [(solid, stuff) for number, solid in enumerate(part.arch) if number != gone]
        if part.fragment is not None:
            found.append((part.fragment, Stuff(0.6, cortex, core)))
    bridge = Stuff(1.0, cortex, cortex)
    found += [(solid, bridge) for disc in anatomy.placed_discs for solid in disc.bridges]
    sacral = Stuff(0.8, 0.45 * cortex, 0.6 * core)
    found += [(solid, sacral) for part in anatomy.sacrum for solid in part.arch]
    found += [(solid, Stuff(1.8, 0.55 * cortex, 0.6 * core)) for solid in anatomy.pelvis]
    return found


def _metal(anatomy: Anatomy, grid: Grid) -> Floats:
    """Screws and rods as tubes of titanium; cages are mostly plastic with metal pins."""
    tubes = [Tube(np.array(part.ends_mm), part.radius_mm, part.radius_mm) for part in anatomy.metal]
    chosen = [number for number, part in enumerate(anatomy.metal) if part.lump is None]
    solid = tube_chords(grid, [tubes[number] for number in chosen])
    cages = [part.lump for part in anatomy.metal if part.lump is not None]
    caged = lump_chords(grid, cages, np.full(len(cages), 1.5)) if cages else joined([])
    weight = np.concatenate(
        [
            TITANIUM * solid.outer,
            _CAGE * (caged.outer - caged.inner) + 0.3 * _CAGE * caged.inner,
        ]
    )
    place = np.concatenate([solid.place, caged.place])
    return np.bincount(place, weights=weight, minlength=grid.shape[1] * grid.shape[2]).astype(np.float32)
