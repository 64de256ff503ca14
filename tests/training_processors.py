"""Stock processors of every family with a small tokenizer, and what TRL's collator makes of a row."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessorPil,
)

from spinemed.training.families import qwen
from spinemed.training.mini import CHAT_TEMPLATE

WORDS = [
    "Which level shows the worst stenosis? Count up from the sacrum.\n\n",
    "A. L2-L3 B. L4-L5 (C) L5-S1\nAnswer: L4-L5 (B)\n\n\n",
    "user assistant system model You are a helpful assistant.",
    "腰椎间盘突出 L4/5 – Grad I°",
]
QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>")
SPECIAL: dict[str, tuple[tuple[str, ...], dict[str, str], str, str]] = {
    "qwen": (QWEN, {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}, QWEN[0], QWEN[2]),
    "idefics3": (
        (
            "<|endoftext|>",
            "<|begin_of_text|>",
            "<global-img>",
            *(f"<row_{row}_col_{column}>" for row in range(1, 9) for column in range(1, 9)),
        ),
        {
            "image_token": "<image>",
            "fake_image_token": "<fake_token_around_image>",
            "end_of_utterance_token": "<end_of_utterance>",
        },
        "<|endoftext|>",
        "<end_of_utterance>",
    ),
    "llava": (("<|endoftext|>", "<|im_start|>", "<|im_end|>"), {"image_token": "<image>"}, QWEN[0], QWEN[2]),
    "gemma3": (
        ("<pad>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
        {
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
        "<pad>",
        "<eos>",
    ),
}
FAMILIES = ("qwen2_5_vl", "qwen3_vl", "idefics3", "idefics3_split", "llava", "llava_crop", "gemma3")


@cache
def tokenizer(family: str) -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer with a family's special tokens."""
    marks, roles, pad, end = SPECIAL[family]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=[*marks, *roles.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(WORDS * 20, trainer)
    begin = {"bos_token": "<bos>"} if family == "gemma3" else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=trained, eos_token=end, pad_token=pad, extra_special_tokens=roles, **begin
    )


def template(name: str) -> str:
    """Return one of TRL's chat templates."""
    return (files("trl") / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")


def processor(name: str, images: Any = None, words: Any = None) -> Any:
    """Return a stock processor; `images` replaces its image processor, `words` its tokenizer."""
    if name in ("qwen2_5_vl", "qwen3_vl"):
        new = name == "qwen3_vl"
        patch = 16 if new else 14
        means = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3} if new else {}
        made = images or Qwen2VLImageProcessorPil(
            patch_size=patch,
            size={"shortest_edge": 4 * (2 * patch) ** 2, "longest_edge": 256 * (2 * patch) ** 2},
            **means,
        )
        kind = qwen.Qwen3VLProcessor if new else qwen.Qwen2_5_VLProcessor
        return kind(made, words or tokenizer("qwen"), chat_template=template(name))
    if name.startswith("idefics3"):
        made = images or Idefics3ImageProcessorPil(
            size={"longest_edge": 4 * 56}, max_image_size={"longest_edge": 56}, do_image_splitting="_" in name
        )
        return Idefics3Processor(
            made, tokenizer("idefics3"), image_seq_len=4, chat_template=template("idefics3")
        )
    if name.startswith("llava"):
        size = {"shortest_edge": 56} if "_" in name else {"height": 112, "width": 56}
        made = images or CLIPImageProcessorPil(
            size=size, do_center_crop="_" in name, crop_size={"height": 84, "width": 56}
        )
        return LlavaProcessor(
            image_processor=made,
            tokenizer=tokenizer("llava"),
            patch_size=14,
            vision_feature_select_strategy="default",
            num_additional_image_tokens=1,
            chat_template=CHAT_TEMPLATE,
        )
    made = images or Gemma3ImageProcessorPil(size={"height": 56, "width": 56})
    return Gemma3Processor(made, tokenizer("gemma3"), chat_template=template("gemma3"), image_seq_length=16)


def picture_file(random: np.random.Generator, height: int, width: int, kind: str = "grey") -> bytes:
    """Return a PNG or JPEG ("jpeg") file: grey, coloured, rgba, or grey kept as RGB ("three")."""
    rows, columns = np.mgrid[0:height, 0:width]
    wave = 128 + 60 * np.sin(columns / 37) + 50 * np.cos(rows / 53)

    def plane() -> NDArray[np.uint8]:
        return (wave + random.normal(0, 20, wave.shape)).clip(0, 255).astype(np.uint8)

    planes = {"coloured": 3, "rgba": 4}.get(kind, 1)
    values = np.stack([plane() for _ in range(planes)], axis=-1)
    picture = Image.fromarray(values[..., 0] if planes == 1 else values)
    if kind == "three":
        picture = picture.convert("RGB")
    file = io.BytesIO()
    picture.save(file, "JPEG" if kind == "jpeg" else "PNG", compress_level=1)
    return file.getvalue()


def row(random: np.random.Generator, sizes: Sequence[tuple[int, int, str]], turns: int = 1) -> dict[str, Any]:
    """Return a row with pictures (height, width, kind) and a conversation of so many questions."""
    messages = [{"role": "system", "content": "You read spines."}] if random.random() < 0.3 else []
    for _ in range(turns):
        said = [" ".join(random.choice(" ".join(WORDS).split(" "), size=5)) for _ in range(2)]
        messages += [
            {"role": "user", "content": random.choice(["", "\n", "\n\n"]) + said[0]},
            {"role": "assistant", "content": said[1] + random.choice(["", "\n", " "])},
        ]
    images = [{"bytes": picture_file(random, *size), "path": None} for size in sizes]
    return {"messages": messages, "images": images}


def stock(made: Any, row: Mapping[str, Any], chat_template: str) -> dict[str, torch.Tensor]:
    """Return what TRL's own collator makes of a row, its pictures decoded as datasets does."""
    from datasets import Image as ImageFeature
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    transformers.logging.set_verbosity_error()
    collator = DataCollatorForVisionLanguageModeling(
        made, max_length=None, assistant_only_loss=True, chat_template=chat_template
    )
    feature = ImageFeature()
    images = [feature.decode_example(dict(record)) for record in row["images"]]
    return dict(collator([{"messages": row["messages"], "images": images}]))
