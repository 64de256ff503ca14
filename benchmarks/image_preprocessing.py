"""Pictures a second that become model inputs on one core: ours beside the stock fast and Pil processors.

    pip install --no-deps --target peers torchvision==0.28.0
    python benchmarks/image_preprocessing.py --peers peers

Every way starts from the same decoded pictures (Pillow's) and a row is timed only after ours gave the very
values of the stock processor: the greatest difference must be 0. `ours_worker` is what a data worker does
(`Family.pixels`: bytes), `ours_cpu` does the rest (`Family.finish`) on the same core too, which on a GPU is
done there. All ways take turns in one process with one thread; times are processor times, the median of the
rounds with the least and the greatest beside it. Pictures are grey files (as radiographs, CT and MR mostly
are), grey ones stored in three channels, and coloured ones. torchvision's wheel on the package index wants
another torch than the CPU build, so its operators are declared before it is imported; resizing needs none
of them. Without --peers only the Pil processors are compared. Results go to
benchmarks/results/image_preprocessing.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from setting import setting

if (
    TYPE_CHECKING
):  # transformers looks for torchvision when it is imported, which is after the peers are there
    from spinemed.training.families import Family

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "image_preprocessing.json"
OPERATORS = ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
SIZES = [(512, 512), (1024, 1024), (896, 2048), (2048, 896), (320, 240)]  # rows, columns
KINDS = ("grey", "grey_in_three", "coloured")
TOKENS = 768  # the most image tokens of a picture for the Qwen families
CLIP = {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
GEMMA = {"size": {"height": 896, "width": 896}}


def qwen_settings(side: int, **more: Any) -> dict[str, Any]:
    """Return the settings of a Qwen image processor with 4 to TOKENS tokens of side x side pixels."""
    return {"size": {"shortest_edge": 4 * side**2, "longest_edge": TOKENS * side**2}, **more}


QWEN3 = qwen_settings(32, patch_size=16, image_mean=[0.5] * 3, image_std=[0.5] * 3)
# family: class of its processor; module, class and settings of its image processor
STOCK: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "qwen2_5_vl": ("Qwen2_5_VLProcessor", "qwen2_vl", "Qwen2VLImageProcessor", qwen_settings(28)),
    "qwen3_vl": ("Qwen3VLProcessor", "qwen2_vl", "Qwen2VLImageProcessor", QWEN3),
    "idefics3": ("Idefics3Processor", "idefics3", "Idefics3ImageProcessor", {}),
    "llava": ("LlavaProcessor", "clip", "CLIPImageProcessor", CLIP),
    "gemma3": ("Gemma3Processor", "gemma3", "Gemma3ImageProcessor", GEMMA),
}


def open_peers(site: Path) -> str:
    """Put torchvision of another folder on the path; return its version."""
    library = torch.library.Library("torchvision", "DEF")
    for name in OPERATORS:
        for operator in (name, f"_{name}_backward"):
            library.define(f"{operator}(Tensor a) -> Tensor")
    open_peers.kept = library  # type: ignore[attr-defined]  # its operators live as long as it does
    sys.path.append(str(site))
    return str(importlib.import_module("torchvision").__version__)


def image_processor(name: str, pil: bool) -> Any:
    """Return the stock image processor of a family, the Pil one or the fast one."""
    _, module, kind, settings = STOCK[name]
    file = f"image_processing_{'pil_' if pil else ''}{module}"
    place = importlib.import_module(f"transformers.models.{module}.{file}")
    return getattr(place, kind + ("Pil" if pil else ""))(**settings)


class NoWords(SimpleNamespace):
    """A tokenizer of one id a special token and one a newline: text is not measured here."""

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        """Return one image token a run."""
        return {"input_ids": [0] * (text.count("<image>") + text.count("<image_soft_token>"))}


def family(name: str, images: Any) -> Family:
    """Return our family of a stock image processor, around a stand-in for the text half."""
    from spinemed.training.families import family_of

    words = NoWords(image_token="<image_soft_token>", image_token_id=0, boi_token="<boi>", eoi_token="<eoi>")
    made = type(STOCK[name][0], (SimpleNamespace,), {})(
        image_processor=images, tokenizer=words, image_token="<image>", image_token_id=0, patch_size=14,
        fake_image_token="<around>", global_image_tag="<global>", image_seq_len=169, image_seq_length=256,
        num_additional_image_tokens=1, vision_feature_select_strategy="default",
    )  # fmt: skip
    return family_of(made)


def pictures(kind: str, size: tuple[int, int], count: int, seed: int) -> list[Image.Image]:
    """Return decoded pictures of waves and noise, no two alike."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    wave = 128 + 60 * np.sin(columns / 37) + 50 * np.cos(rows / 53)
    planes = (3,) if kind == "coloured" else ()
    found = []
    for _ in range(count):
        noise = random.normal(0, 12, (*size, *planes))
        values = (wave.reshape(*size, *(1,) * len(planes)) + noise).clip(0, 255).astype(np.uint8)
        picture = Image.fromarray(values)
        found.append(picture.convert("RGB") if kind == "grey_in_three" else picture)
    return found


def stock_values(images: Any, shown: Sequence[Image.Image]) -> torch.Tensor:
    """Return the pixel values that a stock image processor gives."""
    return images(list(shown), return_tensors="pt")["pixel_values"]


def our_bytes(ours: Family, shown: Sequence[Image.Image]) -> dict[str, torch.Tensor]:
    """Return what a worker of ours sends to the trainer."""
    from spinemed.training.picture_files import plain_pixels

    return ours.pixels([plain_pixels(picture) for picture in shown])


def greatest_difference(images: Any, shown: Sequence[Image.Image], name: str) -> float:
    """Return the greatest absolute difference of our values to the stock ones, infinity for another shape."""
    ours = family(name, images)
    found = ours.finish(our_bytes(ours, shown))["pixel_values"]
    wanted = stock_values(images, shown)
    return float((found - wanted).abs().max()) if found.shape == wanted.shape else float("inf")


def timed(work: Callable[[], object]) -> float:
    """Return processor seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def taken_in_turns(ways: dict[str, Callable[[], object]], rounds: int, count: int) -> dict[str, Any]:
    """Return pictures a second of every way, all ways once in every round, the first round thrown away."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name in list(ways) if turn % 2 else list(ways)[::-1]:
            spent = timed(ways[name])
            if turn:
                seconds[name].append(spent / count)
    found = {}
    for name, spent in seconds.items():
        middle = statistics.median(spent)
        found[name] = {
            "pictures_a_second": round(1 / middle, 1),
            "milliseconds": [round(1e3 * one, 3) for one in (middle, min(spent), max(spent))],
        }
    return found


def one_row(name: str, kind: str, size: tuple[int, int], fast: bool, rounds: int) -> dict[str, Any]:
    """Return the figures of one family and kind and size of picture, after the check of equality."""
    count = 4
    shown = pictures(kind, size, count, seed=size[0])
    stock = {"pil": image_processor(name, pil=True)}
    if fast:
        stock["fast"] = image_processor(name, pil=False)
    row: dict[str, Any] = {"family": name, "kind": kind, "rows_columns": list(size)}
    row["greatest_difference"] = {way: greatest_difference(one, shown, name) for way, one in stock.items()}
    if any(row["greatest_difference"].values()):
        raise SystemExit(f"not equal, not timed: {row}")
    ours = family(name, stock.get("fast", stock["pil"]))
    ways: dict[str, Callable[[], object]] = {
        "ours_worker": lambda: our_bytes(ours, shown),
        "ours_cpu": lambda: ours.finish(our_bytes(ours, shown)),
    }
    for way, images in stock.items():
        ways[way] = lambda images=images: stock_values(images, shown)
    row["ways"] = taken_in_turns(ways, rounds, count)
    sent = our_bytes(ours, shown)["pixel_values"]
    values = stock_values(stock["pil"], shown)
    row["bytes_a_picture"] = {
        "ours": sent.nbytes // count, "stock": values.nbytes // count, "ratio": values.nbytes / sent.nbytes
    }  # fmt: skip
    speeds = {way: figures["pictures_a_second"] for way, figures in row["ways"].items()}
    row["times_the_speed"] = {
        f"{mine}_over_{other}": round(speeds[mine] / speeds[other], 2)
        for mine in ("ours_worker", "ours_cpu")
        for other in stock
    }
    return row


def main() -> None:
    """Check, measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, help="folder with torchvision")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--families", nargs="*", default=list(STOCK), choices=list(STOCK))
    parser.add_argument("--write", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    peer = open_peers(arguments.peers) if arguments.peers else None
    importlib.import_module("transformers").logging.set_verbosity_error()
    rows = []
    for name in arguments.families:
        for kind in KINDS:
            for size in SIZES:
                rows.append(one_row(name, kind, size, peer is not None, arguments.rounds))
                last = rows[-1]
                print(name, kind, size, last["times_the_speed"], last["bytes_a_picture"], flush=True)
    result = {"rounds": arguments.rounds, "rows": rows, "torchvision": peer}
    result |= setting("spinemed", "torch", "transformers", "pillow", "numpy")
    if arguments.write:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
