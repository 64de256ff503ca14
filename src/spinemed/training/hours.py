"""Hours and price of a run on named GPUs, from useful operations at a share of the peak that is assumed.

The share is useful MFU: operations that training needs over what the vendor states for dense bf16
(model_flops.py, gpus.py). 0.35 is the aim for packs of 8,000 tokens on one H100, not a measurement; published
runs of vision-language models reach 0.30 to 0.40 by other ways of counting.
"""

from __future__ import annotations

from dataclasses import dataclass

from spinemed.errors import ConfigError
from spinemed.training.gpus import GPUS, peak_flops
from spinemed.training.model_flops import Counts, ModelFlops

MFU = 0.35


@dataclass(frozen=True)
class Hours:
    """What a run takes on so many GPUs of one kind; `price` is in the currency of the hourly price."""

    gpu: str
    devices: int
    useful_flops: float
    mfu: float
    hours: float
    tokens_per_second: float
    price: float | None


def hours(
    flops: ModelFlops,
    counts: Counts,
    gpu: str,
    *,
    devices: int = 1,
    mfu: float = MFU,
    an_hour: float | None = None,
) -> Hours:
    """Return hours and real tokens a second over all devices for `counts`, the sums of the whole run.

    `an_hour` is the price of one GPU for an hour. Raises ConfigError for an unknown GPU and a share outside
    0 to 1.
    """
    if not 0 < mfu <= 1:
        raise ConfigError(f"an MFU of {mfu} is not a share of the peak; give one above 0 and up to 1")
    if devices < 1:
        raise ConfigError(f"{devices} GPUs: at least one is needed")
    useful = flops.useful(counts)
    seconds = useful / (peak_flops(gpu) * mfu * devices)
    return Hours(
        gpu=gpu,
        devices=devices,
        useful_flops=useful,
        mfu=mfu,
        hours=seconds / 3600,
        tokens_per_second=counts.tokens / seconds if seconds else 0.0,
        price=None if an_hour is None else an_hour * devices * seconds / 3600,
    )


def known_gpus(names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return the names, all GPUs that are known where none is given; ConfigError for an unknown one."""
    for name in names:
        peak_flops(name)
    return tuple(names) or tuple(GPUS)
