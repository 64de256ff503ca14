"""Counts what a Trainer really trains on: real tokens, padding, pictures, tokens a second, useful FLOPs, MFU.

    counters = Counters()
    counters.put_into(trainer)

TRL counts a pack of 4-row position ids as four tokens, and Trainer's own FLOPs are six operations a parameter
and token, frozen or not. Here a hook on the model looks at each batch of training, on its device, and nothing
waits for the device until something is logged or saved.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from transformers import DefaultFlowCallback, TrainerCallback
from transformers.trainer_callback import ExportableState

from spinemed.training.gpus import gpu_named, peak_flops
from spinemed.training.model_flops import Counts, ModelFlops, Shape, model_flops

IGNORED = -100
NAMES = tuple(Counts.__dataclass_fields__)


class Counters(TrainerCallback, ExportableState):  # type: ignore[misc]  # transformers carries no types
    """Adds counts to every log line of training; `totals` are those since the first step, resumed or not.

    A log line gets `real_tokens`, `padding` (share of positions), `images`, `tokens_per_second`,
    `useful_tflops` (10^12 operations a second and device), and where the device's peak is known `mfu` (useful
    operations over peak, 0 to 1) and `mfu_6n`, which counts six operations a parameter, for comparison.
    """

    def __init__(self, peak: float | None = None) -> None:
        """Take the peak operations a second of one device; None looks up the CUDA device's name."""
        self.peak = peak
        self.totals = Counts()
        self.seconds = 0.0
        self.flops: ModelFlops | None = None
        self._since = Counts()
        self._sums: Tensor | None = None
        self._began = 0.0
        self._hook: Any = None

    def put_into(self, trainer: Any) -> None:
        """Stand before a trainer's trackers, so that they see the counts, and behind what decides to log."""
        callbacks = trainer.callback_handler.callbacks
        flow = [isinstance(one, DefaultFlowCallback) for one in callbacks]
        callbacks.insert(flow.index(True) + 1, self)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"args": {}, "attributes": {"totals": asdict(self.totals), "seconds": self.seconds}}

    def on_train_begin(self, *given: Any, model: Any, **_: Any) -> None:
        """Take up the totals of the checkpoint, and look at what the model is given from now on."""
        _, state, _ = given
        kept = (state.stateful_callbacks or {}).get("Counters")
        if kept:
            self.totals = Counts(**kept["attributes"]["totals"])
            self.seconds = kept["attributes"]["seconds"]
        if self.peak is None and torch.cuda.is_available():
            name = gpu_named(torch.cuda.get_device_name())
            self.peak = peak_flops(name) if name else None
        self.flops = model_flops(model)
        self._since, self._sums, self._began = Counts(), None, time.monotonic()
        self._hook = model.register_forward_pre_hook(self._look, with_kwargs=True)

    def on_step_end(self, *given: Any, **_: Any) -> None:
        """Add up over the processes before a log line or a checkpoint."""
        _, _, control = given
        if control.should_log or control.should_save:
            self._settle()

    def on_log(self, *given: Any, logs: dict[str, float], **_: Any) -> None:
        """Add the counts since the last line to a line that tells the loss."""
        args, state, _ = given
        if "loss" not in logs or self.flops is None:
            return
        seconds = time.monotonic() - self._began
        told = rates(self._since, self.flops, seconds, args.world_size, self.peak)
        self.seconds += seconds
        self._since, self._began = Counts(), time.monotonic()
        logs.update(told)
        if state.log_history:
            state.log_history[-1].update(told)

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Look no more."""
        self._settle()
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def _look(self, model: Any, _: Any, batch: dict[str, Any]) -> None:
        if model.training and self.flops is not None and batch.get("input_ids") is not None:
            with torch.no_grad():
                sums = batch_sums(batch, self.flops.shape)
            self._sums = sums if self._sums is None else self._sums + sums

    def _settle(self) -> None:
        if self._sums is None:
            return
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(self._sums)
        seen = Counts(*self._sums.tolist())
        self._since, self.totals, self._sums = self._since.plus(seen), self.totals.plus(seen), None


def rates(
    counts: Counts, flops: ModelFlops, seconds: float, devices: int, peak: float | None
) -> dict[str, float]:
    """Return the figures of a log line for counts over all devices within `seconds`."""
    useful = flops.useful(counts) / seconds / devices
    told = {
        "real_tokens": counts.tokens,
        "padding": round(counts.padding / max(1, counts.tokens + counts.padding), 4),
        "images": counts.images,
        "tokens_per_second": round(counts.tokens / seconds, 1),
        "useful_tflops": useful / 1e12,
    }
    if peak:
        told["mfu"] = round(useful / peak, 4)
        told["mfu_6n"] = round(flops.six_n(counts) / seconds / devices / peak, 4)
    return told


def batch_counts(batch: Mapping[str, Any], shape: Shape) -> Counts:
    """Return the counts of one batch as a model is given it."""
    return Counts(*batch_sums(batch, shape).tolist())


def batch_sums(batch: Mapping[str, Any], shape: Shape) -> Tensor:
    """Return the counts of one batch as int64 in the order of Counts, on the batch's device.

    A batch with `attention_mask` (batch, position) is padded; one without is whole, and packed where its
    text positions (the only or the first row of `position_ids`) restart.
    """
    ids = batch["input_ids"]
    place = _places(batch)
    real = place >= 0
    tokens = real.sum()
    seen = (place + 1).clamp(min=0)
    values = {
        "tokens": tokens,
        "padding": ids.numel() - tokens,
        "labels": _labels(batch, tokens),
        "pairs": seen.sum(),
        "sliding_pairs": (seen.clamp(max=shape.window) if shape.window else seen).sum(),
    }
    values |= _pictures(batch, shape, ((ids == shape.image_token) & real).sum())
    return torch.stack([torch.as_tensor(values[name], device=ids.device).long() for name in NAMES])


def _places(batch: Mapping[str, Any]) -> Tensor:
    """Return the place of every token in its sample, (batch, position), -1 for padding."""
    ids, mask, positions = batch["input_ids"], batch.get("attention_mask"), batch.get("position_ids")
    if isinstance(mask, Tensor) and mask.ndim == 2:
        return torch.where(mask.bool(), mask.long().cumsum(-1) - 1, -1)
    if isinstance(positions, Tensor) and positions.shape[0] != 3:
        text = positions[0] if positions.ndim == 3 else positions
        return text.expand(ids.shape)
    return torch.arange(ids.shape[1], device=ids.device).expand(ids.shape)


def _labels(batch: Mapping[str, Any], tokens: Tensor) -> Tensor | int:
    labels, columns = batch.get("labels"), batch.get("logits_to_keep")
    if isinstance(labels, Tensor):
        return (labels[:, 1:] != IGNORED).sum()
    if isinstance(columns, Tensor):
        return int(columns.numel() * batch["input_ids"].shape[0])
    return tokens


def _pictures(batch: Mapping[str, Any], shape: Shape, image_tokens: Tensor) -> dict[str, Any]:
    grid = batch.get("image_grid_thw")
    if isinstance(grid, Tensor):
        patches, frames = grid[:, 1] * grid[:, 2], grid[:, 0]
        return {
            "images": grid.shape[0],
            "image_tokens": image_tokens,
            "patches": (patches * frames).sum(),
            "patch_pairs": (patches**2 * frames).sum(),
            "window_pairs": (patches * patches.clamp(max=shape.tower_window) * frames).sum(),
        }
    patches = image_tokens * shape.merge
    tile = shape.tile_patches
    pixels = batch.get("pixel_values")
    if isinstance(pixels, Tensor) and pixels.ndim == 4:  # pictures of one size, not always the config's
        return {
            "images": len(pixels),
            "image_tokens": image_tokens,
            "patches": patches,
            "patch_pairs": patches * patches // max(1, len(pixels)),
            "window_pairs": 0,
        }
    return {
        "images": patches // tile if tile else 0,
        "image_tokens": image_tokens,
        "patches": patches,
        "patch_pairs": patches * tile,
        "window_pairs": 0,
    }
