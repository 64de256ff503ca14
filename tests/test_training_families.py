"""Tests of training/families, pixels and sample: ids, labels and pixels are those of the stock processors."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import training_processors as stocks
from PIL import Image
from transformers import CLIPImageProcessorPil, Qwen2VLImageProcessorPil

from spinemed.errors import ConfigError, ModelError, SourceError
from spinemed.training.families import family_of, qwen_processor
from spinemed.training.families.qwen import fitted
from spinemed.training.picture_files import pixels_of, size_of
from spinemed.training.pixels import resized, values_of, without_colour
from spinemed.training.sample import EncodedSample, Refused, SampleEncoder, with_pictures

pytestmark = pytest.mark.xdist_group("training")
SIZES = [
    (896, 2048, "grey"),
    (2048, 896, "jpeg"),
    (56, 28, "grey"),
    (28, 56, "three"),
    (224, 224, "coloured"),
    (131, 97, "rgba"),
    (57, 300, "coloured"),
]


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def finished(encoder: SampleEncoder, sample: EncodedSample) -> dict[str, torch.Tensor]:
    return encoder.family.finish(encoder.family.pixels(sample.images))


@pytest.mark.parametrize("name", stocks.FAMILIES)
def test_ids_labels_and_pixels_are_those_of_trl_and_the_stock_processor(name: str) -> None:
    random = np.random.default_rng(7)
    made = stocks.processor(name)
    encoder = SampleEncoder(made)
    choices = [[], SIZES[:1], SIZES[2:4], SIZES[4:7], [SIZES[3], SIZES[1]], []]
    for turns, sizes in enumerate(choices, start=1):
        row = stocks.row(random, sizes, turns)
        wanted = stocks.stock(made, row, encoder.template)
        sample = encoder.encode(0, row)
        assert isinstance(sample, EncodedSample), sample
        assert sample.ids.tolist() == wanted["input_ids"][0].tolist()
        assert sample.labels.tolist() == wanted["labels"][0].tolist()
        assert int((sample.labels != -100).sum()) > 0
        if types := encoder.family.type_input:
            assert torch.equal(wanted[types][0], (sample.ids == encoder.family.image_token_id).long())
        found = finished(encoder, sample)
        for key in ("pixel_values", "image_grid_thw", "pixel_attention_mask"):
            assert (key in found) == (key in wanted)
            if key in wanted:
                assert found[key].dtype == wanted[key].dtype and found[key].shape == wanted[key].shape
                assert torch.equal(found[key], wanted[key])
        tokens = int((wanted["input_ids"] == encoder.family.image_token_id).sum())
        expanded = [encoder.family.expansion(picture) for picture in sample.pictures]
        assert tokens == sum(ids.count(encoder.family.image_token_id) for ids in expanded)
        assert [len(ids) for ids in expanded] == [picture.tokens for picture in sample.pictures]


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl", "idefics3_split", "llava_crop"])
def test_sizes_alone_foretell_the_stock_number_of_tokens_for_any_shape(name: str) -> None:
    random = np.random.default_rng(3)
    made = stocks.processor(name)
    family = family_of(made)
    for _ in range(60):
        height, width = (int(2 ** random.uniform(3, 10)) for _ in range(2))
        blank = Image.fromarray(np.zeros((height, width), dtype=np.uint8))
        marks = made(text=[made.image_token], images=[[blank]], add_special_tokens=False)
        assert family.picture(height, width).tokens == len(marks["input_ids"][0]), (height, width)


def test_the_rule_of_sizes_is_the_stock_one() -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    random = np.random.default_rng(5)
    for _ in range(5000):
        height, width = (int(2 ** random.uniform(1, 12)) for _ in range(2))
        if max(height, width) <= 200 * min(height, width):
            for factor in (28, 32):
                limits = 4 * factor**2, 768 * factor**2
                assert fitted(height, width, factor, *limits) == smart_resize(height, width, factor, *limits)
    with pytest.raises(SourceError, match="3 x 700 pixels is more than 200 times"):
        fitted(3, 700, 28, 56 * 56, 28 * 28 * 768)


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
def test_positions_are_those_of_the_model(name: str) -> None:
    made = stocks.processor(name)
    encoder = SampleEncoder(made)
    random = np.random.default_rng(11)
    model = rope_model(name)
    for sizes in ([], SIZES[:1], [*SIZES[2:5]]):
        sample = encoder.encode(0, stocks.row(random, sizes, 2))
        assert isinstance(sample, EncodedSample)
        ids = sample.ids[None]
        grids = torch.tensor([picture.grid for picture in sample.pictures]) if sizes else None
        wanted, _ = model.get_rope_index(
            input_ids=ids, mm_token_type_ids=(ids == made.image_token_id).int(), image_grid_thw=grids
        )
        found = encoder.family.positions(sample.ids, sample.pictures)
        assert torch.equal(found[0], torch.arange(len(sample.ids)))
        assert torch.equal(found[1:], wanted[:, 0])
    with pytest.raises(ConfigError, match="0 image tokens, but"):
        encoder.family.positions(torch.tensor([1, 2]), sample.pictures)


def rope_model(name: str) -> Any:
    """Return a stand-in that has what the stock `get_rope_index` reads of the model."""
    from types import SimpleNamespace

    from transformers import Qwen2_5_VLModel, Qwen3VLModel

    kind = Qwen3VLModel if name == "qwen3_vl" else Qwen2_5_VLModel
    vision = SimpleNamespace(spatial_merge_size=2, tokens_per_second=2)

    class Rope:
        config = SimpleNamespace(vision_config=vision)
        get_rope_index = kind.get_rope_index
        get_vision_position_ids = kind.get_vision_position_ids

    return Rope()


@pytest.mark.parametrize("resample", [1, 2, 3])
@pytest.mark.parametrize("shape", [(896, 2048), (97, 131), (56, 28), (300, 301)])
def test_torch_resizes_grey_and_coloured_pictures_to_the_bits_of_planar_ones(
    resample: int, shape: tuple[int, int]
) -> None:
    random = np.random.default_rng(1)
    mode = {1: "lanczos", 2: "bilinear", 3: "bicubic"}[resample]
    coloured = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    grey = np.ascontiguousarray(coloured[..., 0])
    for size in [(252, 504), (504, 84), (shape[0], 64), (70, shape[1]), (85, 111)]:
        planes = torch.from_numpy(coloured).permute(2, 0, 1).contiguous()[None]
        wanted = F.interpolate(planes, size=size, mode=mode, antialias=True, align_corners=False)[0]
        found = torch.from_numpy(resized(coloured, *size, resample, "torchvision"))
        assert torch.equal(found.permute(2, 0, 1), wanted)
        assert torch.equal(torch.from_numpy(resized(grey, *size, resample, "torchvision")), wanted[0])


def test_values_of_the_fast_processor_are_made_with_its_arithmetic() -> None:
    images = Qwen2VLImageProcessorPil()
    values = torch.arange(256, dtype=torch.uint8).expand(3, 256).to(torch.float32)
    mean, std = torch.tensor(images.image_mean) * 255.0, torch.tensor(images.image_std) * 255.0
    # torchvision.transforms.v2.functional.normalize_image of 0.28, in place on the copy
    wanted = values.clone().sub_(mean.view(-1, 1)).div_(std.view(-1, 1))
    fast, pil = values_of(images, "torchvision"), values_of(images, "pil")
    assert torch.equal(fast.table, wanted) and not torch.equal(pil.table, wanted)
    assert fast.is_exact and pil.is_exact
    bytes_ = torch.randint(0, 256, (3, 60_000, 3), dtype=torch.uint8)
    for values in (fast, pil):  # by arithmetic, in parts, and by the table: the way of other devices
        by_table = replace(values, is_exact=False)
        assert torch.equal(values.of(bytes_, 2), by_table.of(bytes_, 2))
        assert torch.equal(values.of(bytes_[..., :1]), by_table.of(bytes_[..., :1].expand(-1, -1, 3)))
    other = values_of(Qwen2VLImageProcessorPil(rescale_factor=1 / 127.3), "pil")
    wanted = (np.arange(256) * (1 / 127.3)).astype(np.float32)[:, None] - np.float32(images.image_mean)
    assert np.array_equal(other.table.numpy().T, wanted / np.float32(images.image_std))


def test_a_grey_picture_kept_in_three_channels_is_found_and_a_single_coloured_pixel_is_not_lost() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (99, 33), dtype=np.uint8)
    three = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(without_colour(three), grey)
    three[50, 7, 2] ^= 1
    assert without_colour(three) is three


def test_a_file_is_read_as_datasets_reads_it() -> None:
    from datasets import Image as ImageFeature
    from transformers.image_transforms import convert_to_rgb

    random = np.random.default_rng(2)
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = Image.fromarray(random.integers(0, 256, (40, 70), dtype=np.uint8))
    cases: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (plain, "PNG", {}), (plain, "PNG", {"exif": exif}), (plain, "JPEG", {"exif": exif}),
        (plain, "TIFF", {}), (plain, "WEBP", {"exif": exif}), (plain.convert("1"), "PNG", {}),
        (plain.convert("LA"), "PNG", {}), (plain.convert("P"), "PNG", {"transparency": 3}),
        (plain.convert("CMYK"), "JPEG", {}), (plain.convert("I;16"), "PNG", {}),
    ]  # fmt: skip
    for picture, kind, options in cases:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        data = file.getvalue()
        stock = ImageFeature().decode_example({"bytes": data, "path": None})
        wanted = convert_to_rgb(stock, return_numpy=True)
        found = pixels_of(data)
        assert np.array_equal(np.broadcast_to(found.T, (3, *found.T.shape[-2:])).T, wanted), (kind, options)
        assert size_of(data) == wanted.shape[:2]


def test_smolvlm_follows_the_rules_of_idefics3() -> None:
    made = stocks.processor("idefics3_split")
    stand_in = type("SmolVLMProcessor", (), {**vars(made), "global_image_tag": None})()
    stand_in.global_image_token = made.global_image_tag  # as the stock class names it, which needs num2words
    smol, idefics = family_of(stand_in), family_of(made)
    assert smol.expansion(smol.picture(300, 100)) == idefics.expansion(idefics.picture(300, 100))


def test_unknown_processors_and_settings_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no family for dict; known are Qwen2VLProcessor"):
        family_of({})
    with pytest.raises(ConfigError, match="neither 'pil' nor 'torchvision'"):
        family_of(stocks.processor("qwen2_5_vl"), "opencv")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="do_normalize is False, only True"):
        family_of(stocks.processor("qwen2_5_vl", Qwen2VLImageProcessorPil(do_normalize=False)))
    with pytest.raises(ConfigError, match="pictures keep their shape"):
        images = CLIPImageProcessorPil(size={"shortest_edge": 56}, do_center_crop=False)
        family_of(stocks.processor("llava", images))
    bare = stocks.processor("llava")
    bare.chat_template = "{{ messages[0]['content'] }}"
    with pytest.raises(ConfigError, match="not training-compatible"):
        SampleEncoder(bare)


def test_a_qwen_processor_is_saved_and_loaded_without_torchvision(tmp_path: Any) -> None:
    for name in ("qwen2_5_vl", "qwen3_vl"):
        stocks.processor(name).save_pretrained(tmp_path / name)
        again = qwen_processor(tmp_path / name)
        assert type(again).__name__ == type(stocks.processor(name)).__name__
        assert family_of(again).picture(896, 2048) == family_of(stocks.processor(name)).picture(896, 2048)
    with pytest.raises(ModelError, match="no processor can be loaded"):
        qwen_processor(tmp_path)


def damaged(kind: str) -> dict[str, Any]:
    """Return a row that cannot be used."""
    row = stocks.row(np.random.default_rng(0), [(84, 56, "grey"), (56, 84, "grey")])
    data = row["images"][1]["bytes"]
    if kind == "missing":
        row["images"][1] = {"bytes": None, "path": "/nowhere.png"}
    elif kind == "none":
        row["images"][1] = None
    elif kind == "header":
        row["images"][1]["bytes"] = b"\x89PNG\r\n\x1a\n" + b"x" * 400
    elif kind == "body":
        row["images"][1]["bytes"] = data[: len(data) // 2]
    elif kind == "thin":
        row["images"][1]["bytes"] = stocks.picture_file(np.random.default_rng(0), 1, 900)
    elif kind == "word":
        row["messages"][-2]["content"] = "What does <|image_pad|> mean?"
    elif kind == "silent":
        row["messages"] = row["messages"][:-1]
    elif kind == "nothing":
        row["messages"] = None
    elif kind == "no text":
        row["messages"][-2]["content"] = None
    elif kind == "role":
        row["messages"][-1]["role"] = "doctor"
    return row


def test_messages_in_parts_are_taken_as_trl_takes_them() -> None:
    made = stocks.processor("idefics3")
    encoder = SampleEncoder(made)
    row = stocks.row(np.random.default_rng(9), SIZES[2:4])
    image, text = {"type": "image", "text": None}, {"type": "text", "text": "Which level?"}
    row["messages"] = [
        {"role": "user", "content": [text, image, text, image]},
        {"role": "assistant", "content": [{"type": "text", "text": "L4-L5 (B)"}]},
    ]
    sample = encoder.encode(0, row)
    clean = {**row, "messages": with_pictures(row["messages"], 2)}
    wanted = stocks.stock(made, clean, encoder.template)
    assert isinstance(sample, EncodedSample)
    assert sample.ids.tolist() == wanted["input_ids"][0].tolist()
    assert sample.labels.tolist() == wanted["labels"][0].tolist()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "no bytes and no file"),
        ("none", "picture is missing"),
        ("header", "cannot be decoded"),
        ("body", "cannot be decoded"),
        ("thin", "more than 200 times"),
        ("word", "the text holds 3 times"),
        ("silent", "says nothing"),
        ("role", "role 'doctor'"),
        ("nothing", "no messages"),
        ("no text", "neither text nor parts"),
        ("long", "tokens, more than the 30 allowed"),
        ("many", "2 pictures, more than the 1 allowed"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_the_reason_and_never_cut(kind: str, reason: str) -> None:
    limits: dict[str, dict[str, int]] = {"long": {"most_tokens": 30}, "many": {"most_images": 1}}
    encoder = SampleEncoder(stocks.processor("qwen2_5_vl"), **limits.get(kind, {}))
    refused = encoder.encode(41, damaged(kind))
    assert isinstance(refused, Refused) and refused.row == 41 and reason in refused.reason
