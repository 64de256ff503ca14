"""Fine-tunes a vision-language model on the corpus: TRL's SFTTrainer, LoRA on the language part, NF4 weights.

    accelerate launch recipes/sft.py                             # recipes/mini/sft.yaml on ./spinemed-450k
    accelerate launch recipes/sft.py --config MY.yaml --seed 1   # another recipe; options override its keys

A recipe's keys are fields of TRL's ScriptArguments, SFTConfig and ModelConfig, and of SpineArguments below;
unknown keys fail. Only the split `train` is read. A killed run goes on from its last checkpoint; a finished
one is kept.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig, TrainingArguments
from trl import ModelConfig, ScriptArguments, SFTConfig, TrlParser

from spinemed.errors import ModelError, SpinemedError
from spinemed.training import outcome
from spinemed.training.alignment import align
from spinemed.training.folder import last_checkpoint
from spinemed.training.label_head import LabelHeadTrainer
from spinemed.training.preflight import check_adapted, check_labels, check_quantised
from spinemed.training.rows import training_rows


@dataclass
class SpineArguments:
    """What TRL has no key for: the rows, what stays unquantised, and the alignment of the image side."""

    row_configs: list[str] = field(default_factory=lambda: ["choice", "open"])
    row_kinds: list[str] = field(default_factory=list, metadata={"help": "kinds of question; none means all"})
    reply_with_letter: bool = field(
        default=True,
        metadata={"help": "whether a reply to a choice ends on its letter, or is the text alone"},
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
    """Return the model with NF4 weights and fresh adapters, and its processor."""
    folder = Path(config.model_name_or_path)
    if spine.base_command and not (folder / "config.json").is_file():
        raise ModelError(f"there is no base model in {folder}; make it with: {spine.base_command}")
    dtype = getattr(torch, config.dtype)
    quantisation = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=config.bnb_4bit_quant_type,
        bnb_4bit_use_double_quant=config.use_bnb_nested_quant,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=spine.keep_unquantised,
    )
    model = AutoModelForImageTextToText.from_pretrained(
        folder,
        dtype=dtype,
        attn_implementation=config.attn_implementation,
        quantization_config=quantisation if config.load_in_4bit else None,
    )
    check_quantised(model, config.load_in_4bit, spine.keep_unquantised)
    torch.manual_seed(sft.seed)
    lora = LoraConfig(
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=config.lora_target_modules,
        modules_to_save=config.lora_modules_to_save,
    )
    return get_peft_model(model, lora), AutoProcessor.from_pretrained(folder)


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
        model.get_base_model().get_submodule(part).requires_grad_(False)
    return log


def main(script, sft, config, spine):
    """Check, align, fine-tune, and leave the adapter with its card in `output_dir`."""
    out, data = Path(sft.output_dir), outcome.corpus_hash(script.dataset_name)
    key = outcome.run_key(vars(script), vars(spine), vars(config), sft.to_dict(), data)
    if outcome.is_done(out, key):
        print(json.dumps({"adapter": str(out), "state": "already trained"}))
        return
    work = out / f"unfinished-{key}"
    rows = training_rows(
        script.dataset_name,
        spine.row_configs,
        spine.row_kinds,
        script.dataset_train_split,
        spine.reply_with_letter,
    )
    model, processor = load(spine, config, sft)
    parts = check_adapted(model, spine.keep_unquantised, config.lora_target_modules)
    print(
        f"parameters: {parts}\nrows: {len(rows):,} of {len(set(rows['patient'])):,} patients", file=sys.stderr
    )
    start = time.monotonic()
    alignment = align_images(spine, sft, model, processor, rows, work)
    aligned = time.monotonic()
    trainer = fine_tune(model, processor, sft, rows, work)
    result = outcome.Outcome(
        key=key,
        base=config.model_name_or_path,
        corpus=script.dataset_name,
        corpus_sha256=data,
        split=script.dataset_train_split,
        rows=len(rows),
        patients=len(set(rows["patient"])),
        synthetic_share=sum(rows["synthetic"]) / len(rows),
        alignment_steps=spine.alignment_steps,
        steps=trainer.state.global_step,
        tokens=int(trainer._total_train_tokens),
        alignment_seconds=round(aligned - start, 1),
        seconds=round(time.monotonic() - aligned, 1),
        threads=torch.get_num_threads(),
        parts=str(parts),
        libraries=outcome.installed(),
    )
    losses = outcome.loss_lines({"alignment": alignment, "fine-tuning": trainer.state.log_history})
    outcome.publish_run(work, out, result, losses)
    print(json.dumps({"adapter": str(out), "state": "trained", "steps": result.steps}))


def fine_tune(model, processor, sft, rows, work):
    """Return the trainer after training in the folder `work`, from its last checkpoint if it has one."""
    sft.output_dir = str(work)
    trainer = LabelHeadTrainer(
        model, args=sft, train_dataset=rows.select_columns(["images", "messages"]), processing_class=processor
    )
    print(
        f"a reply as the loss sees it: {check_labels(trainer, range(min(4, len(rows))))!r}", file=sys.stderr
    )
    if last := last_checkpoint(work):
        print(f"resumed from step {last.name.rsplit('-')[-1]}", file=sys.stderr)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    trainer.save_model(str(work))
    return trainer


def parse(words):
    """Return the four groups of settings for command line words, by default those of the mini recipe."""
    if "--config" not in words:
        words = ["--config", str(Path(__file__).parent / "mini" / "sft.yaml"), *words]
    return TrlParser((ScriptArguments, SFTConfig, ModelConfig, SpineArguments)).parse_args_and_config(words)


if __name__ == "__main__":
    try:
        main(*parse(sys.argv[1:]))
    except SpinemedError as error:
        sys.exit(f"sft: {error}")
