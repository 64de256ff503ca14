"""Streams the answer of a local vision-language model, with or without an adapter, to one question."""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from spinemed.errors import ModelError

if TYPE_CHECKING:
    from spinemed.bench.running.backend import Backend

DEFAULT_BASE = Path("models/spinemed-mini-base")  # what `make demo` leaves behind
DEFAULT_ADAPTER = Path("runs/mini")
MAX_NEW_TOKENS = 64
SECONDS_PER_TOKEN = 120.0

Answerer = Callable[[Image.Image, str], Iterator[str]]
"""Yields the whole answer so far, growing."""


@dataclass(frozen=True)
class ModelPlace:
    """The folders of a base model and, where there is one, its adapter."""

    base: Path
    adapter: Path | None

    @property
    def name(self) -> str:
        """The model's name for people: folder names alone, no path of this machine."""
        return self.base.name + (
            f" with adapter {self.adapter.name}" if self.adapter else ", without adapter"
        )


def find_model(environment: Mapping[str, str] = os.environ) -> ModelPlace:
    """Return where the model is, from SPINEMED_MODEL and SPINEMED_ADAPTER or the places of `make demo`.

    SPINEMED_MODEL may also name an adapter folder, whose adapter_config.json then names the base. ModelError
    where a folder is missing; its message names the command that makes it.
    """
    named, adapter = environment.get("SPINEMED_MODEL", ""), environment.get("SPINEMED_ADAPTER", "")
    if not named:
        place = ModelPlace(DEFAULT_BASE, Path(adapter) if adapter else DEFAULT_ADAPTER)
    elif (Path(named) / "adapter_config.json").is_file():
        config = json.loads((Path(named) / "adapter_config.json").read_text(encoding="utf-8"))
        place = ModelPlace(Path(config["base_model_name_or_path"]), Path(named))
    else:
        place = ModelPlace(Path(named), Path(adapter) if adapter else None)
    for folder, file in ((place.base, "config.json"), (place.adapter, "adapter_config.json")):
        if folder and not (folder / file).is_file():
            raise ModelError(
                f"There is no model at {folder} ({file} is missing). `make demo` makes the mini model; "
                "or set SPINEMED_MODEL, and SPINEMED_ADAPTER if there is one, to folders that hold a model."
            )
    return place


@functools.lru_cache(maxsize=1)
def loaded(place: ModelPlace) -> Backend:
    """Return the model as `spinemed predict` loads it; kept, so that only the first question waits."""
    import torch

    from spinemed.bench.running.backend import load

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return load(place.base, place.adapter, device=device, max_new_tokens=MAX_NEW_TOKENS)


def stream(backend: Backend, picture: Image.Image, question: str) -> Iterator[str]:
    """Yield the growing answer; closing the generator stops the model at its next token."""
    from transformers import StoppingCriteriaList, TextIteratorStreamer

    from spinemed.bench.running.backend import turns

    processor = backend.processor
    chat = turns({"messages": [{"role": "user", "content": question}], "images": [picture]})
    inputs = processor(
        text=[processor.apply_chat_template(chat, add_generation_prompt=True)],
        images=[[picture]],
        add_special_tokens=False,
        return_tensors="pt",
    ).to(backend.model.device)
    streamer = TextIteratorStreamer(
        processor.tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=SECONDS_PER_TOKEN
    )
    stopped = threading.Event()
    failures: list[Exception] = []

    def generate() -> None:
        try:
            backend.model.generate(
                **inputs,
                streamer=streamer,
                max_new_tokens=backend.max_new_tokens,
                do_sample=False,
                num_beams=1,
                pad_token_id=processor.tokenizer.pad_token_id,
                stopping_criteria=StoppingCriteriaList([lambda *_, **__: stopped.is_set()]),
            )
        except Exception as error:  # left in the thread it would be lost, and the page would wait
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
    yield from stream(loaded(find_model()), picture, question)
