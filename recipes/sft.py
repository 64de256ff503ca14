"""Fine-tunes a vision-language model on the corpus: TRL's SFTTrainer, with LoRA and NF4 weights or without.

    accelerate launch recipes/sft.py                             # recipes/mini/sft.yaml on ./spinemed-450k
    accelerate launch recipes/sft.py --config MY.yaml --seed 1   # another recipe; options override its keys

A recipe's keys are fields of TRL's ScriptArguments, SFTConfig and ModelConfig, and of SpineArguments below;
unknown keys fail. Only the split `train` is read. Rows become packs or groups of at most tokens_per_pack
tokens (packing_mode); longer rows and those with unreadable pictures are left out and named in refused.jsonl,
never cut. With adapter_name_or_path an adapter is carried on, as the stages of a curriculum do; with lora_r 0
there is none and the model's own weights are trained. A killed run goes on from its last checkpoint; a
finished one is kept.
"""

import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import torch
from transformers import TrainingArguments
from trl import ModelConfig, ScriptArguments, SFTConfig, TrlParser

from spinemed.errors import ConfigError, SpinemedError
from spinemed.training import outcome
from spinemed.training.alignment import align
from spinemed.training.base_model import base_of, load_base
from spinemed.training.batching import batching
from spinemed.training.collate import PackingCollator, PaddingCollator
from spinemed.training.families import qwen_processor
from spinemed.training.folder import last_checkpoint
from spinemed.training.lengths import length_plan
from spinemed.training.preflight import check_labels
from spinemed.training.recipe import parsed
from spinemed.training.refusals import LOG, lines
from spinemed.training.rows import content_key, training_rows
from spinemed.training.sample import Refused, SampleEncoder
from spinemed.training.sft_trainer import SpineTrainer, check_settings
from spinemed.training.start import check_same_corpus, prepared
from spinemed.training.undecoded import undecoded


@dataclass
class SpineArguments:
    """What TRL has no key for: rows, batches, the adapter to carry on, what stays as it is, alignment."""

    row_configs: list[str] = field(default_factory=lambda: ["choice", "open"])
    row_kinds: list[str] = field(default_factory=list, metadata={"help": "kinds of question; none means all"})
    reply_with_letter: bool = field(
        default=True,
        metadata={"help": "whether a reply to a choice ends on its letter, or is the text alone"},
    )
    image_tokens: list[int] = field(
        default_factory=list,
        metadata={"help": "fewest and most tokens of a picture (Qwen); none: as the processor has them"},
    )
    packing_mode: str = field(
        default="auto", metadata={"help": "auto, packed, grouped (by length), or padded (a number of rows)"}
    )
    tokens_per_pack: int = field(
        default=8192, metadata={"help": "most tokens of a pack or group, and of a row"}
    )
    most_images_per_pack: int = field(
        default=18, metadata={"help": "most pictures of a pack or group, and of a row"}
    )
    pack_window: int = field(
        default=0, metadata={"help": "rows that are placed at a time; 0: 512 for packs, 8192 for groups"}
    )
    adapter_name_or_path: str = field(
        default="", metadata={"help": "an adapter to train on; none: a new one"}
    )
    adapter_of_another_corpus: bool = field(
        default=False, metadata={"help": "whether that adapter may have been trained on another corpus"}
    )
    frozen_modules: list[str] = field(
        default_factory=list, metadata={"help": "modules of the adapter that are not trained"}
    )
    base_command: str = field(
        default="", metadata={"help": "how to make the base model, said where it is missing"}
    )
    keep_unquantised: list[str] = field(default_factory=list, metadata={"help": "full module prefixes"})
    alignment_steps: int = field(
        default=0, metadata={"help": "steps in which image tokens learn to spell levels"}
    )
    alignment_modules: list[str] = field(
        default_factory=list, metadata={"help": "trained then, frozen afterwards"}
    )
    alignment_batch_size: int = 16
    alignment_learning_rate: float = 1e-4


def load(spine, config, sft):
    """Return the model ready to train, its parts by what training does with them, and its processor."""
    model = load_base(config, spine.keep_unquantised, spine.base_command)
    torch.manual_seed(sft.seed)
    model, parts = prepared(
        model, config, spine.adapter_name_or_path, spine.frozen_modules, spine.keep_unquantised
    )
    return model, parts, qwen_processor(config.model_name_or_path, spine.image_tokens)


def align_images(spine, sft, model, processor, rows, work):
    """Align the image side where the recipe asks for it, freeze it, and return the loss log."""
    if not spine.alignment_steps:
        return []
    arguments = TrainingArguments(
        output_dir=str(work / "alignment"),
        max_steps=spine.alignment_steps,
        per_device_train_batch_size=spine.alignment_batch_size,
        learning_rate=spine.alignment_learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=spine.alignment_steps // 20,
        logging_steps=sft.logging_steps,
        save_steps=sft.save_steps,
        save_total_limit=1,
        remove_unused_columns=False,
        report_to="none",
        use_cpu=sft.use_cpu,
        bf16=sft.bf16,
        seed=sft.seed,
    )
    log = align(model, processor, rows, spine.alignment_modules, arguments)
    for part in spine.alignment_modules:
        base_of(model).get_submodule(part).requires_grad_(False)
    return log


def measured(script, spine, rows, processor, model):
    """Return the lengths of all rows, the refused ones told; ConfigError where nothing can be trained on."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    lengths = length_plan(
        rows,
        processor,
        corpus=content_key(script.dataset_name),
        cache=Path(datasets.config.HF_DATASETS_CACHE) / "spinemed-lengths",
        most_tokens=min(spine.tokens_per_pack, positions or spine.tokens_per_pack),
        most_images=spine.most_images_per_pack,
    )
    kept, refused = lengths.kept, lengths.refused
    for one in refused[:3]:
        print(f"row {one.row} is left out: {one.reason}", file=sys.stderr)
    if not len(kept):
        raise ConfigError(
            f"no row of {script.dataset_name} is left to train on; {len(refused):,} were refused, the first: "
            f"{refused[0].reason}"
        )
    shown = lengths.images[kept]
    if not shown.sum():
        raise ConfigError(
            f"no row of {script.dataset_name} shows a picture, and the model would unlearn to look: "
            "choose other row_configs or row_kinds"
        )
    tokens = lengths.tokens[kept]
    print(
        f"rows kept: {len(kept):,}, left out: {len(refused):,}, without a picture: {(shown == 0).sum():,}\n"
        f"tokens: {tokens.sum():,}, a row {tokens.mean():,.0f}, at most {tokens.max():,}; "
        f"of pictures {lengths.image_tokens[kept].sum():,}, of replies {lengths.label_tokens[kept].sum():,}",
        file=sys.stderr,
    )
    return lengths


def main(script, sft, config, spine):
    """Check, align, fine-tune, and leave the adapter with its card in `output_dir`."""
    out, data = Path(sft.output_dir), outcome.corpus_hash(script.dataset_name)
    start_hash = outcome.weights_hash(Path(spine.adapter_name_or_path)) if spine.adapter_name_or_path else ""
    key = outcome.run_key(vars(script), vars(spine), vars(config), sft.to_dict(), data, start_hash)
    trained = "adapter" if config.lora_r else "model"
    if outcome.is_done(out, key):
        print(json.dumps({trained: str(out), "state": "already trained"}))
        return
    check_settings(sft, planned=spine.packing_mode != "padded")
    before = Path(spine.adapter_name_or_path or config.model_name_or_path)
    check_same_corpus(before, data, spine.adapter_of_another_corpus)
    work = out / f"unfinished-{key}"
    rows = training_rows(
        script.dataset_name,
        spine.row_configs,
        spine.row_kinds,
        script.dataset_train_split,
        spine.reply_with_letter,
    )
    model, parts, processor = load(spine, config, sft)
    patients = len(set(rows["patient"]))
    print(f"parameters: {parts}\nrows: {len(rows):,} of {patients:,} patients", file=sys.stderr)
    lengths = measured(script, spine, rows, processor, model)
    start = time.monotonic()
    usable = rows.select(lengths.kept) if lengths.refused else rows
    alignment = align_images(spine, sft, model, processor, usable, work)
    aligned = time.monotonic()
    trainer, batches = fine_tune(model, processor, sft, spine, rows, lengths, work)
    totals, refused = trainer.counters.totals, listed_refusals(lengths, trainer, work)
    result = outcome.Outcome(
        key=key,
        base=config.model_name_or_path,
        corpus=script.dataset_name,
        corpus_sha256=data,
        split=script.dataset_train_split,
        rows=len(rows),
        patients=patients,
        synthetic_share=sum(rows["synthetic"]) / len(rows),
        alignment_steps=spine.alignment_steps,
        steps=trainer.state.global_step,
        tokens=int(totals.tokens),
        alignment_seconds=round(aligned - start, 1),
        seconds=round(time.monotonic() - aligned, 1),
        threads=torch.get_num_threads(),
        parts=str(parts),
        libraries=outcome.installed(),
        started_from=spine.adapter_name_or_path,
        started_from_sha256=start_hash,
        batches=batches.line,
        padding=totals.padding / max(1, totals.tokens + totals.padding),
        images=int(totals.images),
        refused=len(refused),
        whole=not config.lora_r,
    )
    losses = outcome.loss_lines({"alignment": alignment, "fine-tuning": trainer.state.log_history})
    if trainer.is_world_process_zero():
        outcome.publish_run(work, out, result, losses)
        print(json.dumps({trained: str(out), "state": "trained", "steps": result.steps}))


def listed_refusals(lengths, trainer, work):
    """Return row -> reason of all rows left out, before training and while decoding; listed in `work`."""
    refused = {one.row: one.reason for one in lengths.refused} | trainer.refused.rows
    if refused:
        (work / LOG).write_text(lines(Refused(*one) for one in refused.items()), encoding="utf-8")
    return refused


def fine_tune(model, processor, sft, spine, rows, lengths, work):
    """Return the trainer after training in the folder `work`, from its last checkpoint if it has one, and how
    rows were put together."""
    sft.output_dir = str(work)
    encoder = SampleEncoder(processor)
    batches = batching(
        lengths, model, encoder.family, sft, mode=spine.packing_mode, budget=spine.tokens_per_pack,
        most_images=spine.most_images_per_pack, window=spine.pack_window,
    )  # fmt: skip
    print(batches.line, file=sys.stderr)
    bare = undecoded(rows)
    seen = check_labels(
        encoder, model.generation_config.eos_token_id, [bare[int(row)] for row in lengths.kept[:4]]
    )
    print(f"a reply as the loss sees it: {seen!r}", file=sys.stderr)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # worker processes are forked from here on
    collator = (PackingCollator if batches.kind == "packed" else PaddingCollator)(encoder)
    trainer = SpineTrainer(model, sft, bare, collator, processor, batches.sampler)
    if last := last_checkpoint(work):
        print(f"resumed from step {last.name.rsplit('-')[-1]}", file=sys.stderr)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    trainer.save_model(str(work))
    return trainer, batches


def parse(words):
    """Return the four groups of settings for command line words, by default those of the mini recipe."""
    if "--config" not in words:
        words = ["--config", str(Path(__file__).parent / "mini" / "sft.yaml"), *words]
    return parsed(TrlParser((ScriptArguments, SFTConfig, ModelConfig, SpineArguments)), words)


if __name__ == "__main__":
    try:
        main(*parse(sys.argv[1:]))
    except SpinemedError as error:
        sys.exit(f"sft: {error}")
