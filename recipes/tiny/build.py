"""Writes a vision-language model of random weights that trains in seconds, for tests of the recipes.

    python recipes/tiny/build.py --out models/tiny                       # a LLaVA
    python recipes/tiny/build.py --out models/tiny-2 --family idefics3    # an Idefics3, as SmolVLM
    python recipes/tiny/build.py --out models/tiny-3 --family qwen2_5_vl  # also: qwen3_vl, gemma3

Every linear layer's input is a multiple of 64 wide, the block size of NF4.
"""

import argparse
import json
from importlib.resources import files
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from spinemed.training.families import qwen
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
QWEN_MARKS = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>")


def tokenizer(special, more=()):
    """Return a byte-level tokenizer of some 300 tokens.

    `special` maps roles (image_token) to tokens, `more` are special tokens without a role.
    """
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *more, *special.values()]
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


def trl_template(name):
    """Return one of TRL's chat templates."""
    return (files("trl") / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")


def qwen_words():
    """Return a tokenizer with Qwen's special tokens, and their ids as the models' configs name them."""
    words = tokenizer({"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}, QWEN_MARKS)
    marks = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>"}
    marks |= {"vision_start_token_id": QWEN_MARKS[0], "vision_end_token_id": QWEN_MARKS[1]}
    return words, {name: words.convert_tokens_to_ids(token) for name, token in marks.items()}


def qwen_images(patch, **values):
    """Return an image processor of 1 to 16 image tokens a picture."""
    size = {"shortest_edge": (2 * patch) ** 2, "longest_edge": 16 * (2 * patch) ** 2}
    return Qwen2VLImageProcessorPil(patch_size=patch, size=size, **values)


def qwen_tower(patch):
    """Return the settings of the tower of both Qwens."""
    return {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "depth": 2,
        "num_heads": 2,
        "out_hidden_size": WIDTH,
        "patch_size": patch,
    }


def qwen2_5_vl():
    """Return a Qwen2.5-VL with its processor, which needs no torchvision."""
    words, ids = qwen_words()
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 6, 6]}
    config = Qwen2_5_VLConfig(
        text_config={**text_config(words), "rope_parameters": rope, "tie_word_embeddings": True},
        vision_config={**qwen_tower(14), "window_size": 56, "fullatt_block_indexes": [1]},
        tie_word_embeddings=True,
        **ids,
    )
    processor = qwen.Qwen2_5_VLProcessor(qwen_images(14), words, chat_template=trl_template("qwen2_5_vl"))
    return Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_vl():
    """Return a Qwen3-VL with its processor, which needs no torchvision."""
    words, ids = qwen_words()
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [6, 5, 5], "mrope_interleaved": True}
    text = {**text_config(words), "head_dim": 32, "rope_parameters": rope, "tie_word_embeddings": True}
    config = Qwen3VLConfig(
        text_config=text,
        vision_config={**qwen_tower(16), "num_position_embeddings": 64, "deepstack_visual_indexes": [0]},
        tie_word_embeddings=True,
        **ids,
    )
    images = qwen_images(16, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    processor = qwen.Qwen3VLProcessor(images, words, chat_template=trl_template("qwen3_vl"))
    return Qwen3VLForConditionalGeneration(config), processor


def gemma3():
    """Return a Gemma 3 with its processor: 56 x 56 pixels, 4 image tokens, a sliding layer and a full one."""
    marks = ("<bos>", "<start_of_turn>", "<end_of_turn>")
    words = tokenizer(
        {
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
        marks,
    )
    words.bos_token, words.eos_token = "<bos>", "<end_of_turn>"
    text = {
        **text_config(words),
        "head_dim": 32,
        "sliding_window": 32,
        "layer_types": ["sliding_attention", "full_attention"],
        "tie_word_embeddings": True,
    }
    vision = {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 56,
        "patch_size": 14,
    }
    ids = {"boi_token_index": words.boi_token_id, "eoi_token_index": words.eoi_token_id}
    config = Gemma3Config(
        text_config=text,
        vision_config=vision,
        mm_tokens_per_image=4,
        image_token_index=words.image_token_id,
        tie_word_embeddings=True,
        **ids,
    )
    processor = Gemma3Processor(
        Gemma3ImageProcessorPil(size={"height": 56, "width": 56}),
        words,
        chat_template=trl_template("gemma3"),
        image_seq_length=4,
    )
    return Gemma3ForConditionalGeneration(config), processor


FAMILIES = {
    "llava": llava,
    "idefics3": idefics3,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "gemma3": gemma3,
}


def build(out, family="llava"):
    """Write the model of a family to the folder `out`; return False if it is there already."""
    recipe = {"written_by": "recipes/tiny/build.py", "family": family, "width": WIDTH, "version": 1}
    if is_complete(out, recipe):
        return False
    torch.manual_seed(0)
    model, processor = FAMILIES[family]()
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
