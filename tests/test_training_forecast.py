"""Tests of forecast.py, epoch.py and the command preflight, on tiny models and a corpus of twelve rows."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pillow
from test_training_counters import seven_billion
from typer.testing import CliRunner

from spinemed.cli import app
from spinemed.errors import ConfigError, ModelError, SourceError, SpinemedError
from spinemed.training.epoch import epoch_counts, largest, micro_batch, padded_plan
from spinemed.training.forecast import Asked, Forecast, forecast, model_folder
from spinemed.training.forecast_lines import forecast_lines
from spinemed.training.lengths import LengthPlan
from spinemed.training.memory import Sharding
from spinemed.training.model_flops import shape_of
from spinemed.training.packing import pack_plan
from spinemed.training.recipe import for_another_machine
from spinemed.training.sample import Refused

ROOT = Path(__file__).parents[1] / "recipes"
CONFIGS = ("choice", "open")
RECIPE = {
    "model_name_or_path": "models/tiny",
    "dataset_name": "spinemed-450k",
    "output_dir": "runs/tiny",
    "load_in_4bit": True,
    "use_bnb_nested_quant": True,
    "dtype": "bfloat16",
    "bf16": True,
    "keep_unquantised": ["model.visual", "lm_head"],
    "lora_r": 4,
    "lora_target_modules": r"model\.language_model\.layers\.\d+\.self_attn\.(q|k|v|o)_proj",
    "tokens_per_pack": 128,
    "per_device_train_batch_size": 1,
    "activation_checkpointing": True,
    "optim": "paged_adamw_8bit",
    "report_to": "none",
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.xdist_group("training"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny Qwen2.5-VL without weights, and a corpus."""
    folder = tmp_path_factory.mktemp("forecast")
    build = partial(load_build().build, family="qwen2_5_vl")
    build(folder / "models" / "tiny")
    (folder / "models" / "tiny" / "model.safetensors").unlink()
    write_corpus(folder / "spinemed-450k")
    return folder


def load_build() -> Any:
    """Return recipes/tiny/build.py as a module."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("tiny_build", ROOT / "tiny" / "build.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_corpus(folder: Path, side: int = 56, pictured: bool = True) -> None:
    """Write twelve rows, with one picture each where asked for."""
    text = Value("string")
    features = Features(
        {
            "images": List(Image()),
            "messages": List({"role": text, "content": text}),
            **dict.fromkeys(("kind", "level", "marker", "patient"), text),
            "synthetic": Value("bool"),
        }
    )
    file = io.BytesIO()
    Pillow.fromarray(np.zeros((side, 28), np.uint8)).save(file, "PNG")
    for config in CONFIGS:
        rows = [
            {
                "images": [{"bytes": file.getvalue(), "path": None}] if pictured else [],
                "messages": [
                    {"role": "user", "content": "Which vertebra is marked? " + "Count. " * number},
                    {"role": "assistant", "content": "L4"},
                ],
                **{"kind": "marked_level", "level": "L4", "marker": "", "patient": str(number)},
                "synthetic": True,
            }
            for number in range(6)
        ]
        (folder / "data" / config).mkdir(parents=True)
        Dataset.from_list(rows, features=features).to_parquet(
            folder / "data" / config / "train-00000-of-00001.parquet"
        )
    configs = "".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: data/{name}/train-*.parquet\n"
        for name in CONFIGS
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n", encoding="utf-8")


def found(place: Path, asked: Asked | None = None, **changed: Any) -> Forecast:
    """Return the forecast of the recipe with some keys changed; paths are relative to `place`."""
    keys = {**RECIPE, **changed}
    for name in ("model_name_or_path", "dataset_name"):
        if (place / keys[name]).exists():
            keys[name] = str(place / keys[name])
    recipe = place / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(keys), encoding="utf-8")
    groups, device = for_another_machine(recipe, [], ROOT / "sft.py")
    return forecast(*groups, asked or Asked(device=device))


def test_rows_tokens_and_batches_are_those_of_the_plans(place: Path) -> None:
    seen = found(place)
    rows = seen.rows
    assert (rows.read, rows.kept, rows.refused, rows.images) == (12, 12, 0, 12)
    assert rows.image_tokens == 12 * 2 and rows.tokens > rows.label_tokens > 0
    packs, groups = seen.batches["packed"], seen.batches["grouped"]
    assert packs.waste == pytest.approx(1 - rows.tokens / (packs.batches * 128))
    assert 0 <= groups.waste < 1 and seen.batches["padded"].batches == 3
    assert seen.chosen == "grouped" and "sdpa on cuda" in seen.reason
    assert seen.epochs == 3 and seen.steps == 3 * groups.batches


def test_flash_attention_chooses_packs_and_a_recipe_may_ask_for_a_kind(place: Path) -> None:
    assert found(place, attn_implementation="flash_attention_2").chosen == "packed"
    padded = found(place, packing_mode="padded", per_device_train_batch_size=2)
    assert padded.chosen == "padded" and padded.batches["padded"].batches == 6
    assert found(place, max_steps=1).steps == 1


def test_modules_are_listed_by_what_training_does_with_them(place: Path) -> None:
    rows = {(row.part, row.state, row.trained): row for row in found(place).modules}
    assert rows[("language", "4-bit", "LoRA")].adapters > 0
    assert ("vision", "16-bit", "frozen") in rows and ("vision", "4-bit", "frozen") not in rows


def test_rows_that_are_too_long_are_refused_and_counted_with_their_reason(place: Path) -> None:
    rows = found(place).rows
    seen = found(place, tokens_per_pack=rows.longest - 1).rows
    assert seen.refused >= 1 and seen.kept + seen.refused == 12
    (reason,) = seen.reasons
    assert "#" in reason and seen.reasons[reason] == seen.refused
    assert seen.first_refused[0][0] in range(12)


def test_hours_and_price_are_told_for_every_gpu_and_fewer_with_more_devices(place: Path) -> None:
    one = found(place, Asked(an_hour=2.0))
    two = found(place, Asked(gpus=("H100 SXM",), an_hour=2.0, sharding=Sharding(devices=2)))
    assert {each.gpu for each in one.gpus} > {"H100 SXM", "T4"} and len(two.gpus) == 1
    slow = next(each for each in one.gpus if each.gpu == "T4")
    assert not slow.fits and slow.why_not == "has no bf16"
    fast = next(each for each in one.gpus if each.gpu == "H100 SXM")
    assert fast.hours == pytest.approx(2 * two.gpus[0].hours) and fast.price == pytest.approx(fast.hours * 2)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"keep_unquantised": ["visual"]}, ConfigError, "did you mean"),
        ({"lora_target_modules": r"layers\.q_proj"}, ConfigError, "matches no linear layer"),
        ({"lora_target_modules": r".*qkv"}, ConfigError, "adapted by LoRA"),
        ({"lora_r": 0}, ConfigError, "weights in 4 bit cannot be trained"),
        ({"tokens_per_pack": 8}, ConfigError, "all 12 rows .* would be refused"),
        ({"tokens_per_pack": 2}, ConfigError, "a picture of .* takes 2 tokens"),
        ({"token_per_pack": 2}, ConfigError, "unknown keys: token_per_pack"),
        ({"packing_mode": "tight"}, ConfigError, "choose one of auto, packed"),
        ({"optim": "lion_8bit"}, ConfigError, "its memory is not known"),
        ({"row_kinds": ["nothing"]}, ConfigError, "is of kind nothing"),
        ({"dataset_name": "nowhere"}, SourceError, "there is no corpus in nowhere"),
        ({"model_name_or_path": "org/absent"}, ModelError, "hf download org/absent --exclude"),
        ({"model_name_or_path": "absent", "base_command": "make it"}, ModelError, "make it with: make it"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_with_the_way_out(
    place: Path, changed: dict[str, Any], error: type[SpinemedError], message: str
) -> None:
    with pytest.raises(error, match=message):
        found(place, **changed)


def test_a_corpus_without_pictures_is_refused(place: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path / "text", pictured=False)
    with pytest.raises(ConfigError, match="unlearn to look"):
        found(place, dataset_name=str(tmp_path / "text"))


def test_a_gpu_that_is_named_must_have_the_memory_and_the_numbers(place: Path, tmp_path: Path) -> None:
    large = tmp_path / "models" / "large"
    large.mkdir(parents=True)
    for file in (place / "models" / "tiny").iterdir():
        (large / file.name).write_bytes(file.read_bytes())
    seven_billion().save_pretrained(large)
    changed = {"model_name_or_path": str(large), "load_in_4bit": False}
    with pytest.raises(
        ConfigError, match=r"L4 has 24 GiB, .* predicted to need 1\d\d\.\d \(attention.s squares"
    ):
        found(place, Asked(gpus=("L4",)), tokens_per_pack=131072, packing_mode="packed", **changed)
    assert found(place, Asked(gpus=("A100 80GB",)), **changed).gpus[0].fits
    with pytest.raises(ConfigError, match="T4 has no bf16"):
        found(place, Asked(gpus=("T4",)))
    with pytest.raises(ConfigError, match="no peak is known for 'H900'"):
        found(place, Asked(gpus=("H900",)))


def test_the_command_prints_lines_or_json_and_ends_with_1_in_a_sentence(place: Path) -> None:
    found(place)  # writes the recipe
    words = ["preflight", str(place / "recipe.yaml"), "--script", str(ROOT / "sft.py")]
    told = CliRunner().invoke(app, [*words, "--gpu", "H100 SXM", "--price", "2.5", "--tokens_per_pack", "64"])
    assert told.exit_code == 0, told.output
    for part in ("12 kept", "<- chosen", "predicted memory", "H100 SXM", "price", "no GPU has confirmed"):
        assert part in told.output
    printed = CliRunner().invoke(app, [*words, "--json"])
    record = json.loads(printed.stdout)
    assert record["rows"]["kept"] == 12 and Forecast.model_validate(record)
    refused = CliRunner().invoke(app, [*words, "--tokens_per_pack", "8"])
    assert isinstance(refused.exception, ConfigError)


def test_lines_name_every_row_that_is_refused_by_reason(place: Path) -> None:
    seen = found(place, tokens_per_pack=found(place).rows.longest - 1)
    lines = forecast_lines(seen)
    assert any(line.startswith(f"  refused {seen.rows.refused}") for line in lines)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert model_folder(str(tmp_path)) == tmp_path


def plan() -> LengthPlan:
    """Return three rows, one of them refused."""
    tokens, labels, shown, images = np.array([[10, 20, 90], [2, 5, 1], [4, 8, 4], [1, 2, 1]], dtype=np.int64)
    return LengthPlan(tokens, labels, shown, images, (Refused(2, "90 tokens"),), "")


def test_sums_of_an_epoch_are_those_by_hand() -> None:
    counts = epoch_counts(plan(), shape_of(seven_billion()))
    assert (counts.tokens, counts.labels, counts.images, counts.image_tokens) == (30, 7, 3, 12)
    assert counts.pairs == 55 + 210 and counts.patches == 48
    assert counts.patch_pairs == 16 * 16 + 2 * 16 * 16 and counts.window_pairs == 48 * 16


def test_the_largest_batch_is_what_memory_is_predicted_for() -> None:
    lengths = plan()
    packs = pack_plan(lengths.tokens, lengths.images, budget=32, rows=lengths.kept)
    most = largest(lengths, packs)
    assert (most.tokens, most.row, most.labels, most.image_tokens) == (32, 20, 7, 12)
    shape = shape_of(seven_billion())
    assert micro_batch(most, shape, packed=True, varlen=False).dense == 32
    assert micro_batch(most, shape, packed=True, varlen=True).dense == 0
    padded = padded_plan(lengths, 2)
    assert padded.paid.tolist() == [40] and padded.waste == pytest.approx(0.25)
    assert micro_batch(largest(lengths, padded), shape, packed=False, varlen=False).dense == 20
