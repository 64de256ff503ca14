"""Trains an adapter further by rewards that a rule can check: TRL's GRPOTrainer on questions with pictures.

    accelerate launch recipes/grpo.py                             # recipes/mini/grpo.yaml on ./spinemed-450k
    accelerate launch recipes/grpo.py --config MY.yaml --seed 1   # another recipe; options override its keys

A recipe's keys are fields of TRL's ScriptArguments, GRPOConfig and ModelConfig, and of RewardArguments below;
unknown keys fail. It starts from the adapter that recipes/sft.py leaves, and uses rows that show a picture
and whose own reply earns every reward of answers. Its card tells the tokens that the loss has seen, prompts
and completions, as that of recipes/sft.py does; stop_at_tokens ends a run there, to compare the two.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from datasets import concatenate_datasets, load_dataset
from peft import PeftModel
from transformers import AutoProcessor, TrainerCallback
from transformers.trainer_callback import ExportableState
from trl import GRPOConfig, GRPOTrainer, ModelConfig, ScriptArguments, TrlParser

from spinemed.bench.items import read_items, shards
from spinemed.bench.scoring.open_truth import truth_of
from spinemed.bench.scoring.report_truth import read_references
from spinemed.errors import ConfigError, SpinemedError
from spinemed.report_facts import read_truth
from spinemed.training import outcome
from spinemed.training.base_model import freeze, load_base
from spinemed.training.folder import STATE, last_checkpoint
from spinemed.training.merging import check_adapter
from spinemed.training.preflight import check_adapted
from spinemed.training.rewards import GRADED_KINDS, REWARDS, Truth, graded_truth, is_verifiable
from spinemed.training.same_types import SameTypes


@dataclass
class RewardArguments:
    """What TRL has no key for: the adapter to start from, the rows, the rewards, and when to stop."""

    adapter_name_or_path: str = field(default="", metadata={"help": "what recipes/sft.py left"})
    row_configs: list[str] = field(default_factory=lambda: ["choice", "open"])
    row_kinds: list[str] = field(default_factory=list, metadata={"help": "kinds of question; none means all"})
    rewards: list[str] = field(
        default_factory=lambda: list(REWARDS), metadata={"help": "names, in the order of reward_weights"}
    )
    stop_at_tokens: int = field(
        default=0, metadata={"help": "end after the step in which the loss has seen so many; 0: never"}
    )
    base_command: str = field(
        default="", metadata={"help": "how to make the base model, said where it is missing"}
    )
    keep_unquantised: list[str] = field(default_factory=list, metadata={"help": "full module prefixes"})
    frozen_modules: list[str] = field(
        default_factory=list, metadata={"help": "modules of the adapter that are not trained on"}
    )


class TokensSeen(TrainerCallback, ExportableState):
    """Tokens of prompts and completions that passes of the loss have seen, kept in each checkpoint."""

    def __init__(self, stop_at=0):
        self.stop_at, self.prompts, self.completions = stop_at, 0, 0

    @property
    def total(self):
        """Tokens in all."""
        return self.prompts + self.completions

    def state(self):
        """Return what a checkpoint keeps."""
        return {"args": {}, "attributes": {"prompts": self.prompts, "completions": self.completions}}

    def restore(self, checkpoint):
        """Go on counting from a checkpoint."""
        kept = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))["stateful_callbacks"]
        for name, count in kept[type(self).__name__]["attributes"].items():
            setattr(self, name, count)

    def on_step_end(self, _arguments, _state, control, **_):
        """End training once enough tokens were seen."""
        if self.stop_at and self.total >= self.stop_at:
            control.should_training_stop = control.should_save = True


class CountingTrainer(SameTypes, GRPOTrainer):
    """TRL's trainer that tells `seen` the real tokens of each pass of the loss, over all processes."""

    seen: TokensSeen

    def _compute_loss(self, model, inputs):
        if self.model.training:
            mine = [inputs["prompt_mask"].sum(), inputs["completion_mask"].sum()]
            every = self.accelerator.gather(torch.stack(mine)).view(-1, 2).sum(0).tolist()
            self.seen.prompts += int(every[0])
            self.seen.completions += int(every[1])
        return super()._compute_loss(model, inputs)


def truth_for(item, reference=""):
    """Return the truth of an item as the benchmark reads it; `reference` says what is true of a report."""
    if item.task == "report":
        return Truth(answer=item.answer, plan_levels=read_truth(reference).plan_levels)
    fields = {
        "answer": item.answer,
        "options": item.options,
        "numbering": item.transitional,
        "is_plan": item.axis == "planning",
    }
    if item.kind in GRADED_KINDS and len(item.sites) == 1:
        graded = graded_truth(Truth(**fields, sites=item.sites, graded=GRADED_KINDS[item.kind]))
        if graded:
            return graded
    right = truth_of(item)
    return Truth(**fields, sites=right.sites, side=right.side, is_level_given=right.is_level_given)


def rewarded_rows(corpus, configs, kinds, split):
    """Return the rows that can be rewarded, with `prompt`, `images` and `truth`; ConfigError for none."""
    parts = []
    for config in configs:
        items = {item.id: item for item in read_items(Path(corpus), config, split)}
        known = read_references(Path(corpus), split, list(items.values())) if config == "report" else {}
        files = [str(file) for file in shards(Path(corpus), config, split)]
        rows = load_dataset("parquet", data_files={split: files}, split=split)
        talks = rows["messages"]
        truths = [truth_for(items[one], known.get(one, "")) for one in rows["id"]]
        shown = [items[one].width > 0 and (not kinds or items[one].kind in kinds) for one in rows["id"]]
        kept = [
            place
            for place, (turns, truth) in enumerate(zip(talks, truths, strict=True))
            if shown[place] and is_verifiable(truth, turns[-1]["content"])
        ]
        feature = rows.features["messages"]
        rows = rows.select_columns(["images", "patient", "synthetic"])
        rows = rows.add_column("prompt", [turns[:-1] for turns in talks], feature=feature)
        parts.append(rows.add_column("truth", [truth.model_dump_json() for truth in truths]).select(kept))
    found = concatenate_datasets(parts)
    if not len(found):
        named = f" of kind {', '.join(kinds)}" if kinds else ""
        raise ConfigError(
            f"no row{named} of {corpus} ({', '.join(configs)}; {split}) shows a picture and has an answer "
            "that a reward can check; choose other row_kinds or row_configs"
        )
    return found


def load(spine, config):
    """Return the base with NF4 weights and the adapter to train on, and its processor."""
    folder, adapter = Path(config.model_name_or_path), Path(spine.adapter_name_or_path)
    if (folder / "config.json").is_file():
        check_adapter(adapter, folder)
    base = load_base(config, spine.keep_unquantised, spine.base_command)
    model = freeze(PeftModel.from_pretrained(base, str(adapter), is_trainable=True), spine.frozen_modules)
    return model, AutoProcessor.from_pretrained(folder)


def other_corpus(adapter, data):
    """Return a line that says where an adapter was trained on another corpus than this one; "" else."""
    record = adapter / outcome.RECORD
    known = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    before = known.get("corpus_sha256")
    if not before or before == data:
        return ""
    return (
        f"{adapter} was trained on another corpus ({before[:16]}, now {data[:16] or 'unknown'}); going on\n"
    )


def rewards_of(spine, grpo):
    """Return the reward functions and name -> weight; ConfigError for unknown names or unequal numbers."""
    unknown = set(spine.rewards) - set(REWARDS)
    if unknown or not spine.rewards:
        raise ConfigError(f"rewards: no {sorted(unknown)}; there are {', '.join(REWARDS)}")
    weights = grpo.reward_weights or [1.0] * len(spine.rewards)
    if len(weights) != len(spine.rewards):
        raise ConfigError(f"reward_weights has {len(weights)} numbers for {len(spine.rewards)} rewards")
    return [REWARDS[name] for name in spine.rewards], dict(zip(spine.rewards, weights, strict=True))


def main(script, grpo, config, spine):
    """Check, train, and leave the adapter with its card in `output_dir`."""
    out, data = Path(grpo.output_dir), outcome.corpus_hash(script.dataset_name)
    adapter = Path(spine.adapter_name_or_path)
    start_hash = outcome.weights_hash(adapter)
    key = outcome.run_key(vars(script), vars(spine), vars(config), grpo.to_dict(), data, start_hash)
    if outcome.is_done(out, key):
        print(json.dumps({"adapter": str(out), "state": "already trained"}))
        return
    functions, weights = rewards_of(spine, grpo)
    model, processor = load(spine, config)
    rows = rewarded_rows(script.dataset_name, spine.row_configs, spine.row_kinds, script.dataset_train_split)
    target = model.peft_config["default"].target_modules
    target = target if isinstance(target, str) else rf".*\.({'|'.join(sorted(target))})"
    parts = check_adapted(model, spine.keep_unquantised, target)
    patients = len(set(rows["patient"]))
    told = f"parameters: {parts}\nrows: {len(rows):,} of {patients:,} patients"
    print(other_corpus(adapter, data) + told, file=sys.stderr)
    work, start = out / f"unfinished-{key}", time.monotonic()
    trainer = reinforce(model, processor, grpo, rows, work, functions, spine.stop_at_tokens)
    result = outcome.Outcome(
        key=key,
        base=config.model_name_or_path,
        corpus=script.dataset_name,
        corpus_sha256=data,
        split=script.dataset_train_split,
        rows=len(rows),
        patients=patients,
        synthetic_share=sum(rows["synthetic"]) / len(rows),
        alignment_steps=0,
        steps=trainer.state.global_step,
        tokens=trainer.seen.total,
        alignment_seconds=0.0,
        seconds=round(time.monotonic() - start, 1),
        threads=torch.get_num_threads(),
        parts=str(parts),
        libraries=outcome.installed(),
        recipe="recipes/grpo.py",
        started_from=str(adapter),
        started_from_sha256=start_hash,
        prompt_tokens=trainer.seen.prompts,
        completion_tokens=trainer.seen.completions,
        rewards=weights,
    )
    outcome.publish_run(work, out, result, outcome.loss_lines({"grpo": trainer.state.log_history}))
    print(
        json.dumps({"adapter": str(out), "state": "trained", "steps": result.steps, "tokens": result.tokens})
    )


def reinforce(model, processor, grpo, rows, work, functions, stop_at):
    """Return the trainer after training in the folder `work`, from its last checkpoint if it has one."""
    grpo.output_dir = str(work)
    seen = TokensSeen(stop_at)
    trainer = CountingTrainer(
        model,
        reward_funcs=functions,
        args=grpo,
        train_dataset=rows.select_columns(["images", "prompt", "truth"]),
        processing_class=processor,
        callbacks=[seen],
    )
    trainer.seen = seen
    if last := last_checkpoint(work):
        seen.restore(last)
        print(f"resumed from step {last.name.rsplit('-')[-1]}, {seen.total:,} tokens", file=sys.stderr)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    trainer.save_model(str(work))
    return trainer


def parse(words):
    """Return the four groups of settings for command line words, by default those of the mini recipe."""
    if "--config" not in words:
        words = ["--config", str(Path(__file__).parent / "mini" / "grpo.yaml"), *words]
    return TrlParser((ScriptArguments, GRPOConfig, ModelConfig, RewardArguments)).parse_args_and_config(words)


if __name__ == "__main__":
    try:
        main(*parse(sys.argv[1:]))
    except SpinemedError as error:
        sys.exit(f"grpo: {error}")
