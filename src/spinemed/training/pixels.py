"""Pictures to model inputs as bytes: resized and cut as uint8, normalised on the device, bit for bit.

A grey picture keeps one channel up to the device: each channel of the stock result depends on that channel
alone. The float values come from a table of 256 values a channel, made with the stock processor's own
arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from spinemed.errors import ConfigError

Resizer = Literal["pil", "torchvision"]
CACHED = 50_000  # places that are normalised at once, so that they stay in the cache
MODES = {1: "lanczos", 2: "bilinear", 3: "bicubic"}  # PIL's numbers of filters, torch's names


def resizer_of(images: Any, wanted: Resizer | None = None) -> Resizer:
    """Return whose resizing to follow: the one asked for, else that of the image processor `images`."""
    if wanted not in (None, "pil", "torchvision"):
        raise ConfigError(f"resize: {wanted!r} is neither 'pil' nor 'torchvision'")
    return wanted or ("pil" if images.backend == "pil" else "torchvision")


def check_followed(images: Any, **wanted: Any) -> int:
    """Return the number of the filter (PIL's) after checking that `images` has settings followed here.

    Every image processor must resize, rescale and normalise; `wanted` names further settings with the value
    they must have (None counts as False). Raises ConfigError for any other.
    """
    needed = {"do_resize": True, "do_rescale": True, "do_normalize": True, "do_convert_rgb": True, **wanted}
    for name, value in needed.items():
        seen = getattr(images, name, None)
        if (seen or False) != (value or False):
            raise ConfigError(f"{type(images).__name__}: {name} is {seen!r}, only {value!r} is followed here")
    resample = int(images.resample)
    if resample not in MODES:
        raise ConfigError(f"{type(images).__name__}: filter {resample} is not one of {sorted(MODES)}")
    return resample


def without_colour(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return [row, column] where the three channels of [row, column, 3] are the same, else the picture."""
    if picture.ndim == 2:
        return picture
    few = picture[:: max(1, len(picture) // 16)]
    for part in (few, picture):
        red = part[..., 0]
        if not (np.array_equal(red, part[..., 1]) and np.array_equal(red, part[..., 2])):
            return picture
    return np.ascontiguousarray(picture[..., 0])


def resized(
    picture: NDArray[np.uint8], height: int, width: int, resample: int, how: Resizer
) -> NDArray[np.uint8]:
    """Return a picture [row, column] or [row, column, 3] at another size, with PIL's or torch's bits."""
    if picture.shape[:2] == (height, width):
        return picture
    if how == "pil":
        return np.asarray(Image.fromarray(picture).resize((width, height), resample))
    way = _by_torch if picture.ndim == 3 else _grey_by_torch
    return way(_shared(picture), height, width, resample).numpy()


class _Open:
    """An array's memory, said to be writable: Pillow's are not, and torch warns though it only reads."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        shown = picture.__array_interface__
        self.kept, self.__array_interface__ = picture, {**shown, "data": (shown["data"][0], False)}


def _shared(picture: NDArray[np.uint8]) -> Tensor:
    """Return a tensor of a picture's own memory, to be read only."""
    picture = np.ascontiguousarray(picture)
    return torch.from_numpy(picture if picture.flags.writeable else np.asarray(_Open(picture)))


def _by_torch(picture: Tensor, height: int, width: int, resample: int) -> Tensor:
    """Return [row, column, channel] resized; torch is spared the packing of channels, most of its time."""
    planes = picture.permute(2, 0, 1)[None]
    # One image's stride of the batch is restored, as torchvision does, or the result would be packed planar.
    planes = planes.as_strided(planes.shape, (planes.numel(), *planes.stride()[1:]))
    result = interpolate(
        planes, size=(height, width), mode=MODES[resample], antialias=True, align_corners=False
    )
    return result[0].permute(1, 2, 0).contiguous()


def _grey_by_torch(picture: Tensor, height: int, width: int, resample: int) -> Tensor:
    """Return [row, column] resized, four rows and then four columns at a time in torch's four channels.

    Torch resizes columns and then rows, rounding to uint8 in between, and neither step mixes channels: so
    rows (in the first step) and columns (in the second) may stand as channels of one picture.
    """
    rows, columns = picture.shape
    if width % 4:
        return _by_torch(picture[..., None], height, width, resample)[..., 0]
    if columns != width:
        quarter = -(-rows // 4)
        if quarter * 4 != rows:
            padded = torch.zeros(quarter * 4, columns, dtype=torch.uint8)
            padded[:rows] = picture
            picture = padded
        bands = picture.contiguous().view(1, 4, quarter, columns)
        wide = interpolate(
            bands, size=(quarter, width), mode=MODES[resample], antialias=True, align_corners=False
        )
        picture = wide.reshape(4 * quarter, width)[:rows]
    if rows != height:
        picture = _by_torch(picture.reshape(rows, width // 4, 4), height, width // 4, resample)
    return picture.reshape(height, width)


def cut_patches(picture: NDArray[np.uint8], patch: int, merge: int, out: NDArray[np.uint8]) -> None:
    """Write a picture's patches into `out` (patches, patch * patch * channels), merge x merge at a time.

    The sides are multiples of patch * merge. Within a patch the order is [row, column, channel].
    """
    rows, columns = picture.shape[0] // patch, picture.shape[1] // patch
    line = out.shape[1] // patch  # bytes of one row of a patch
    source = picture.reshape(rows // merge, merge, patch, columns // merge, merge, line)
    target = out.reshape(rows // merge, columns // merge, merge, merge, patch, line)
    np.copyto(target, source.transpose(0, 3, 1, 4, 2, 5))


def stacked(pictures: list[NDArray[np.uint8]]) -> Tensor:
    """Return pictures of one size as (pictures, rows, columns, channels): 1 channel where all are grey."""
    channels = 1 if all(picture.ndim == 2 for picture in pictures) else 3
    out = np.empty((len(pictures), *pictures[0].shape[:2], channels), dtype=np.uint8)
    for place, picture in enumerate(pictures):
        out[place] = picture[..., None] if picture.ndim == 2 else picture
    return torch.from_numpy(out)


@dataclass(frozen=True)
class Values:
    """What a byte becomes in each channel: a table (3, 256), and the arithmetic that gives it where one does.

    That is (byte / divisor - mean) / spread in float32, three means and spreads; `is_exact` says whether it
    gave the table's very bits for all 256 bytes. The table is what any other device uses.
    """

    table: Tensor
    divisor: float
    mean: Tensor
    spread: Tensor
    is_exact: bool

    def of(self, pixels: Tensor, frames: int = 1) -> Tensor:
        """Return float32 (count, 3, frames, places) for bytes (count, places, channels), 1 channel or 3."""
        count, places, _ = pixels.shape
        if pixels.device.type != "cpu" or not self.is_exact:
            found = self._looked_up(pixels)[:, :, None]
            return found.expand(count, 3, frames, places)
        found = torch.empty(count, 3, frames, places)
        items, step = max(1, CACHED // places), min(places, CACHED)
        for first in range(0, count, items):
            for start in range(0, places, step):
                part = pixels[first : first + items, start : start + step]
                target = found[first : first + items, ..., start : start + step]
                target.copy_(self._computed(part)[:, :, None].expand(target.shape))
        return found

    def _computed(self, pixels: Tensor) -> Tensor:
        floats = pixels.transpose(1, 2).contiguous().to(torch.float32)
        if self.divisor != 1:
            floats = floats.div_(self.divisor)
        return (floats - self.mean).div_(self.spread)

    def _looked_up(self, pixels: Tensor) -> Tensor:
        starts = torch.arange(3, dtype=torch.int32, device=pixels.device).view(1, 3, 1) * 256
        places = pixels.transpose(1, 2).to(torch.int32) + starts
        flat = self.table.to(pixels.device).reshape(-1)
        return flat.index_select(0, places.reshape(-1)).view(places.shape)


def values_of(images: Any, how: Resizer) -> Values:
    """Return the values of bytes by the arithmetic of the stock processor.

    The fast processors subtract mean * 255 and divide by std * 255 in float32; the Pil ones scale in float64
    first, which is the float32 quotient where the scale is 1 / 255.
    """
    scale = images.rescale_factor
    mean, spread = torch.tensor(images.image_mean), torch.tensor(images.image_std)
    every = np.arange(256, dtype=np.uint8)
    if how == "pil":
        scaled = torch.from_numpy((every.astype(np.float64) * scale).astype(np.float32))
        table, divisor = (scaled - mean[:, None]) / spread[:, None], 1 / scale
    else:
        mean, spread, divisor = mean * (1.0 / scale), spread * (1.0 / scale), 1.0
        table = (torch.from_numpy(every).to(torch.float32) - mean[:, None]).div(spread[:, None])
    made = Values(table, divisor, mean.view(1, 3, 1), spread.view(1, 3, 1), is_exact=True)
    found = made._computed(torch.from_numpy(every).view(1, 256, 1))[0]
    return replace(made, is_exact=torch.equal(found, table))


def moved(batch: Any, device: torch.device | str | None) -> dict[str, Tensor]:
    """Return the batch with its tensors on `device`, as they are where that is None."""
    if device is None:
        return dict(batch)
    return {name: one.to(device, non_blocking=True) for name, one in batch.items()}
