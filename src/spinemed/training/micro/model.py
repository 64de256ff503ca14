"""A small Idefics3 from its configuration: word tokenizer, processor, random weights.

ViT of 4 x 128 with patches of 16 pixels, pixel shuffle 2 and Llama of 2 x 128: 16 image tokens. Few image
tokens and a small language half learned faster than larger ones in equal minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    PreTrainedTokenizerFast,
)

from spinemed.levels import Level

SIDE: Final = 128
PATCH: Final = 16
SHUFFLE: Final = 2
GRID: Final = (SIDE // PATCH, SIDE // PATCH)
IMAGE_TOKENS: Final = (SIDE // PATCH // SHUFFLE) ** 2
WIDTH: Final = 128
HEADS: Final = 4
LONGEST: Final = 256
"""Pictures are brought to this longest side and then, both sides for themselves, to SIDE."""
LETTERS: Final = "ABCDEFGH"
MARKS: Final = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "bos_token": "<bos>",
    "eos_token": "<end_of_utterance>",
}
PICTURE_MARKS: Final = {
    "image_token": "<image>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
    "end_of_utterance_token": "<end_of_utterance>",
}
TURNS: Final = ("<|user|>", "<|assistant|>")
CHAT_TEMPLATE: Final = (
    "{%- for message in messages -%}"
    "{%- set parts = message['content'] -%}"
    "{%- if parts is string -%}{%- set parts = [{'type': 'text', 'text': parts}] -%}{%- endif -%}"
    "{%- if message['role'] == 'assistant' -%}{{ '<|assistant|>' }}{%- generation -%}"
    "{%- for part in parts -%}{{ part['text'] }}{%- endfor -%}{{ '<end_of_utterance>' }}{%- endgeneration -%}"
    "{%- else -%}{{ '<|user|>' }}{%- for part in parts -%}"
    "{%- if part['type'] == 'image' -%}{{ '<image>' }}{%- else -%}{{ part['text'] }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)
_WORD: Final = r"\w+|[^\w\s]"


def words_of(texts: Iterable[str]) -> list[str]:
    """Return the words of texts, each once and sorted; every level and letter of an option is among them.

    >>> [word for word in words_of(["Which one is marked?"]) if word.islower() or word == "?"]
    ['?', 'is', 'marked', 'one']
    """
    found = {word for text in texts for word in re.findall(_WORD, text)}
    return sorted(found | {level.value for level in Level} | set(LETTERS) | set(".:(),-"))


def tokenizer_of(words: Sequence[str]) -> Any:
    """Return a tokenizer with one token a word; words that it does not know become <unk>."""
    marks = list(dict.fromkeys([*MARKS.values(), *PICTURE_MARKS.values(), *TURNS]))
    vocabulary = {word: place for place, word in enumerate([*marks, *words])}
    bare = Tokenizer(models.WordLevel(vocabulary, unk_token=MARKS["unk_token"]))
    bare.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(_WORD), "isolated")]
    )
    bare.add_special_tokens(marks)
    return PreTrainedTokenizerFast(
        tokenizer_object=bare,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=PICTURE_MARKS,
        **MARKS,
    )


def processor_of(words: Sequence[str]) -> Any:
    """Return the processor: pictures at 128 x 128 without tiles, questions as chat."""
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": LONGEST}, max_image_size={"longest_edge": SIDE}, do_image_splitting=False
    )
    return Idefics3Processor(
        image_processor=images,
        tokenizer=tokenizer_of(words),
        image_seq_len=IMAGE_TOKENS,
        chat_template=CHAT_TEMPLATE,
    )


def config_of(tokenizer: Any, width: int = WIDTH, layers: tuple[int, int] = (4, 2)) -> Any:
    """Return the configuration; `layers` are those of the vision and of the language half.

    Inputs of all layers are multiples of 64 wide where `width` is: the block size of NF4.
    """
    vision = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers[0],
        "num_attention_heads": HEADS,
        "image_size": SIDE,
        "patch_size": PATCH,
    }
    text = {
        "model_type": "llama",
        "vocab_size": 64 * -(-len(tokenizer) // 64),
        "hidden_size": width,
        "intermediate_size": 5 * width // 2,
        "num_hidden_layers": layers[1],
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS // 2,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    return Idefics3Config(
        vision_config=vision,
        text_config=text,
        scale_factor=SHUFFLE,
        image_token_id=tokenizer.convert_tokens_to_ids(PICTURE_MARKS["image_token"]),
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )


def model_of(config: Any, tokenizer: Any, seed: int) -> Any:
    """Return the model, float32, its weights drawn from `seed`."""
    torch.manual_seed(seed)
    model = Idefics3ForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model
