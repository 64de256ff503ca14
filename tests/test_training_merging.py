"""Tests of training/merging.py: a merged model answers as its adapter does, appears whole, or is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from recipe_fixture import load_recipe
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig

from spinemed.bench.running.backend import four_bit_config, load, with_adapter
from spinemed.errors import ConfigError, ModelError, OutputError
from spinemed.training import merging
from spinemed.training.folder import RECIPE
from spinemed.training.merging import check_adapter, dequantise, load_base, merge
from spinemed.training.outcome import weights_hash
from spinemed.training.preflight import is_4bit

ROOT = Path(__file__).parents[1]
KEPT = ("model.vision_tower", "model.multi_modal_projector", "lm_head")
TARGET = r"model\.language_model\.layers\.\d+\.self_attn\.(q|k|v|o)_proj"
# Messages of the libraries themselves, at import or at work; none comes from our code.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.xdist_group("training"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny LLaVA."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    load_recipe("tiny/build.py").build(folder)
    return folder


def write_adapter(
    base: Path, out: Path, size: float, whole: tuple[str, ...] = ("multi_modal_projector",)
) -> Path:
    """Write an adapter of QLoRA whose B matrices are drawn with this size, as if it were trained."""
    model = AutoModelForImageTextToText.from_pretrained(
        base, dtype=torch.bfloat16, quantization_config=four_bit_config()
    )
    settings = LoraConfig(r=4, lora_alpha=8, target_modules=TARGET, modules_to_save=list(whole) or None)
    adapted = get_peft_model(model, settings)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name or ("modules_to_save" in name and size):
                weight.add_(torch.randn(weight.shape, generator=draw) * size)
    adapted.save_pretrained(out)
    return out


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    """Return an adapter of the base with LoRA, one module held whole, and a card with the base's hash."""
    out = write_adapter(base, base.parent / "adapter", 0.05)
    record = {"base": str(base), "base_sha256": weights_hash(base)}
    (out / "training.json").write_text(json.dumps(record), encoding="utf-8")
    return out


@pytest.fixture(scope="module")
def forms(base: Path, adapter: Path) -> dict[str, Any]:
    """Return the logits of one prompt by each form of the model, in float32."""
    folders = {}
    for into in merging.WAYS:
        folders[into] = base.parent / f"merged-{into}"
        assert merge(base, adapter, folders[into], into=into, keep_unquantised=KEPT) is not None
    models = {into: load(folder, None, dtype="bfloat16").model for into, folder in folders.items()}
    models["adapter"] = load(base, adapter, dtype="bfloat16", four_bit=True).model
    models["NF4"] = load(base, None, dtype="bfloat16", four_bit=True).model
    models["base"] = load(base, None, dtype="bfloat16").model
    return {name: logits(base, model) for name, model in models.items()}


def logits(base: Path, model: Any) -> torch.Tensor:
    """Return the logits of a prompt with a picture."""
    processor = AutoProcessor.from_pretrained(base)
    draw = torch.Generator().manual_seed(2)
    picture = torch.randint(0, 255, (56, 28, 3), generator=draw, dtype=torch.uint8).numpy()
    batch = processor(images=[picture], text="<image>Which vertebra is marked?", return_tensors="pt")
    with torch.inference_mode():
        found: torch.Tensor = model(**batch.to(model.dtype)).logits
    return found.float()


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the largest difference of two lists of logits, in standard deviations of the first."""
    return float((one - other).abs().max() / one.std())


def test_the_dequantised_merge_answers_as_the_adapter_on_nf4(forms: dict[str, Any]) -> None:
    assert apart(forms["adapter"], forms["dequantised"]) < 0.1


def test_the_bf16_merge_differs_by_what_nf4_rounds_and_both_changed_the_base(forms: dict[str, Any]) -> None:
    close, far = (apart(forms["adapter"], forms[name]) for name in ("dequantised", "bf16"))
    assert close < far < apart(forms["adapter"], forms["NF4"])
    assert apart(forms["base"], forms["bf16"]) > 0.5


def test_an_adapter_in_fp32_and_its_merge_give_the_same_logits(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    """Beyond rounding: the weights themselves are base + B A, and modules held whole are the adapter's."""
    assert merge(base, adapter, tmp_path / "merged") is not None
    plain = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    exact = with_adapter(plain, adapter, merge=True).state_dict()
    found = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged", dtype=torch.float32).state_dict()
    assert exact.keys() == found.keys()
    for name, weight in exact.items():
        torch.testing.assert_close(found[name], weight, rtol=2**-6, atol=2**-10, msg=name)


def test_the_dequantised_weights_are_those_that_training_saw(base: Path) -> None:
    model, plain = load_base(base), load_base(base)
    assert dequantise(model, base, KEPT) == 14
    packed = load_base(base, four_bit_config())
    layers = [(name, layer) for name, layer in packed.named_modules() if is_4bit(layer)]
    with torch.inference_mode():
        for name, layer in layers:
            weight = model.get_submodule(name).weight
            seen = layer(torch.eye(layer.in_features, dtype=torch.bfloat16)).T
            torch.testing.assert_close(weight, seen, rtol=2**-6, atol=0)
            assert not torch.equal(weight, plain.get_submodule(name).weight), "NF4 rounds"
    kept = [name for name in plain.state_dict() if name.removesuffix(".weight") not in dict(layers)]
    assert all(torch.equal(model.state_dict()[name], plain.state_dict()[name]) for name in kept)
    with pytest.raises(ConfigError, match=r"load_in_4bit is True, but 0 layers"):
        dequantise(model, base, ["model", "lm_head"])


def test_a_merge_says_what_it_merged(base: Path, adapter: Path, tmp_path: Path) -> None:
    done = merge(base, adapter, tmp_path / "merged")
    assert done is not None
    assert (done.layers, done.changed_layers, done.modules, done.changed_modules) == (8, 8, 1, 1)
    assert 0.01 < done.largest_change < 1
    card = (tmp_path / "merged" / "README.md").read_text(encoding="utf-8")
    assert weights_hash(base) in card and weights_hash(adapter) in card and "in bf16" in card
    record = json.loads((tmp_path / "merged" / "merge.json").read_text(encoding="utf-8"))
    assert record["base_sha256"] == weights_hash(base) and record["into"] == "bf16"
    settings = json.loads((tmp_path / "merged" / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in settings
    assert merge(base, adapter, tmp_path / "merged") is None, "an unchanged one is kept"
    assert merge(base, adapter, tmp_path / "merged", into="dequantised", keep_unquantised=KEPT) is not None


def test_an_adapter_of_another_base_is_refused_by_the_hash_of_its_weights(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(base, tmp_path / "tiny")  # the same name
    model = AutoModelForImageTextToText.from_pretrained(other)
    with torch.no_grad():
        model.model.language_model.norm.weight.add_(1e-3)
    model.save_pretrained(other)
    with pytest.raises(ModelError, match="name the base that it was trained on"):
        merge(other, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_adapter_without_a_card_is_told_by_the_name_of_its_base(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    foreign = shutil.copytree(adapter, tmp_path / "foreign")
    (foreign / "training.json").unlink()
    check_adapter(foreign, base)
    with pytest.raises(ModelError, match=r"was trained on .*tiny, not on .*renamed"):
        check_adapter(foreign, shutil.copytree(base, tmp_path / "renamed"))
    with pytest.raises(ModelError, match=r"holds no adapter_config\.json"):
        check_adapter(tmp_path, base)
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        check_adapter(adapter, tmp_path)


def test_a_base_in_4_bit_is_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    packed = AutoModelForImageTextToText.from_pretrained(
        base,
        dtype=torch.bfloat16,
        quantization_config=BitsAndBytesConfig(load_in_4bit=True, llm_int8_skip_modules=list(KEPT)),
    )
    packed.save_pretrained(tmp_path / "tiny")
    AutoProcessor.from_pretrained(base).save_pretrained(tmp_path / "tiny")
    foreign = shutil.copytree(adapter, tmp_path / "foreign", ignore=shutil.ignore_patterns("training.json"))
    with pytest.raises(ModelError, match=r"quantised \(4 bit\).*--into dequantised"):
        merge(tmp_path / "tiny", foreign, tmp_path / "merged")


@pytest.mark.parametrize("size", [0.0, 1e-9])
def test_a_merge_that_changes_no_weight_is_refused(base: Path, tmp_path: Path, size: float) -> None:
    untrained = write_adapter(base, tmp_path / "untrained", size, whole=())
    with pytest.raises(
        ModelError, match=r"changes no weight of .* \(8 layers, 0 modules, largest difference 0\)"
    ):
        merge(base, untrained, tmp_path / "merged")
    assert [path.name for path in tmp_path.iterdir()] == ["untrained"]


def test_an_adapter_that_is_not_finite_or_does_not_fit_is_refused(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    broken = write_adapter(base, tmp_path / "broken", float("nan"), whole=())
    with pytest.raises(ModelError, match="cannot be merged: NaNs"):
        merge(base, broken, tmp_path / "merged")
    settings = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")) | {"r": 8}
    odd = shutil.copytree(adapter, tmp_path / "odd")
    (odd / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ModelError, match="does not fit the base"):
        merge(base, odd, tmp_path / "merged")
    with pytest.raises(ConfigError, match="--into 4bit: choose one of bf16, dequantised"):
        merge(base, adapter, tmp_path / "merged", into="4bit")  # type: ignore[arg-type]


def test_a_merged_folder_appears_whole_or_not_at_all(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(merging, "card", full)
    with pytest.raises(OutputError, match="No space left"):
        merge(base, adapter, tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").touch()
    with pytest.raises(OutputError, match="was not written by spinemed"):
        merge(base, adapter, tmp_path / "mine")
    assert not (tmp_path / "mine" / RECIPE).exists()
