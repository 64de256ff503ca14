"""Which series a phantom study gets: the kinds asked for, or those that a doctor would have asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast, get_args

from spinemed.errors import ConfigError
from spinemed.phantom.export.referral import REFERRAL, referral_kinds
from spinemed.phantom.patient.later import may_bend, may_shrink, may_sink, may_spread
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.rendering.acquisition import SeriesKind
from spinemed.phantom.rendering.framing import FieldOfView

ALL_KINDS: Final[tuple[SeriesKind, ...]] = get_args(SeriesKind)
_ALWAYS: Final[tuple[SeriesKind, ...]] = ("ct", "t1", "t2", "stir", "t2_axial", "xr_ap", "xr_lat")
_MOVED: Final[tuple[SeriesKind, ...]] = ("xr_flexion", "xr_extension")
_FULL: Final[tuple[SeriesKind, ...]] = ("xr_full_ap", "xr_full_lat")
_AXIAL_DISCS: Final[int] = 3


def default_kinds(patient: Patient) -> tuple[SeriesKind, ...]:
    """Return CT, MR and two radiographs; flexion and extension with a slip, full films with a deformity.

    >>> from spinemed.phantom.patient.sample import sample_patient
    >>> default_kinds(sample_patient(7))[:3]
    ('ct', 't1', 't2')
    """
    kinds = _ALWAYS
    if "spondylolisthesis" in patient.conditions:
        kinds += _MOVED
    if {"scoliosis", "kyphosis", "transitional_anatomy"} & set(patient.conditions):
        kinds += _FULL
    return kinds


def checked_kinds(kinds: Sequence[str]) -> tuple[SeriesKind, ...]:
    """Return the kinds in their fixed order, each once; ConfigError for none and for unknown ones.

    >>> checked_kinds(["t2", "ct", "t2"])
    ('ct', 't2')
    """
    unknown = [kind for kind in kinds if kind not in ALL_KINDS]
    if unknown or not kinds:
        raise ConfigError(
            f"series {', '.join(unknown) or 'none'} cannot be made; choose from {', '.join(ALL_KINDS)}; "
            f"or {REFERRAL} alone"
        )
    return tuple(kind for kind in ALL_KINDS if kind in kinds)


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return what `kinds` may be as given: `referral` alone, or kinds of series; ConfigError as below.

    >>> checked_names(["referral"]), checked_names(["t2", "ct"])
    (('referral',), ('ct', 't2'))
    """
    return (REFERRAL,) if tuple(names) == (REFERRAL,) else checked_kinds(names)


def kinds_for(patient: Patient, names: Sequence[str] | None) -> tuple[SeriesKind, ...]:
    """Return the patient's kinds of series: by state for None, of a referral, or those named.

    ConfigError for unknown names, for none, and for `referral` beside others.
    """
    if names is None:
        return default_kinds(patient)
    return checked_kinds(referral_kinds(patient) if tuple(names) == (REFERRAL,) else names)


def follows_up(names: Sequence[str] | None) -> bool:
    """Return whether a later examination is taken where nothing is said: not where series are named."""
    return names is None or tuple(names) == (REFERRAL,)


def axial_discs(patient: Patient) -> tuple[str, ...]:
    """Return the vertebrae above the discs that get axial slices, from below upwards.

    The three lowest, and others that are herniated, narrowed or slipped or press on the cord: axial slices
    go where the sagittal ones showed something.
    """
    chosen = [
        disc.above
        for number, disc in enumerate(patient.discs)
        if number < _AXIAL_DISCS
        or disc.herniation is not None
        or max(disc.narrowing.flavum_mm / 3, *disc.narrowing.recess_mm) > 0.5
        or disc.above == patient.myelopathy
    ]
    return tuple(chosen[:6])


def kinds_that_show_change(patient: Patient, kinds: Sequence[SeriesKind]) -> tuple[SeriesKind, ...]:
    """Return which of the first examination's kinds a later one repeats: those that show what may change."""
    of_bones: tuple[SeriesKind, ...] = ("ct", "t2", "stir")
    wanted: set[SeriesKind] = set()
    if any(may_sink(shape) or may_spread(shape) for shape in patient.vertebrae):
        wanted.update(of_bones)
    if followed_discs(patient):
        wanted.update(("t2", "t2_axial"))
    if may_bend(patient):
        wanted.add("xr_full_ap")
    return tuple(kind for kind in kinds if kind in wanted)


def followed_discs(patient: Patient) -> tuple[str, ...]:
    """Return the discs with axial slices whose herniation a later examination looks at again."""
    return tuple(above for above in axial_discs(patient) if may_shrink(patient.disc(above)))


def axial_name(above: str, below: str) -> str:
    """Return the folder of the axial slices through a disc.

    >>> axial_name("L4", "L5")
    't2_axial_L4-L5'
    """
    return f"t2_axial_{above}-{below}"


def checked_field(field: str) -> FieldOfView:
    """Return a field of view; ConfigError for an unknown one.

    >>> checked_field("lumbar")
    'lumbar'
    """
    for known in get_args(FieldOfView):
        if field == known:
            return cast(FieldOfView, known)
    raise ConfigError(f"unknown field of view {field!r}; choose from {', '.join(get_args(FieldOfView))}")
