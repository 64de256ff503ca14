"""A tiny random LLaVA answers through the real command: batches, adapters, 4-bit, wrong folders."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from PIL import Image
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="the back end needs the extra `train`")

from peft import LoraConfig, get_peft_model  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from transformers import (  # noqa: E402
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from spinemed.bench.running.backend import Backend, load, turns  # noqa: E402
from spinemed.bench.running.runs import read_predictions  # noqa: E402
from spinemed.cli import app  # noqa: E402
from spinemed.corpus.rows import features  # noqa: E402
from spinemed.errors import ModelError  # noqa: E402

# PEFT 0.21 asks transformers 5.23 for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}<image>\n{% else %}{{ p['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_tokenizer() -> Any:
    text = Tokenizer(models.BPE())
    text.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    text.decoder = decoders.ByteLevel()
    special = ["<pad>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=special)
    text.train_from_iterator(["Which vertebra is marked? L4 (C)"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=text,
        eos_token="<|im_end|>",
        pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = tiny_tokenizer()
    size: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 2}
    torch.manual_seed(1)
    built = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(
                num_hidden_layers=1, image_size=56, patch_size=14, **size
            ).to_dict(),
            text_config=LlamaConfig(
                vocab_size=len(tokenizer), num_hidden_layers=2, num_key_value_heads=2, **size
            ).to_dict(),
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            vision_feature_layer=-1,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    built.generation_config.eos_token_id = tokenizer.eos_token_id
    built.generation_config.pad_token_id = tokenizer.pad_token_id
    images = CLIPImageProcessorPil(size={"height": 56, "width": 56}, do_center_crop=False)
    processor = LlavaProcessor(
        images, tokenizer, patch_size=14, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=TEMPLATE,
    )  # fmt: skip
    built.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = LlavaForConditionalGeneration.from_pretrained(model)
    torch.manual_seed(2)
    settings = LoraConfig(r=4, target_modules=r".*language_model.*(q_proj|up_proj)", init_lora_weights=False)
    adapted = get_peft_model(base, settings)
    folder = tmp_path_factory.mktemp("runs") / "tiny-tuned"
    adapted.save_pretrained(str(folder))
    return folder


def prompt(question: str, colour: int) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 56), (colour, 90, 7)).save(buffer, "PNG")
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": "L4 (C)"}]
    return {"messages": messages, "images": [{"bytes": buffer.getvalue(), "path": "x.png"}]}


PROMPTS = [prompt("Which vertebra is marked? " * repeats, 60 * repeats) for repeats in (1, 2, 4)]


def texts(backend: Backend, batches: list[list[dict[str, Any]]]) -> list[str]:
    return [answer.text for batch in batches for answer in backend.answer(batch)]


def test_the_reply_does_not_depend_on_the_batch(model: Path) -> None:
    backend = load(model, None, max_new_tokens=8)
    alone = texts(backend, [[each] for each in PROMPTS])
    assert texts(backend, [PROMPTS]) == alone
    assert len(set(alone)) > 1


def test_an_adapter_changes_the_replies_and_4_bit_loading_leaves_vision_alone(
    model: Path, adapter: Path
) -> None:
    base, tuned = (load(model, which, max_new_tokens=8) for which in (None, adapter))
    assert texts(base, [PROMPTS]) != texts(tuned, [PROMPTS])
    small = load(model, adapter, dtype="bfloat16", four_bit=True, max_new_tokens=8)
    kinds = {name: type(part).__name__ for name, part in small.model.named_modules()}
    quantised = [name for name, kind in kinds.items() if kind == "Linear4bit"]
    assert quantised
    assert all("language_model" in name for name in quantised)
    assert len(texts(small, [PROMPTS])) == 3


def test_the_assistant_turn_is_dropped_and_pictures_come_first() -> None:
    chat = turns(PROMPTS[0])
    assert [turn["role"] for turn in chat] == ["user"]
    assert [part["type"] for part in chat[0]["content"]] == ["image", "text"]


def test_folders_that_do_not_fit_are_refused(model: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        load(tmp_path, None)
    with pytest.raises(ModelError, match=r"no adapter_config\.json"):
        load(model, tmp_path)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(
        json.dumps(settings | {"base_model_name_or_path": "models/other"})
    )
    with pytest.raises(ModelError, match="trained on models/other"):
        load(model, tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(tmp_path, None)


def question_row(number: int) -> dict[str, Any]:
    asked = prompt("Which vertebra is marked?\nA. L1\nB. L2", number)
    row: dict[str, Any] = dict.fromkeys(features("choice"))
    return row | asked | {
        "question": "Which vertebra is marked?", "options": ["L1", "L2"], "answer": "A", "level": "L1",
        "kind": "marked_level", "modality": "CT", "patient": f"p{number}", "synthetic": True,
        "spacing_mm": 1.0, "id": f"row{number}",
    }  # fmt: skip


def test_the_command_answers_a_corpus_and_a_second_call_keeps_the_answers(
    model: Path, adapter: Path, tmp_path: Path
) -> None:
    shard = tmp_path / "corpus" / "data" / "choice" / "test-00000-of-00001.parquet"
    shard.parent.mkdir(parents=True)
    rows = [question_row(number) for number in range(6)]
    Dataset.from_list(rows, features=features("choice")).to_parquet(str(shard))
    out = tmp_path / "p.jsonl"
    words = ["predict", "--model", str(model), "--adapter", str(adapter), "--data", str(tmp_path / "corpus"),
             "--out", str(out), "--limit", "5", "--batch-size", "2", "--max-new-tokens", "4"]  # fmt: skip
    first = CliRunner().invoke(app, words)
    assert first.exception is None, first.output
    assert "5 answers" in first.stdout
    assert "next: spinemed score" in first.stdout
    found = read_predictions(out)
    assert len(found) == 5
    assert {prediction.model for _, prediction in found} == {"tiny+tiny-tuned"}
    assert all(0 < prediction.tokens <= 4 for _, prediction in found)
    before = out.read_bytes()
    assert "0 made now" in CliRunner().invoke(app, words).stdout
    assert out.read_bytes() == before
    other = CliRunner().invoke(app, [word for word in words if word not in ("--adapter", str(adapter))])
    assert "another run" in str(other.exception)
