"""Tests of training/micro: exact covers, phases that learn and go on after a kill, a folder that predicts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor
from typer.testing import CliRunner

from spinemed.cli import app
from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig, Phantoms, Shares, load_config
from spinemed.corpus.stages.bench_draw import BenchDraw
from spinemed.errors import ConfigError, OutputError, SourceError
from spinemed.training.micro import phases
from spinemed.training.micro.__main__ import settings_of
from spinemed.training.micro.cover import Job, cover_of, covers_of, cut_of, seed_of
from spinemed.training.micro.items import Items, items_of, levels_of, marked_rows, padded
from spinemed.training.micro.model import IMAGE_TOKENS, config_of, model_of, processor_of, words_of
from spinemed.training.micro.run import CURVES, Settings, make
from spinemed.training.micro.steps import Budget, batches
from spinemed.training.picture_files import file_bytes, pixels_of
from spinemed.training.sample import SampleEncoder

ROOT = Path(__file__).parents[1]
PHANTOMS = Phantoms(count=7, first_seed=1, field="lumbar", kinds=("t2",), later=False, write=False)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.xdist_group("training"),
]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a corpus of seven phantoms and the settings that it was built with."""
    folder = tmp_path_factory.mktemp("micro")
    config = BuildConfig(
        name="spinemed-micro",
        phantoms=PHANTOMS,
        splits=Shares(train=0.6, validation=0.0, test=0.4),
        languages=("en",),
        items_per_kind=0,
        spinebench=BenchDraw(choice_text=0, choice_image=0, report=0),
    )
    build(config, folder / "corpus")
    text = "phantoms: {count: 7, first_seed: 1, field: lumbar, kinds: [t2], later: false, write: false}\n"
    (folder / "build.yaml").write_text(text)
    return folder


def settings(place: Path, steps: int = 12) -> Settings:
    budget = Budget(0.0, steps)
    return Settings(
        place / "corpus", place / "build.yaml", budget, budget, budget, most=(60, 20), width=64, layers=(1, 1)
    )


@pytest.fixture(scope="module")
def made(place: Path) -> Path:
    """Return the folder of a miniature that was taught for a second a phase."""
    torch.set_num_threads(1)
    assert make(place / "model", settings(place))
    return place / "model"


def test_the_ring_lies_on_the_level_that_the_mask_shows(place: Path) -> None:
    rows = marked_rows(place / "corpus", "test", 10)
    levels = levels_of(rows)
    processor = processor_of(words_of(turn["content"] for row in rows for turn in row["messages"]))
    items = items_of(rows, processor, levels, PHANTOMS)
    assert len(items) == len(rows) >= 5
    fine = (128, 64)
    first = [(number, row) for number, row in enumerate(rows) if row["patient"] == rows[0]["patient"]]
    job = Job(rows[0]["patient"], tuple(cut_of(*one) for one in first), PHANTOMS, levels, fine)
    for (_, row), (_, cover) in zip(first, covers_of(job), strict=True):
        height, width = pixels_of(file_bytes(row["images"][0])).shape[:2]
        down = int((row["marker"]["row"] + 0.5) / height * fine[0])
        across = int((row["marker"]["column"] + 0.5) / width * fine[1])
        assert cover[down * fine[1] + across, levels.index(row["level"])] == 255
    cover = items.cover.float()
    under = torch.einsum("bp,bpl->bl", cover[..., -1], cover[..., :-1])
    assert float((under.argmax(1) == items.level).float().mean()) > 0.9
    other = PHANTOMS.model_copy(update={"kinds": ("ct",)})
    with pytest.raises(ConfigError, match="name the settings that the corpus was built with"):
        items_of(rows[:1], processor, levels, other)


def test_ids_and_pixels_are_those_of_the_stock_processor(place: Path) -> None:
    row = marked_rows(place / "corpus", "test")[0]
    processor = processor_of(words_of(turn["content"] for turn in row["messages"]))
    encoder = SampleEncoder(processor)
    sample = encoder.encode(0, row)
    assert not isinstance(sample, str) and hasattr(sample, "ids")
    picture = Image.fromarray(pixels_of(file_bytes(row["images"][0]))).convert("RGB")
    question, reply = row["messages"]
    user = [{"type": "image"}, {"type": "text", "text": question["content"]}]
    spoken = [{"type": "text", "text": reply["content"]}]
    chat = [{"role": "user", "content": user}, {"role": "assistant", "content": spoken}]
    text = processor.apply_chat_template(chat)
    stock = processor(text=[text], images=[[picture]], return_tensors="pt", add_special_tokens=False)
    assert torch.equal(stock["input_ids"][0], sample.ids)
    assert int((sample.ids == processor.image_token_id).sum()) == IMAGE_TOKENS
    ours = encoder.family.finish(encoder.family.pixels(sample.images))["pixel_values"]
    assert torch.equal(stock["pixel_values"], ours)


def test_every_phase_lowers_its_loss(made: Path) -> None:
    curve = [json.loads(line) for line in (made / CURVES).read_text().splitlines()]
    assert list(dict.fromkeys(point["phase"] for point in curve)) == ["vision", "induction", "choice", "sft"]
    for phase in ("vision", "induction", "choice", "sft"):
        losses = [point["loss"] for point in curve if point["phase"] == phase]
        assert losses[-1] < losses[0], phase
    assert {"level_open", "level_choice", "letter"} <= set(curve[-1])
    card = (made / "README.md").read_text(encoding="utf-8")
    assert "Synthetic" in card and "never for patients" in card and "| sft |" in card


def test_the_folder_answers_questions_of_the_corpus(made: Path, place: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    words = ["predict", "--model", str(made), "--data", str(place / "corpus"), "--config", "choice"]
    words += ["--split", "test", "--kind", "marked_level", "--limit", "3", "--out", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(answers) == 3 and all(answer["finish_reason"] for answer in answers)


def test_a_killed_run_goes_on_after_its_last_phase_and_ends_the_same(
    made: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "again"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(phases, "fine_tune", killed)
        with pytest.raises(KeyboardInterrupt):
            make(out, settings(place))
    assert not out.exists()
    monkeypatch.setattr(phases, "warm_vision", killed)
    monkeypatch.setattr(phases, "warm_language", killed)
    assert make(out, settings(place))
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (out, made))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not make(out, settings(place)) and not out.with_name("again.phases").exists()
    assert settings(place).key() != replace(settings(place), seed=1).key()


def test_a_foreign_folder_and_a_missing_corpus_are_told(place: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="spinemed build --config recipes/micro"):
        make(tmp_path / "out", replace(settings(place), corpus=tmp_path / "none"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").touch()
    with pytest.raises(OutputError, match="was not written by spinemed"):
        make(tmp_path / "mine", settings(place, 1))
    with pytest.raises(ConfigError, match="no synthetic patient"):
        seed_of("verse-012")


def test_random_sequences_can_be_told_from_their_first_half() -> None:
    ids, labels = phases.repeated(np.arange(10, 90), 6, np.random.default_rng(0))
    half = ids.shape[1] // 2
    for row, (sequence, wanted) in enumerate(zip(ids.tolist(), labels.tolist(), strict=True)):
        first = sequence[:half]
        for position in range(half, 2 * half):
            if wanted[position] == -100:
                continue
            before = first.index(sequence[position - 1])
            assert wanted[position] == (first[before - 1] if row % 2 else first[before + 1])
    assert (labels[0] != -100).sum() == half - 1 and (labels[1] != -100).sum() == half // 2


def test_an_item_is_drawn_once_before_any_comes_again() -> None:
    drawn = batches(7, 3, np.random.default_rng(0))
    seen = [place for _ in range(7) for place in next(drawn)]
    assert sorted(seen[:7]) == sorted(seen[7:14]) == list(range(7))


def test_free_replies_are_counted_by_form() -> None:
    torch.manual_seed(0)
    processor = processor_of(words_of(["Which?"]))
    words = processor.tokenizer
    model = model_of(config_of(words, 64, (1, 1)), words, 0).eval()
    ids = torch.tensor(words("L3 A <end_of_utterance>", add_special_tokens=False)["input_ids"])
    labels = torch.tensor([-100, -100, *ids.tolist()])
    start = torch.tensor([words.convert_tokens_to_ids("<|user|>")] * 2)
    picture = torch.zeros(1, 1, 128, 128, 3, dtype=torch.uint8)
    image = torch.full((IMAGE_TOKENS,), processor.image_token_id)
    whole, wanted = torch.cat([image, start, ids]), torch.cat([torch.full_like(image, -100), labels])
    items = Items(picture, torch.zeros(1, 64, 2), torch.zeros(1), (whole,), (wanted,))
    family = SampleEncoder(processor).family
    found = phases.said(model, family, words, items)
    assert found["level_open"] == 0.0 and set(found) == {"level_open", "level_choice", "letter"}
    assert padded([ids, ids[:1]], [ids, ids[:1]], 0)[2].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_what_lies_outside_the_slice_shows_nothing() -> None:
    mask = np.full((4, 4), 22, np.uint8)
    assert cover_of(mask, (-4, 0, 4, 4), ("L3",), (1, 2)).ravel().tolist() == [0, 255]


def test_the_full_model_is_as_small_as_said_and_its_layers_fit_nf4() -> None:
    processor = processor_of(words_of(["Which vertebra is marked?"]))
    model = model_of(config_of(processor.tokenizer), processor.tokenizer, 0)
    assert 1.2e6 < sum(weight.numel() for weight in model.parameters()) < 1.5e6
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    assert all(layer.in_features % 64 == 0 for layer in linear)


def test_the_command_line_and_the_recipe_name_the_same_corpus(made: Path) -> None:
    out, wanted, threads = settings_of(["--minutes-vision", "2", "--steps-sft", "5", "--seed", "3"])
    assert (out, threads, wanted.seed) == (Path("models/micro"), None, 3)
    assert wanted.vision == Budget(2.0) and wanted.sft == Budget(4.0, 5)
    config = load_config(ROOT / "recipes" / "micro" / "build.yaml")
    assert config.name == str(wanted.corpus) and wanted.config == Path("recipes/micro/build.yaml")
    assert not config.phantoms.write and config.phantoms.kinds == ("t2",)
    processor = AutoProcessor.from_pretrained(made)
    model = AutoModelForImageTextToText.from_pretrained(made)
    assert model.config.text_config.vocab_size >= len(processor.tokenizer)
