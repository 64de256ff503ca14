"""The forecast as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from spinemed.training.forecast import Forecast


def forecast_lines(found: Forecast) -> list[str]:
    """Return what `spinemed preflight` prints."""
    return [
        f"model: {found.model}",
        *_rows(found),
        *_batches(found),
        *_modules(found),
        *_memory(found),
        *_gpus(found),
        f"assumed: {found.assumed}",
    ]


def size(gib: float) -> str:
    """Return a size with a unit that suits it.

    >>> size(6.94), size(0.0301), size(0.00001)
    ('6.9 GiB', '31 MiB', '10 KiB')
    """
    if gib >= 1:
        return f"{gib:.1f} GiB"
    return f"{gib * 1024:.0f} MiB" if gib >= 1 / 1024 else f"{gib * 1024**2:.0f} KiB"


def _rows(found: Forecast) -> Iterator[str]:
    rows = found.rows
    yield f"rows: {rows.read:,} read from {found.corpus}, {rows.kept:,} kept, {rows.refused:,} refused"
    for reason, count in rows.reasons.items():
        yield f"  refused {count:,}: {reason}"
    yield (
        f"tokens an epoch: {rows.tokens:,} (of pictures {rows.image_tokens:,}, of replies "
        f"{rows.label_tokens:,}); pictures {rows.images:,}; longest row {rows.longest:,}"
    )


def _batches(found: Forecast) -> Iterator[str]:
    yield "batches an epoch, and how much of them is padding:"
    for name, kind in found.batches.items():
        mark = "  <- chosen" if name == found.chosen else ""
        yield f"  {name:<8}{kind.batches:>10,}{kind.waste:>9.1%}{mark}"
    yield f"  {found.chosen}, since {found.reason}"
    yield f"steps: {found.steps:,} in {found.epochs:.4g} epochs on {found.devices} device(s)"


def _modules(found: Forecast) -> Iterator[str]:
    yield "weights:"
    for row in found.modules:
        extra = f", LoRA adds {row.adapters:,}" if row.adapters else ""
        yield f"  {row.part:<11}{row.state:<8}{row.trained:<7}{row.parameters:>15,}{extra}"


def _memory(found: Forecast) -> Iterator[str]:
    yield (
        f"predicted memory of a device: {size(found.peak_gib)} at its peak ({found.peak_moment}); "
        f"states shared: {found.sharing}"
    )
    for term in sorted(found.terms, key=lambda term: -term.gib):
        if term.moment in ("always", found.peak_moment):
            yield f"  {size(term.gib):>10}  {term.name}"


def _gpus(found: Forecast) -> Iterator[str]:
    yield f"useful operations {found.useful_flops:.3g}; at an assumed MFU of {found.mfu:.0%}:"
    for one in found.gpus:
        room = f"fits, {one.room_gib:.1f} GiB left" if one.fits else one.why_not
        price = "" if one.price is None else f"  price {one.price:,.2f}"
        yield (
            f"  {one.gpu:<11}{one.memory_gib:>4} GiB  {room:<24}{one.hours:>10,.2f} h"
            f"{one.tokens_per_second:>12,.0f} tokens/s{price}"
        )
