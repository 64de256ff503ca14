"""Streams the answer of a local vision-language model, with or without an adapter, to one question on one picture."""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from spinemed.errors import ModelError

DEFAULT_BASE = Path("models/spinemed-mini-base")  # what `make demo` leaves behind
DEFAULT_ADAPTER = Path("runs/mini")
MAX_NEW_TOKENS = 96
SECONDS_PER_TOKEN = 120.0

Answerer = Callable[[Image.Image, str], Iterator[str]]  # yields the whole answer so far, growing


@dataclass(frozen=True)
class ModelPlace:
    """The folders of a base model and, where there is one, its adapter."""

    base: Path
    adapter: Path | None

    @property
    def name(self) -> str:
        """The model's name for people: folder names alone, no path of this machine."""
        return self.base.name + (f" + adapter {self.adapter.name}" if self.adapter else ", without an adapter")


def find_model(environment: dict[str, str] | None = None) -> ModelPlace:
    """Return where the model is, from SPINEMED_MODEL and SPINEMED_ADAPTER or the places of `make demo`.

    SPINEMED_MODEL may also name an adapter folder; its adapter_config.json then names the base.

    Raises:
        ModelError: a folder that is needed is missing; the message names the command that makes it.
    """
    environment = dict(os.environ) if environment is None else environment
    named, adapter = environment.get("SPINEMED_MODEL", ""), environment.get("SPINEMED_ADAPTER", "")
    if not named:
        place = ModelPlace(DEFAULT_BASE, Path(adapter) if adapter else DEFAULT_ADAPTER)
    elif (Path(named) / "adapter_config.json").is_file():
        config = json.loads((Path(named) / "adapter_config.json").read_text(encoding="utf-8"))
        place = ModelPlace(Path(config["base_model_name_or_path"]), Path(named))
    else:
        place = ModelPlace(Path(named), Path(adapter) if adapter else None)
    wanted = [(place.base, "config.json")] + ([(place.adapter, "adapter_config.json")] if place.adapter else [])
    for folder, file in wanted:
        if not (folder / file).is_file():
            raise ModelError(
                f"There is no model at {folder} ({file} is missing). `make demo` makes the mini model; "
                "or set SPINEMED_MODEL, and SPINEMED_ADAPTER if there is one, to folders that hold a model."
            )
    return place


@functools.lru_cache(maxsize=1)
def load(place: ModelPlace) -> tuple[Any, Any]:
    """Return (model in evaluation mode, processor); kept, so that only the first question waits."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    on_gpu = torch.cuda.is_available()
    model = AutoModelForImageTextToText.from_pretrained(
        place.base, dtype=torch.bfloat16 if on_gpu else torch.float32, local_files_only=True
    )
    if place.adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, place.adapter, local_files_only=True)
    processor = AutoProcessor.from_pretrained(place.base, local_files_only=True)
    return model.to("cuda" if on_gpu else "cpu").eval(), processor


def stream(model: Any, processor: Any, picture: Image.Image, question: str) -> Iterator[str]:
    """Yield the growing answer; closing the generator stops the model at its next token."""
    from transformers import StoppingCriteriaList, TextIteratorStreamer

    content = [{"type": "image", "image": picture}, {"type": "text", "text": question}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True, return_dict=True,
        return_tensors="pt",
    ).to(model.device)  # fmt: skip
    streamer = TextIteratorStreamer(
        processor.tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=SECONDS_PER_TOKEN
    )
    stopped = threading.Event()
    failures: list[Exception] = []

    def generate() -> None:
        try:
            model.generate(
                **inputs, streamer=streamer, max_new_tokens=MAX_NEW_TOKENS, do_sample=False,
                stopping_criteria=StoppingCriteriaList([lambda *_, **__: stopped.is_set()]),
            )  # fmt: skip
        except Exception as error:  # a thread's error would be lost and the page would wait
            failures.append(error)
            streamer.end()

    worker = threading.Thread(target=generate, daemon=True)
    worker.start()
    text = ""
    try:
        for piece in streamer:
            text += piece
            yield text
    finally:
        stopped.set()
        worker.join()
    if failures:
        raise ModelError(f"The model failed: {failures[0]}") from failures[0]


def answer_with_local_model(picture: Image.Image, question: str) -> Iterator[str]:
    """Yield the growing answer of the model that `find_model` finds, loaded at the first question."""
    yield from stream(*load(find_model()), picture, question)
