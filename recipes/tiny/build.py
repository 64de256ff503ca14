"""Writes a vision-language model of random weights that trains in seconds, for tests of the recipes.

    python recipes/tiny/build.py --out models/tiny                       # a LLaVA
    python recipes/tiny/build.py --out models/tiny-2 --family idefics3    # an Idefics3, as SmolVLM

Every layer's input is a multiple of 64 wide, the block size of NF4.
"""

import argparse
import json
from importlib.resources import files
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from spinemed.training.folder import is_complete, publish
from spinemed.training.mini import CHAT_TEMPLATE

WIDTH = 64
PICTURE = {"height": 56, "width": 28}
WORDS = [
    "Which vertebra is marked? Count up from the sacrum.",
    "A. L2 B. L3 C. T12 D. S1",
    "L4 (C)",
    "user assistant",
]
FAMILIES = ("llava", "idefics3")


def tokenizer(special):
    """Return a byte-level tokenizer of some 300 tokens; `special` maps roles (image_token) to tokens."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special.values()]
    trained.train_from_iterator(
        WORDS, trainers.BpeTrainer(special_tokens=marks, initial_alphabet=alphabet, show_progress=False)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=trained,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=special,
    )


def text_config(words):
    """Return the settings of the language part."""
    return {
        "vocab_size": len(words),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 1024,
        "pad_token_id": words.pad_token_id,
        "bos_token_id": words.pad_token_id,
        "eos_token_id": words.eos_token_id,
    }


def llava():
    """Return a LLaVA of DINOv2 and Llama type with its processor."""
    words = tokenizer({"image_token": "<image>"})
    vision = {
        "model_type": "dinov2",
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
        "image_size": 56,
        "patch_size": 14,
    }
    config = LlavaConfig(
        vision_config=vision,
        text_config={"model_type": "llama", "tie_word_embeddings": True, **text_config(words)},
        image_token_index=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size=PICTURE, do_center_crop=False),
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )
    return LlavaForConditionalGeneration(config), processor


def idefics3():
    """Return an Idefics3, as SmolVLM is built, with its processor: 28 x 28 pixels, one image token."""
    words = tokenizer(
        {
            "image_token": "<image>",
            "fake_image_token": "<fake_token_around_image>",
            "global_image_token": "<global-img>",
            "end_of_utterance_token": "<end_of_utterance>",
        }
    )
    words.eos_token = "<end_of_utterance>"
    vision = {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    config = Idefics3Config(
        vision_config=vision,
        text_config={"model_type": "llama", "tie_word_embeddings": True, **text_config(words)},
        scale_factor=2,
        image_token_id=words.convert_tokens_to_ids("<image>"),
        pad_token_id=words.pad_token_id,
        tie_word_embeddings=True,
    )
    edge = {"longest_edge": 28}
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessorPil(size=edge, max_image_size=edge, do_image_splitting=False),
        tokenizer=words,
        image_seq_len=1,
        chat_template=(files("trl") / "chat_templates" / "idefics3.jinja").read_text(encoding="utf-8"),
    )
    return Idefics3ForConditionalGeneration(config), processor


def build(out, family="llava"):
    """Write the model of a family to the folder `out`; return False if it is there already."""
    recipe = {"written_by": "recipes/tiny/build.py", "family": family, "width": WIDTH, "version": 1}
    if is_complete(out, recipe):
        return False
    torch.manual_seed(0)
    model, processor = llava() if family == "llava" else idefics3()
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id

    def write(folder):
        model.save_pretrained(folder)
        processor.save_pretrained(folder)

    publish(out, recipe, write)
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("models/tiny"))
    parser.add_argument("--family", choices=FAMILIES, default="llava")
    arguments = parser.parse_args()
    state = "written" if build(arguments.out, arguments.family) else "already there"
    print(json.dumps({"model": str(arguments.out), "state": state}))
