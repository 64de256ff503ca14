"""A vision-language model that answers batches of prompts: transformers, greedy, adapter merged."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig
from transformers import logging as transformers_logging

from spinemed.bench.running.weights import check_folders
from spinemed.errors import ModelError
from spinemed.llm.chat import Reply

# Full prefixes, as transformers compares the start of a module's name; those of other families do no harm.
UNQUANTISED = (
    "lm_head", "model.vision_tower", "model.multi_modal_projector", "model.visual", "model.vision_model",
    "model.connector",
)  # fmt: skip


@dataclass(frozen=True)
class Backend:
    """A loaded model with its processor; `answer` is all that the runner needs."""

    model: Any
    processor: Any
    max_new_tokens: int

    def answer(self, prompts: Sequence[dict[str, Any]]) -> list[Reply]:
        """Return one reply a prompt of `messages` (a last assistant turn is dropped) and `images`.

        `seconds` is each prompt's share of the batch's time.
        """
        start = time.perf_counter()
        texts = [
            self.processor.apply_chat_template(turns(row), add_generation_prompt=True) for row in prompts
        ]
        pictures = [
            [Image.open(io.BytesIO(each["bytes"])).convert("RGB") for each in row["images"]]
            for row in prompts
        ]
        batch = self.processor(
            text=texts, images=pictures if any(pictures) else None, padding=True, padding_side="left",
            add_special_tokens=False, return_tensors="pt",
        ).to(self.model.device, self.model.dtype)  # fmt: skip
        with torch.inference_mode():
            output = self.model.generate(
                **batch, max_new_tokens=self.max_new_tokens, do_sample=False, num_beams=1,
                pad_token_id=self.processor.tokenizer.pad_token_id,
            )  # fmt: skip
        written = output[:, batch["input_ids"].shape[1] :].cpu()
        seconds = (time.perf_counter() - start) / len(prompts)
        asked = batch["attention_mask"].sum(dim=1).tolist()
        return [self.read(tokens, seconds, count) for tokens, count in zip(written, asked, strict=True)]

    def read(self, tokens: torch.Tensor, seconds: float, prompt_tokens: int) -> Reply:
        """Return the reply in generated tokens, which end at the first end or padding token."""
        ends = end_tokens(self.model, self.processor)
        stop = next((place for place, token in enumerate(tokens.tolist()) if token in ends), len(tokens))
        text = self.processor.tokenizer.decode(tokens[:stop], skip_special_tokens=True)
        reason = "length" if stop == self.max_new_tokens else "stop"
        return Reply(text.strip(), reason, prompt_tokens, stop, seconds)


def turns(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the chat of a row up to the assistant's answer, its pictures first in the first user turn.

    >>> turns({"messages": [{"role": "user", "content": "Which?"}], "images": [0]})
    [{'role': 'user', 'content': [{'type': 'image'}, {'type': 'text', 'text': 'Which?'}]}]
    """
    messages = list(row["messages"])
    if messages and messages[-1]["role"] == "assistant":
        messages.pop()
    pictures: list[dict[str, str]] = [{"type": "image"} for _ in row["images"]]
    chat = []
    for message in messages:
        text = {"type": "text", "text": message["content"]}
        content = [*pictures, text] if message["role"] == "user" else [text]
        pictures = [] if message["role"] == "user" else pictures
        chat.append({"role": message["role"], "content": content})
    return chat


def end_tokens(model: Any, processor: Any) -> frozenset[int]:
    """Return the token ids that end an answer."""
    ends = model.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    tokenizer = processor.tokenizer
    return frozenset(
        end for end in (*listed, tokenizer.eos_token_id, tokenizer.pad_token_id) if end is not None
    )


def load(
    model: Path,
    adapter: Path | None,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    four_bit: bool = False,
    max_new_tokens: int = 16,
) -> Backend:
    """Return the model of a folder with its adapter; ModelError says what is missing.

    `dtype` is "float32" or "bfloat16". On the CPU an adapter is merged in float32 before weights are rounded.
    """
    check_folders(model, adapter)
    transformers_logging.disable_progress_bar()
    wanted: torch.dtype = getattr(torch, dtype)
    options: dict[str, Any] = {"dtype": torch.float32 if device == "cpu" and not four_bit else wanted}
    if four_bit:
        options["quantization_config"] = four_bit_config()
    try:
        processor = AutoProcessor.from_pretrained(model, local_files_only=True)
        loaded = AutoModelForImageTextToText.from_pretrained(model, local_files_only=True, **options).eval()
        if adapter is not None:
            loaded = with_adapter(loaded, adapter, merge=not four_bit)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(
            f"{model} cannot be loaded as a vision-language model: {str(error).splitlines()[0]}"
        ) from error
    processor.tokenizer.padding_side = "left"
    if processor.tokenizer.pad_token_id is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return Backend(loaded if four_bit else loaded.to(device, wanted), processor, max_new_tokens)


def with_adapter(model: Any, adapter: Path, *, merge: bool) -> Any:
    """Return the model with a PEFT adapter, merged into its weights unless these are quantised."""
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(model, str(adapter), is_trainable=False)
    return (adapted.merge_and_unload() if merge else adapted).eval()


def four_bit_config() -> BitsAndBytesConfig:
    """Return NF4 with double quantisation for the language part; vision, projector and head are left."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=list(UNQUANTISED),
    )
