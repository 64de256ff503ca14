"""Real tokens a second, useful MFU, peak memory and data wait of QLoRA: our packs beside stock TRL, one GPU.

    python benchmarks/gpu/train_throughput.py --parts padded grouped packed --out train_throughput.json
    python benchmarks/gpu/train_throughput.py --self-test      # tiny shapes on the CPU, in seconds

The model has the shape of Qwen2.5-VL-7B and random weights, its language half in NF4 with LoRA of rank 64 and
activation checkpointing; nothing is downloaded. Rows are chats with 0 to 3 pictures whose lengths follow a
long-tailed mix like the corpus plan's (mean, median and 95th percentile stand in the result). Every part
trains on the same rows:

    padded   TRL's SFTTrainer and collator, random order, 1, 2, 4 and 8 rows a batch; the best one counts
    grouped  the same with transformers' group_by_length (lengths given, so that no row is decoded for them)
    packed   SpineTrainer: packs of --budget tokens without a mask, pixels as bytes, head at labels alone

Only real tokens count. Time begins after --warm-up steps and ends with the device; both sides are counted by
the same hook (`spinemed.training.counters`). `data_wait` is the share of the time in which the loop waits for
the loader: an upper bound of what the GPU waits. A batch size that does not fit is told as out of memory.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

PARTS = ("padded", "grouped", "packed")
WORDS = (
    *("the", "marked", "vertebra", "shows", "a", "wedge", "fracture", "of", "its", "upper", "endplate"),
    *("at", "level", "with", "disc", "height", "loss"),
)
PICTURES = ((256, 128), (384, 256), (512, 512), (1024, 448))
LINEAR = r"model\.language_model\.layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"


@dataclass(frozen=True)
class Shape:
    """Settings of the two halves, as transformers' configuration names them, and the rank of LoRA."""

    text: dict[str, Any]
    vision: dict[str, Any]
    rank: int


SHAPES = {
    "qwen2.5-vl-7b": Shape(
        {"vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
         "num_attention_heads": 28, "num_key_value_heads": 4,
         "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}},
        {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
         "out_hidden_size": 3584, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31]},
        64,
    ),
    "qwen2.5-vl-3b": Shape(
        {"vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
         "num_attention_heads": 16, "num_key_value_heads": 2, "tie_word_embeddings": True,
         "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}},
        {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
         "out_hidden_size": 2048, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31]},
        64,
    ),
    "tiny": Shape(
        {"vocab_size": 768, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2,
         "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}},
        {"depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "out_hidden_size": 64,
         "window_size": 56, "fullatt_block_indexes": [1]},
        4,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What all parts share: shape, device, rows, and how long is measured."""

    shape: str
    device: str
    rows: int
    steps: int
    warm_up: int
    budget: int
    workers: int
    sizes: tuple[int, ...]
    scale: float = 1.0


def tokenizer() -> Any:
    """Return a byte-level tokenizer with Qwen's special tokens; the model's vocabulary stays as published."""
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
    special = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trained.train_from_iterator(
        [" ".join(WORDS)] * 20,
        trainers.BpeTrainer(
            vocab_size=700,
            special_tokens=[*marks, *special.values()],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        extra_special_tokens=special,
    )  # fmt: skip


def processor() -> Any:
    """Return Qwen2.5-VL's processor: pictures of 4 to 1,024 tokens, TRL's training template."""
    from spinemed.training.families.qwen import Qwen2_5_VLProcessor

    kind = getattr(transformers, "Qwen2VLImageProcessorPil", None) or transformers.Qwen2VLImageProcessor
    images = kind(patch_size=14, size={"shortest_edge": 4 * 28 * 28, "longest_edge": 1024 * 28 * 28})
    template = (files("trl") / "chat_templates" / "qwen2_5_vl_training.jinja").read_text(encoding="utf-8")
    return Qwen2_5_VLProcessor(images, tokenizer(), chat_template=template)


def drawn_rows(run: Run) -> list[dict[str, Any]]:
    """Return chats of the mix: log-normal text, 0 to 3 pictures, seed 0."""
    draw = np.random.default_rng(0)
    pictures = [_png(draw, height, width) for height, width in PICTURES for _ in range(8)]
    rows = []
    for _ in range(run.rows):
        shown = int(draw.choice(4, p=(0.2, 0.55, 0.15, 0.1)))
        length = max(30, int(run.scale * min(draw.lognormal(6.3, 0.9), 6000)))
        said = max(8, length // 4)
        text = " ".join(draw.choice(WORDS, length - said))
        reply = " ".join(draw.choice(WORDS, said))
        images = [{"bytes": pictures[place]} for place in draw.integers(0, len(pictures), shown)]
        rows.append(
            {
                "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": reply}],
                "images": images,
            }
        )
    return rows


def _png(draw: np.random.Generator, height: int, width: int) -> bytes:
    coarse = draw.integers(0, 255, (height // 16, width // 16), dtype=np.uint8)
    fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    fine.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def adapted(run: Run) -> Any:
    """Return the model on the device: random weights, language layers in NF4, LoRA, rest frozen."""
    import bitsandbytes as bnb
    from peft import LoraConfig, get_peft_model

    shape = SHAPES[run.shape]
    words = tokenizer()
    ids = {
        name: words.convert_tokens_to_ids(f"<|{name.removesuffix('_token_id')}|>")
        for name in ("vision_start_token_id", "vision_end_token_id")
    }
    config = transformers.Qwen2_5_VLConfig(
        text_config={**shape.text, "pad_token_id": words.pad_token_id, "max_position_embeddings": 32768},
        vision_config=shape.vision,
        image_token_id=words.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=words.convert_tokens_to_ids("<|video_pad|>"),
        tie_word_embeddings=bool(shape.text.get("tie_word_embeddings", False)),
        **ids,
    )
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(run.device):
            model = transformers.Qwen2_5_VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    for name, layer in list(model.model.language_model.named_modules()):
        if isinstance(layer, torch.nn.Linear):
            parent, _, last = name.rpartition(".")
            quantised = bnb.nn.Linear4bit(
                layer.in_features, layer.out_features, bias=layer.bias is not None,
                compute_dtype=torch.bfloat16, quant_type="nf4", device="meta",
            )  # fmt: skip
            quantised.weight = bnb.nn.Params4bit(
                layer.weight.data.contiguous(),
                requires_grad=False,
                quant_type="nf4",
                compress_statistics=True,
            ).to(run.device)
            quantised.bias = layer.bias
            setattr(model.model.language_model.get_submodule(parent), last, quantised)
    model.is_loaded_in_4bit = True
    lora = LoraConfig(r=shape.rank, lora_alpha=shape.rank, target_modules=LINEAR)
    adapter = get_peft_model(model, lora)
    adapter.enable_input_require_grads()
    gc.collect()
    return adapter


def arguments(run: Run, folder: str, size: int, **further: Any) -> Any:
    """Return TRL's settings, the same for all parts but for `further`."""
    from trl import SFTConfig

    cuda = run.device == "cuda"
    return SFTConfig(
        output_dir=folder, max_steps=run.warm_up + run.steps, per_device_train_batch_size=size,
        learning_rate=1e-5, bf16=True, use_cpu=not cuda, activation_checkpointing=True,
        activation_checkpointing_kwargs={"use_reentrant": False}, max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False, report_to="none",
        save_strategy="no", logging_strategy="no", dataloader_num_workers=run.workers,
        dataloader_pin_memory=cuda, disable_tqdm=True, assistant_only_loss=True, **further,
    )  # fmt: skip


class Clock(transformers.TrainerCallback):
    """Times the steps after the warm-up, with the device waited for at both ends, and the loader's share."""

    def __init__(self, run: Run) -> None:
        self.run, self.began, self.seconds, self.waited = run, 0.0, 0.0, 0.0
        self.before: Any = None
        self.counters: Any = None

    def on_step_end(self, *given: Any, **_: Any) -> None:
        """Begin after the warm-up, end with the last step."""
        state = given[1]
        if state.global_step == self.run.warm_up:
            self._settle()
            self.before, self.waited = self.counters.totals, 0.0
            self.began = time.perf_counter()
        elif state.global_step == self.run.warm_up + self.run.steps:
            self._settle()
            self.seconds = time.perf_counter() - self.began

    def _settle(self) -> None:
        if self.run.device == "cuda":
            torch.cuda.synchronize()
        self.counters._settle()

    def watch(self, trainer: Any) -> Any:
        """Time what the trainer waits for batches, and count what its model is given."""
        from spinemed.training.counters import Counters

        self.counters = getattr(trainer, "counters", None)
        if self.counters is None:
            self.counters = Counters()
            self.counters.put_into(trainer)
        fetch = trainer.get_batch_samples

        def timed(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return fetch(*given, **named)
            finally:
                self.waited += time.perf_counter() - start

        trainer.get_batch_samples = timed
        trainer.add_callback(self)
        return trainer


def stock(run: Run, model: Any, rows: list[dict[str, Any]], size: int, grouped: bool, folder: str) -> Clock:
    """Train with TRL as its sft_vlm example does, rows in random order or grouped by length."""
    from datasets import Dataset, Features, List, Value
    from datasets import Image as Pictures
    from trl import SFTTrainer

    turn = {"role": Value("string"), "content": Value("string")}
    features = Features({"messages": List(turn), "images": List(Pictures())})
    data = Dataset.from_list(
        [{**row, "images": [{**one, "path": None} for one in row["images"]]} for row in rows],
        features=features,
    )
    further: dict[str, Any] = {}
    if grouped:
        lengths = lengths_of(rows)
        data = data.add_column("length", lengths.tokens.tolist())
        further = {"train_sampling_strategy": "group_by_length", "length_column_name": "length"}
    trainer = SFTTrainer(
        model, args=arguments(run, folder, size, **further), train_dataset=data, processing_class=processor()
    )
    return trained(run, trainer)


def lengths_of(rows: list[dict[str, Any]]) -> Any:
    """Return tokens, labels and pictures of every row, no picture decoded."""
    from spinemed.training.lengths import length_plan

    return length_plan(rows, processor())


def ours(run: Run, model: Any, rows: list[dict[str, Any]], folder: str) -> Clock:
    """Train with SpineTrainer on packs, attention by sample."""
    from spinemed.training.collate import PackingCollator
    from spinemed.training.packing import pack_plan
    from spinemed.training.plan_sampler import PlanSampler
    from spinemed.training.sample import SampleEncoder
    from spinemed.training.sft_trainer import SpineTrainer
    from spinemed.training.varlen import attend_by_sample

    attend_by_sample(model.get_base_model())
    made = processor()
    lengths = lengths_of(rows)
    way = partial(pack_plan, lengths.tokens, lengths.images, budget=run.budget, rows=lengths.kept, seed=0)
    sampler = PlanSampler(way, run.steps + run.warm_up)
    collator = PackingCollator(SampleEncoder(made, most_tokens=run.budget))
    trainer = SpineTrainer(model, arguments(run, folder, 1), rows, collator, made, sampler)
    return trained(run, trainer)


def trained(run: Run, trainer: Any) -> Clock:
    """Run the trainer under a clock."""
    clock = Clock(run)
    clock.watch(trainer).train()
    return clock


def measured(run: Run, part: str, rows: list[dict[str, Any]], size: int) -> dict[str, Any]:
    """Return the figures of one part at one batch size, the model built anew for it."""
    from dataclasses import replace

    from spinemed.training.gpus import gpu_named, peak_flops

    model = adapted(run)
    if run.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        with tempfile.TemporaryDirectory() as folder:
            if part == "packed":
                clock = ours(run, model, rows, folder)
            else:
                clock = stock(run, model, rows, size, part == "grouped", folder)
    except torch.cuda.OutOfMemoryError:
        return {"out_of_memory": True}
    now, before = clock.counters.totals, clock.before
    counts = replace(
        now, **{name: getattr(now, name) - getattr(before, name) for name in now.__dataclass_fields__}
    )
    found = {
        "real_tokens_per_s": counts.tokens / clock.seconds,
        "padding": counts.padding / max(counts.tokens + counts.padding, 1),
        "tokens_a_step": counts.tokens / run.steps,
        "images_per_s": counts.images / clock.seconds,
        "useful_tflops": clock.counters.flops.useful(counts) / clock.seconds / 1e12,
        "data_wait": clock.waited / clock.seconds,
        "seconds": clock.seconds,
        "steps": run.steps,
    }
    if run.device == "cuda":
        name = gpu_named(torch.cuda.get_device_name())
        if name:
            found["useful_mfu"] = found["useful_tflops"] * 1e12 / peak_flops(name)
        found["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in found.items()}


def measure(run: Run, parts: list[str], repeats: int) -> dict[str, Any]:
    """Return figures of the parts, interleaved over `repeats` rounds, with ratios to the best stock ones."""
    rows = drawn_rows(run)
    lengths = lengths_of(rows).tokens
    found: dict[str, Any] = {
        "shape": run.shape,
        "budget": run.budget,
        "rows": {
            "count": run.rows,
            "mean_tokens": float(lengths.mean()),
            "median_tokens": float(np.median(lengths)),
            "p95_tokens": float(np.quantile(lengths, 0.95)),
        },
        "runs": [],
    }
    for round_ in range(repeats):
        for part in parts:
            for size in (1,) if part == "packed" else run.sizes:
                figures = {
                    "part": part,
                    "rows_a_batch": size if part != "packed" else "pack",
                    "round": round_,
                }
                figures |= measured(run, part, rows, size)
                print(json.dumps(figures), flush=True)
                found["runs"].append(figures)
                gc.collect()
                if run.device == "cuda":
                    torch.cuda.empty_cache()
    found |= best(found["runs"])
    return found | {
        "device": torch.cuda.get_device_name() if run.device == "cuda" else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "trl", "peft", "bitsandbytes")},
    }


def best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return each part's best rate, and by how much packs are faster than each stock part.

    >>> best([{"part": "padded", "real_tokens_per_s": 2.0}, {"part": "packed", "real_tokens_per_s": 5.0}])
    {'best': {'padded': 2.0, 'packed': 5.0}, 'packed_times_padded': 2.5}
    """
    rates = {
        part: max(rate)
        for part in PARTS
        if (
            rate := [
                run["real_tokens_per_s"] for run in runs if run["part"] == part and "real_tokens_per_s" in run
            ]
        )
    }
    ratios = {
        f"packed_times_{part}": round(rates["packed"] / rates[part], 3)
        for part in ("padded", "grouped")
        if part in rates and "packed" in rates
    }
    return {"best": rates, **ratios}


def self_test() -> None:
    """Run every part with tiny shapes on the CPU; counts must be sound, packs nearly full."""
    torch.set_num_threads(1)
    run = Run("tiny", "cpu", rows=24, steps=2, warm_up=1, budget=2048, workers=0, sizes=(2,), scale=0.1)
    found = measure(run, list(PARTS), 1)
    by_part = {one["part"]: one for one in found["runs"]}
    assert set(by_part) == set(PARTS), found
    for one in by_part.values():
        assert one["real_tokens_per_s"] > 0 and 0 <= one["data_wait"] < 1 and one["useful_tflops"] > 0, one
    assert by_part["packed"]["padding"] == 0 and by_part["padded"]["padding"] > 0, by_part
    assert by_part["packed"]["tokens_a_step"] > 0.5 * run.budget, by_part
    print("self-test passed")


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=list(SHAPES), default="qwen2.5-vl-7b")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--budget", type=int, default=8192, help="tokens a pack")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=4)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "train_throughput.json")
    parser.add_argument("--self-test", action="store_true")
    given = parser.parse_args()
    if given.self_test:
        self_test()
        return
    if not torch.cuda.is_available():
        sys.exit("train_throughput: no CUDA device; --self-test runs on the CPU")
    run = Run(
        given.shape, "cuda", given.rows, given.steps, given.warm_up, given.budget, given.workers,
        tuple(given.batch_sizes),
    )  # fmt: skip
    result = measure(run, given.parts, given.repeats)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(given.out)


if __name__ == "__main__":
    main()
