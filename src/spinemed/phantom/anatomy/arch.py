"""The arch of a vertebra as lumps in its body's frame: pedicles, laminae, articular processes, processes.

Sizes follow the body and the canal; the shares are set by eye against CT [assumed]. Between the inferior
articular processes of a vertebra and the superior ones of the next below stays a joint gap.
"""

from __future__ import annotations

from typing import Final

from spinemed.phantom.anatomy.solids import Mould
from spinemed.phantom.patient.shapes import VertebraShape

_SIDES: Final = (-1.0, 1.0)
# Spinous process by region: length in mm, mm up for each mm backwards, half of its height as a share of
# the body's; by level where it departs from the region. L3's is the longest lumbar one (PMC3955794).
_SPINOUS: Final[dict[str, tuple[float, float, float]]] = {
    "L": (28.0, -0.12, 0.42),
    "T": (31.0, -0.70, 0.28),
    "C": (17.0, -0.35, 0.30),
    "L3": (30.0, -0.10, 0.43),
    "L5": (24.0, -0.10, 0.36),
    "L6": (23.0, -0.10, 0.34),
    "T1": (30.0, -0.35, 0.30),
    "T2": (30.0, -0.50, 0.28),
    "T3": (30.0, -0.60, 0.28),
    "T11": (26.0, -0.35, 0.34),
    "T12": (26.0, -0.15, 0.40),
    "T13": (27.0, -0.13, 0.41),
    "C2": (19.0, -0.25, 0.30),
    "C6": (21.0, -0.38, 0.30),
    "C7": (29.0, -0.40, 0.32),
}
# Transverse process, lumbar: half length in mm. L3's are the longest, L5's the stoutest.
_TRANSVERSE: Final[dict[str, float]] = {"L1": 12.0, "L2": 14.5, "L3": 17.0, "L4": 15.0}


def arch_moulds(shape: VertebraShape, wall_mm: float, height_mm: float) -> list[Mould]:
    """Return the arch's lumps of any vertebra from C2 down.

    `wall_mm` is the half depth of its body, `height_mm` the body's full height behind. At most 13 lumps.
    """
    build = _BUILDERS[shape.level[0]] if shape.level not in ("T12", "T13") else _lumbar
    parts = build(shape, wall_mm, height_mm)
    if not shape.laminectomy:
        parts.append(_spinous(shape, wall_mm, height_mm))
    return _torn(shape, parts)


def _lumbar(shape: VertebraShape, wall: float, height: float) -> list[Mould]:
    depth, width = shape.canal_depth_mm, shape.canal_width_mm
    parts: list[Mould] = []
    for side in _SIDES:
        root = side * (width / 2 + 4.6)
        parts.append(Mould((root, wall + 4.0, 0.20 * height), (4.8, 9.5, 0.28 * height)))
        if not shape.laminectomy:
            lamina = (side * (width / 4 + 2.0), wall + depth + 3.2, -0.20 * height)
            parts.append(Mould(lamina, (width / 4 + 4.5, 3.2, 0.39 * height), flare=0.45 * side))
        upper = (side * (width / 2 + 6.5), wall + 0.80 * depth + 1.0, 0.50 * height)
        lower = (side * (width / 2 + 1.0), wall + 0.95 * depth + 7.2, -0.58 * height)
        parts.append(_isthmus(side * (width / 2 + 3.6), wall + 10.0, wall + 0.95 * depth + 5.5, height))
        parts.append(Mould(upper, (4.5, 4.2, 0.38 * height), flare=0.3 * side))
        parts.append(Mould(lower, (4.2, 4.0, 0.40 * height), flare=0.3 * side))
        parts.append(_lumbar_transverse(shape, wall, height, side, root))
    return parts


def _isthmus(aside: float, front: float, back: float, height: float) -> Mould:
    """The pars interarticularis: bone that runs down from the pedicle's end to the lower joint."""
    high, low = 0.15 * height, -0.38 * height
    radii = (4.0, (back - front) / 2 + 2.0, 0.27 * height)
    centre = (aside, (front + back) / 2, (high + low) / 2)
    return Mould(centre, radii, slant=(low - high) / (back - front))


def _lumbar_transverse(shape: VertebraShape, wall: float, height: float, side: float, root: float) -> Mould:
    """The transverse process; on the side of a Castellvi change broad and reaching down to the sacrum."""
    name = "left" if side > 0 else "right"
    if shape.castellvi and shape.castellvi_side in (name, "both"):
        grade = shape.castellvi.rstrip("ab")
        down = {"I": 0.05, "II": -0.32, "III": -0.45, "IV": -0.38}[grade] * height
        tall = {"I": 10.5, "II": 12.0, "III": 15.0, "IV": 13.5}[grade]
        return Mould((root + side * 16.0, wall + 5.0, down), (18.0, 8.0, tall))
    half = _TRANSVERSE.get(shape.level, 14.0) if shape.level[0] == "L" else 9.0
    stout = 6.5 if shape.level in ("L5", "L6") else 4.6
    centre = (root + side * half, wall + 8.0, 0.12 * height)
    return Mould(centre, (half + 1.0, 4.0, stout), flare=-0.15 * side, lift=0.12 * side)


def _thoracic(shape: VertebraShape, wall: float, height: float) -> list[Mould]:
    depth, width = shape.canal_depth_mm, shape.canal_width_mm
    half = 8.0 if shape.level == "T11" else 11.5
    parts: list[Mould] = []
    for side in _SIDES:
        root = side * (width / 2 + 3.0)
        parts.append(Mould((root, wall + 4.0, 0.22 * height), (3.2, 9.0, 0.27 * height)))
        if not shape.laminectomy:
            lamina = (side * (width / 4 + 1.0), wall + depth + 2.6, -0.16 * height)
            parts.append(Mould(lamina, (width / 4 + 4.0, 2.7, 0.50 * height), flare=0.4 * side, slant=-0.3))
        upper = (side * (width / 2 + 2.5), wall + 0.80 * depth + 1.5, 0.52 * height)
        lower = (side * (width / 2 + 1.5), wall + 0.90 * depth + 5.0, -0.56 * height)
        parts.append(Mould(upper, (4.8, 2.2, 0.27 * height)))
        parts.append(Mould(lower, (4.8, 2.3, 0.30 * height)))
        across = (root + side * half, wall + 0.75 * depth + 7.0, 0.14 * height)
        parts.append(Mould(across, (half + 1.0, 4.0, 4.6), flare=-0.45 * side, lift=0.12 * side))
    return parts


def _cervical(shape: VertebraShape, wall: float, height: float) -> list[Mould]:
    depth, width = shape.canal_depth_mm, shape.canal_width_mm
    second = shape.level == "C2"
    parts: list[Mould] = []
    for side in _SIDES:
        pillar = side * (width / 2 + 5.0)
        root = (side * (width / 2 + 1.5), wall + 2.0, 0.05 * height)
        parts.append(Mould(root, (3.2, 6.5, 0.26 * height), flare=-0.5 * side))
        if not shape.laminectomy:
            lamina = (side * (width / 4 + 1.0), wall + depth + 1.8, -0.15 * height)
            parts.append(Mould(lamina, (width / 4 + 4.0, 2.2, 0.42 * height), flare=0.5 * side, slant=-0.25))
        if second:
            parts.append(
                Mould((side * 11.0, wall * 0.2, 0.22 * height), (8.0, 8.0, 0.34 * height), lift=-0.4 * side)
            )
        else:
            upper = (pillar, wall + 0.35 * depth + 1.5, 0.34 * height)
            parts.append(Mould(upper, (5.8, 5.2, 0.40 * height), slant=-0.55))
        lower = (pillar, wall + 0.35 * depth + 5.0, -0.46 * height)
        parts.append(Mould(lower, (5.6, 5.0, 0.39 * height), slant=-0.55))
        across = (side * (width / 2 + 6.0), wall - 3.0, -0.05 * height)
        parts.append(Mould(across, (6.5, 4.0, 3.2), flare=0.35 * side))
    if second:
        tall = 0.5 * height
        parts.append(Mould((0.0, -0.5, tall + 6.0), (4.8, 5.2, 10.5), squared=True))
    return parts


_BUILDERS: Final = {"L": _lumbar, "T": _thoracic, "C": _cervical}


def _spinous(shape: VertebraShape, wall: float, height: float) -> Mould:
    long, tall, slant = shape.process
    length, rise, half_tall = _SPINOUS.get(shape.level, _SPINOUS[shape.level[0]])
    length *= long
    rise += slant
    thick = 3.4 if shape.level[0] == "L" else 2.9
    centre = (0.0, wall + shape.canal_depth_mm + 2.0 + length / 2, -0.22 * height + rise * length / 2)
    radii = (thick, length / 2 + 2.5, half_tall * tall * shape.posterior_height_mm)
    return Mould(centre, radii, slant=rise, squared=True)


def _torn(shape: VertebraShape, parts: list[Mould]) -> list[Mould]:
    """The parts, those behind the canal sunk where the posterior elements are torn from those above."""
    if shape.fracture is None or shape.fracture.splay_mm <= 0:
        return parts
    behind = 0.7 * shape.canal_depth_mm + shape.depth_mm / 2
    return [
        part._replace(centre=(*part.centre[:2], part.centre[2] - shape.fracture.splay_mm))
        if part.centre[1] > behind and part.centre[2] < 0.3 * shape.posterior_height_mm
        else part
        for part in parts
    ]


def atlas_moulds(half_depth_mm: float, canal_depth_mm: float) -> list[Mould]:
    """Return the ring of C1 behind its anterior arch: lateral masses, transverse processes, posterior arch.

    `canal_depth_mm` is from the anterior arch's back to the posterior arch's front, the dens included.
    """
    back = half_depth_mm + canal_depth_mm
    parts = [Mould((0.0, back + 3.0, 0.0), (8.0, 3.2, 5.0), squared=True)]
    for side in _SIDES:
        parts += [
            Mould((side * 17.0, half_depth_mm + 8.0, 0.0), (7.5, 9.5, 8.0), lift=0.3 * side),
            Mould((side * 30.0, half_depth_mm + 10.0, 0.0), (9.0, 5.0, 4.5)),
            Mould((side * 11.5, back - 4.0, 0.0), (11.5, 3.0, 4.2), flare=0.75 * side),
        ]
    return parts
