"""Questions a second of the transformers back end by batch size, beside a plain loop over single questions.

    python benchmarks/gpu/bench_throughput.py --shape smolvlm-2b --out bench_throughput.json
    python benchmarks/gpu/bench_throughput.py --self-test      # tiny shapes on the CPU, in seconds

The model has the shape of a published one and random weights, so nothing is downloaded: speed depends on the
shape alone. Its tokenizer is trained here on the questions; the vocabulary of the model stays as published.
It never ends a reply by itself, so every question takes the same number of new tokens; with a trained model
a batch waits for its longest reply. Pictures are decoded and prepared on the CPU inside the timed part, on
both sides. The plain loop is the processor, `generate` and `decode` for one question after the other, as a
model card shows it. Figures are medians of the repetitions after one that is not counted.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from spinemed.bench.running.asking import in_batches  # noqa: E402
from spinemed.bench.running.backend import Backend, end_tokens, turns  # noqa: E402

NAMES = [*(f"T{number}" for number in range(1, 13)), *(f"L{number}" for number in range(1, 6)), "S1"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}<image>{% else %}{{ p['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SIZE = (288, 352)


@dataclass(frozen=True)
class Shape:
    """The dimensions of a model: language part, vision part, and how the two meet."""

    family: str
    text: dict[str, int]
    vision: dict[str, int]
    scale: int = 1


SHAPES = {
    # SmolVLM-Instruct: SmolLM2-1.7B and SigLIP so400m, 81 tokens a tile of 384 x 384
    "smolvlm-2b": Shape(
        "idefics3",
        {"vocab_size": 49280, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24,
         "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 16384},
        {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
         "image_size": 378, "patch_size": 14},
        scale=3,
    ),
    # LLaVA-1.5-7B: Llama-7B and CLIP ViT-L/14 at 336 pixels, 576 tokens a picture
    "llava-7b": Shape(
        "llava",
        {"vocab_size": 32064, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096},
        {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
         "image_size": 336, "patch_size": 14},
    ),
    "tiny-idefics3": Shape(
        "idefics3",
        {"vocab_size": 600, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 1024},
        {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2,
         "image_size": 56, "patch_size": 14},
        scale=2,
    ),
    "tiny-llava": Shape(
        "llava",
        {"vocab_size": 600, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 1024},
        {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2,
         "image_size": 56, "patch_size": 14},
    ),
}  # fmt: skip


def questions(count: int) -> list[dict[str, Any]]:
    """Return prompts as the runner makes them: a choice question and one picture each."""
    draw = random.Random(0)
    rows = []
    for _ in range(count):
        options = draw.sample(NAMES, 4)
        shown = "\n".join(f"{letter}. {name}" for letter, name in zip("ABCD", options, strict=True))
        text = (
            f"In this view the highest complete vertebra is {options[0]}. Which vertebra is marked?\n{shown}"
        )
        buffer = io.BytesIO()
        Image.frombytes("L", (SIZE[0] // 4, SIZE[1] // 4), draw.randbytes(SIZE[0] * SIZE[1] // 16)).resize(
            SIZE
        ).save(buffer, "PNG")
        rows.append(
            {"messages": [{"role": "user", "content": text}], "images": [{"bytes": buffer.getvalue()}]}
        )
    return rows


def trained_tokenizer(rows: list[dict[str, Any]], special: dict[str, str]) -> Any:
    """Return a byte-level tokenizer trained on the questions; `special` maps roles to tokens."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special.values()]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator((row["messages"][0]["content"] for row in rows), trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        extra_special_tokens=special,
    )  # fmt: skip


def image_processor(name: str) -> Any:
    """Return the class that prepares pictures: the one with Pillow where there is one by that name."""
    return getattr(transformers, f"{name}ImageProcessorPil", None) or getattr(
        transformers, f"{name}ImageProcessor"
    )


def llava(shape: Shape, rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    """Return configuration and processor of a LLaVA."""
    words = trained_tokenizer(rows, {"image_token": "<image>"})
    config = transformers.LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **shape.vision},
        text_config={"model_type": "llama", **shape.text, "pad_token_id": words.pad_token_id},
        image_token_index=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2 if shape.vision["num_hidden_layers"] > 1 else -1,
        vision_feature_select_strategy="default",
    )
    edge = shape.vision["image_size"]
    pictures = image_processor("CLIP")(
        size={"height": edge, "width": edge}, crop_size={"height": edge, "width": edge}, do_center_crop=False
    )
    processor = transformers.LlavaProcessor(
        image_processor=pictures, tokenizer=words, patch_size=shape.vision["patch_size"],
        vision_feature_select_strategy="default", num_additional_image_tokens=1, chat_template=TEMPLATE,
    )  # fmt: skip
    return config, processor


def idefics3(shape: Shape, rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    """Return configuration and processor of an Idefics3 without tiling, as SmolVLM is built."""
    special = {
        "image_token": "<image>", "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>",
    }  # fmt: skip
    words = trained_tokenizer(rows, special)
    config = transformers.Idefics3Config(
        vision_config=dict(shape.vision),
        text_config={"model_type": "llama", **shape.text, "pad_token_id": words.pad_token_id},
        scale_factor=shape.scale,
        image_token_id=words.convert_tokens_to_ids("<image>"),
        pad_token_id=words.pad_token_id,
    )
    edge = {"longest_edge": shape.vision["image_size"]}
    tokens = (shape.vision["image_size"] // shape.vision["patch_size"] // shape.scale) ** 2
    processor = transformers.Idefics3Processor(
        image_processor=image_processor("Idefics3")(size=edge, max_image_size=edge, do_image_splitting=False),
        tokenizer=words, image_seq_len=tokens, chat_template=TEMPLATE,
    )  # fmt: skip
    return config, processor


def built(shape: Shape, rows: list[dict[str, Any]], device: str, new_tokens: int) -> Backend:
    """Return the back end with random weights, made on the device; it never ends a reply by itself."""
    config, processor = (llava if shape.family == "llava" else idefics3)(shape, rows)
    torch.manual_seed(0)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    kind = {
        "llava": transformers.LlavaForConditionalGeneration,
        "idefics3": transformers.Idefics3ForConditionalGeneration,
    }[shape.family]
    with torch.device(device):
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            model = kind(config).eval()
        finally:
            torch.set_default_dtype(before)
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.generation_config.eos_token_id = None
    model.generation_config.suppress_tokens = sorted(end_tokens(model, processor))
    processor.tokenizer.padding_side = "left"
    return Backend(model, processor, new_tokens)


def plain_loop(backend: Backend, rows: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Return texts and number of new tokens of the obvious loop: one question at a time."""
    texts, tokens = [], 0
    for row in rows:
        prompt = backend.processor.apply_chat_template(turns(row), add_generation_prompt=True)
        picture = Image.open(io.BytesIO(row["images"][0]["bytes"])).convert("RGB")
        inputs = backend.processor(
            text=[prompt], images=[[picture]], return_tensors="pt", add_special_tokens=False
        ).to(backend.model.device, backend.model.dtype)
        with torch.inference_mode():
            output = backend.model.generate(**inputs, max_new_tokens=backend.max_new_tokens, do_sample=False)
        written = output[0, inputs["input_ids"].shape[1] :]
        tokens += len(written)
        texts.append(backend.processor.tokenizer.decode(written, skip_special_tokens=True).strip())
    return texts, tokens


def batched(backend: Backend, rows: list[dict[str, Any]], size: int) -> tuple[list[str], int]:
    """Return texts and number of new tokens of the back end as the runner calls it."""
    texts, tokens = [""] * len(rows), 0
    for group in in_batches(backend.answer, size)(rows):
        for place, reply in group:
            texts[place] = reply.text  # type: ignore[union-attr]
            tokens += reply.tokens  # type: ignore[union-attr]
    return texts, tokens


def timed(work: Callable[[], tuple[list[str], int]], repeats: int) -> tuple[float, list[str], int]:
    """Return the median seconds of the repetitions after one that is not counted, with texts and tokens."""
    seconds = []
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        texts, tokens = work()
        if repeat:
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), texts, tokens


def measure(
    name: str, device: str, sizes: list[int], count: int, new_tokens: int, repeats: int
) -> dict[str, Any]:
    """Return rates by batch size and of the plain loop, with versions and machine."""
    rows = questions(count)
    backend = built(SHAPES[name], rows, device, new_tokens)
    few = rows[: max(8, count // 8)]  # the plain loop is slow and its rate does not depend on how many
    seconds, plain, tokens = timed(lambda: plain_loop(backend, few), repeats)
    found: dict[str, Any] = {"plain_loop": rates(len(few), tokens, seconds)}
    for size in sizes:
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        part = few if size < 4 else rows
        seconds, texts, tokens = timed(lambda part=part, size=size: batched(backend, part, size), repeats)  # type: ignore[misc]
        assert tokens == len(part) * new_tokens, "a reply ended early"
        same = sum(one == other for one, other in zip(plain, texts, strict=False))
        found[f"batch_{size}"] = rates(len(part), tokens, seconds) | {
            "times_plain_loop": round(len(part) / seconds / found["plain_loop"]["questions_per_s"], 2),
            "same_text_as_plain_loop": f"{same} of {len(plain)}",
        }
        if device == "cuda":
            found[f"batch_{size}"]["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        print(size, found[f"batch_{size}"], flush=True)
    return {
        "shape": name,
        "parameters": sum(each.numel() for each in backend.model.parameters()),
        "dtype": str(backend.model.dtype),
        "prompt_tokens": backend.answer(rows[:1])[0].prompt_tokens,
        "new_tokens": new_tokens,
        "repeats": repeats,
        "picture_pixels": list(SIZE),
        **found,
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "transformers", "pillow")},
    }


def rates(count: int, tokens: int, seconds: float) -> dict[str, Any]:
    """Return how many questions were asked, and questions and new tokens a second."""
    return {
        "questions": count,
        "questions_per_s": round(count / seconds, 3),
        "new_tokens_per_s": round(tokens / seconds, 1),
    }


def self_test() -> None:
    """Run everything once with tiny shapes on the CPU; batches must say what the plain loop says."""
    for name in ("tiny-llava", "tiny-idefics3"):
        result = measure(name, "cpu", [1, 3], count=8, new_tokens=4, repeats=1)
        for size in (1, 3):
            assert result[f"batch_{size}"]["same_text_as_plain_loop"] == "8 of 8", result
        assert result["plain_loop"]["questions_per_s"] > 0
    loaded = [name for name in ("pydantic", "typer", "datasets", "evaluate") if name in sys.modules]
    print(f"self-test passed; of pydantic, typer, datasets and evaluate loaded: {loaded or 'none'}")


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=list(SHAPES), default="smolvlm-2b")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--questions", type=int, default=128)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "bench_throughput.json")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    if arguments.self_test:
        self_test()
        return
    if not torch.cuda.is_available():
        sys.exit("bench_throughput: there is no CUDA device; --self-test runs on the CPU")
    result = measure(
        arguments.shape, "cuda", arguments.batch_sizes, arguments.questions, arguments.new_tokens,
        arguments.repeats,
    )  # fmt: skip
    text = json.dumps(result, indent=2) + "\n"
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
