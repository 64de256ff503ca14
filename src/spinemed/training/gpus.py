"""Peak speed and memory of named GPUs, with the vendor's document that states them."""

from __future__ import annotations

import re
from typing import NamedTuple

from spinemed.errors import ConfigError


class Gpu(NamedTuple):
    """What a vendor states for a GPU.

    tflops : 10^12 operations a second in bf16 with fp32 sums, dense (half of the figure with sparsity)
    memory : GiB as sold
    number : the type that `tflops` is for
    source : the document
    """

    tflops: float
    memory: int
    source: str
    number: str = "bf16"


_AMPERE = "NVIDIA A100 Tensor Core GPU data sheet"
_HOPPER = "NVIDIA H100 Tensor Core GPU data sheet (1,979 with sparsity)"
GPUS = {
    "T4": Gpu(65, 16, "NVIDIA T4 Tensor Core GPU data sheet; T4 has no bf16", "fp16"),
    "A10": Gpu(125, 24, "NVIDIA A10 Tensor Core GPU data sheet"),
    "L4": Gpu(121, 24, "NVIDIA L4 Tensor Core GPU data sheet (242 with sparsity)"),
    "RTX 3090": Gpu(71, 24, "NVIDIA Ampere GA102 GPU architecture white paper, table of GeForce RTX 3090"),
    "RTX 4090": Gpu(165.2, 24, "NVIDIA Ada GPU architecture white paper, appendix A"),
    "A100 40GB": Gpu(312, 40, _AMPERE),
    "A100 80GB": Gpu(312, 80, _AMPERE),
    "L40S": Gpu(362.05, 48, "NVIDIA L40S data sheet (733 with sparsity)"),
    "H100 PCIe": Gpu(756, 80, "NVIDIA H100 Tensor Core GPU data sheet, PCIe (1,513 with sparsity)"),
    "H100 SXM": Gpu(989.4, 80, _HOPPER),
    "H200": Gpu(989.4, 141, "NVIDIA H200 Tensor Core GPU data sheet (1,979 with sparsity)"),
}
# Names as CUDA tells them; the first that is found counts.
_TOLD = (
    (r"H200", "H200"),
    (r"H100.*PCIe", "H100 PCIe"),
    (r"H100.*(HBM3|SXM)", "H100 SXM"),
    (r"A100.*80GB", "A100 80GB"),
    (r"A100.*40GB", "A100 40GB"),
    (r"L40S", "L40S"),
    (r"L4\b", "L4"),
    (r"A10\b", "A10"),
    (r"RTX 4090$", "RTX 4090"),
    (r"RTX 3090$", "RTX 3090"),
    (r"T4\b", "T4"),
)


def gpu_named(told: str) -> str | None:
    """Return the name in GPUS of a device as `torch.cuda.get_device_name` tells it, None if it is not there.

    >>> gpu_named("NVIDIA H100 80GB HBM3"), gpu_named("NVIDIA H100 PCIe"), gpu_named("NVIDIA A10G")
    ('H100 SXM', 'H100 PCIe', None)
    """
    return next((name for pattern, name in _TOLD if re.search(pattern, told)), None)


def peak_flops(name: str) -> float:
    """Return the peak operations a second of a GPU in GPUS; ConfigError for another name."""
    if name not in GPUS:
        raise ConfigError(f"no peak is known for {name!r}; known are {', '.join(GPUS)}")
    return GPUS[name].tflops * 1e12
