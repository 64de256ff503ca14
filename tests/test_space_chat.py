"""The chat page without a browser: outlines, words, refused uploads, two visitors, privacy, the card."""

from __future__ import annotations

import base64
import dataclasses
import doctest
import io
import itertools
import json
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, PngImagePlugin

pytest.importorskip("gradio", reason="the page needs the extra: pip install spinemed[space]")
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "spaces" / "spine_chat"))

import app
import chat_model
import examples
import outlines
import uploads

from spinemed.errors import ModelError

SPACE = Path(app.__file__).parent
REGIONS = (outlines.Region("L3", (40, 20, 60, 40)), outlines.Region("L4", (40, 45, 60, 65)))
QUESTION = "Which vertebra is marked?"


def grey_view(regions: tuple[outlines.Region, ...] | None = REGIONS) -> examples.View:
    """Return a grey synthetic picture of 100 x 100 pixels with L3 and L4 known."""
    picture = Image.new("RGB", (100, 100), (90, 90, 90))
    return examples.View(
        "Synthetic grey square", "grey", picture, regions, ((QUESTION, "L4 (B)"),), sagittal=False
    )


def says_colour(picture: Image.Image, question: str) -> Iterator[str]:
    """Answer with what only this visitor's picture and question know."""
    red = np.asarray(picture)[0, 0, 0]
    yield f"{question}: "
    yield f"{question}: red is {red}, at L4-L5"


def png_bytes(picture: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format="PNG", **options)
    return stream.getvalue()


def oversized_png(side: int) -> bytes:
    """Return a PNG whose header claims side x side pixels and whose body is nearly empty."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def test_only_the_named_level_is_outlined_and_its_name_stands_beside_the_box() -> None:
    view = grey_view()
    drawn = np.asarray(outlines.outlined(view.picture, REGIONS, ["L4"], directions=False)).astype(int)
    scale = drawn.shape[0] / 100
    colour = np.array([0xE6, 0x9F, 0x00])
    painted = (np.abs(drawn - colour).sum(axis=2) < 12)  # fmt: skip
    top, bottom, left, right = (round(edge * scale) for edge in (45, 65, 40, 60))
    assert painted[top : top + outlines.LINE_PX, left:right].all()
    assert painted[bottom - outlines.LINE_PX : bottom, left:right].all()
    assert not painted[
        top + outlines.LINE_PX : bottom - outlines.LINE_PX, left + 2 : right - 2
    ].any()  # no veil
    assert painted[top:bottom, right + 4 :].sum() > 200  # the plate with the name
    assert not painted[: top - 1].any()  # L3 is not named


def test_a_segment_outlines_both_its_vertebrae_and_what_is_out_of_view_is_said() -> None:
    assert outlines.split_by_view(["L4-L5"], REGIONS) == (("L4",), ("L5",))
    words = app.verdict(grey_view(), "Which?", "The disc is at L4/5.")
    assert "Named but not wholly in view: L5" in words
    assert "Whole here: L3, L4" in words


def test_only_vertebrae_and_segments_are_outlined_never_a_root_or_a_negated_level() -> None:
    words = app.verdict(
        grey_view(), "Which?", "The L4 root is compressed in the lumbar spine, no fracture of L3."
    )
    assert "The answer names no level" in words


def test_the_words_name_the_truth_and_say_when_the_model_differs() -> None:
    assert "The level agrees" in app.verdict(grey_view(), QUESTION, "L4")
    assert "The level differs" in app.verdict(grey_view(), QUESTION, "L3")
    silent = app.verdict(grey_view(), QUESTION, "I cannot tell.")
    assert "names no level" in silent
    assert "The level" not in silent


def test_an_upload_has_no_level_map_and_the_page_says_so() -> None:
    words = app.verdict(grey_view(regions=None), "Where?", "At T12.")
    assert "T12" in words
    assert "No level map is known" in words


def test_model_text_is_never_markup() -> None:
    words = app.verdict(grey_view(), QUESTION, "<img src=http://x/y onerror=alert(1)> L4")
    assert "<img" not in words
    figure = app.show(examples.View('"><script>', "x", Image.new("RGB", (9, 9)), None, ()))
    assert "<script" not in figure


def test_plain_pictures_pass_with_their_pixels_alone() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("PatientName", "Doe^Jane")
    picture = Image.new("RGB", (60, 30), (10, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    exif[0x010E] = "Doe^Jane"
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", exif=exif)
    upright = uploads.decode_picture(stream.getvalue())
    assert upright.size == (30, 60)
    for kept in (upright, uploads.decode_picture(png_bytes(picture, pnginfo=notes))):
        assert not kept.info
        assert not kept.getexif()


def test_grey_pictures_of_16_bits_keep_their_contrast() -> None:
    deep = Image.fromarray(np.linspace(0, 4000, 64, dtype=np.uint16).reshape(8, 8))
    kept = np.asarray(uploads.decode_picture(png_bytes(deep)))
    assert (kept.min(), kept.max()) == (0, 255)
    assert len(np.unique(kept)) == 64


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cannot be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read"),
        (b"<html><script>alert(1)</script></html>", "cannot be read"),
        (b"GIF89a" + bytes(40), "cannot be read"),
        (b"PK\x03\x04" + bytes(40), "cannot be read"),
        (png_bytes(Image.new("RGB", (64, 64), (1, 2, 3)))[:60], "cannot be read"),
        (oversized_png(7_000), "7000 x 7000 pixels"),
        (oversized_png(12_000), "too many pixels"),
        (oversized_png(60_000), "too many pixels"),
        (bytes(uploads.MAX_BYTES + 1), "MB"),
    ],
    ids=["empty", "svg", "html", "gif", "zip", "cut off", "49 Mpx", "144 Mpx", "60k x 60k", "21 MB"],
)
def test_hostile_uploads_are_refused_with_a_reason_and_leave_no_file(
    data: bytes, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "upload.png"
    file.write_bytes(data)
    with pytest.raises(uploads.RefusedPictureError, match=reason):
        uploads.take_upload(file, consented=True)
    assert not file.exists()


def test_without_the_ticked_consent_nothing_is_read(tmp_path: Path) -> None:
    file = tmp_path / "upload.png"
    file.write_bytes(png_bytes(Image.new("RGB", (8, 8))))
    with pytest.raises(uploads.RefusedPictureError, match="Tick the box"):
        uploads.take_upload(file, consented=False)
    assert not file.exists()


def test_a_missing_model_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make demo"):
        chat_model.find_model({"SPINEMED_MODEL": str(tmp_path / "nothing")})


def test_an_adapter_folder_names_its_own_base(tmp_path: Path) -> None:
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    base.mkdir()
    adapter.mkdir()
    (base / "config.json").write_text("{}")
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    assert chat_model.find_model({"SPINEMED_MODEL": str(adapter)}) == chat_model.ModelPlace(base, adapter)
    both = {"SPINEMED_MODEL": str(base), "SPINEMED_ADAPTER": str(adapter)}
    assert chat_model.find_model(both).name == "base with adapter adapter"


@pytest.fixture(scope="module")
def tiny_backend() -> object:
    """Return a random LLaVA of a few thousand weights, loaded as the runner's."""
    pytest.importorskip("torch", reason="the model needs the extra: pip install spinemed[train]")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    from spinemed.bench.running.backend import Backend

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {token: place for place, token in enumerate(["<pad>", "<end>", "<image>", *alphabet])}
    raw = Tokenizer(models.BPE(vocab=words, merges=[]))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="<end>", extra_special_tokens=["<image>"]
    )
    text = LlamaConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, bos_token_id=None, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28,
        patch_size=14,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=2, vision_feature_layer=-1)
    )
    model.generation_config.eos_token_id = None  # random weights: let it write until it is stopped
    template = (
        "{% for m in messages %}{% for p in m['content'] %}"
        "{{ '<image>' if p['type'] == 'image' else p['text'] }}{% endfor %}{% endfor %}"
    )
    pictures = CLIPImageProcessorPil(size={"height": 28, "width": 28}, do_center_crop=False)
    processor = LlavaProcessor(
        image_processor=pictures, tokenizer=tokenizer, patch_size=14, chat_template=template,
        vision_feature_select_strategy="default", num_additional_image_tokens=1,
    )  # fmt: skip
    return Backend(model.eval(), processor, 400)


def test_a_model_streams_and_a_closed_stream_stops_it(tiny_backend: object) -> None:
    endless = dataclasses.replace(tiny_backend, max_new_tokens=100_000)
    answer = chat_model.stream(endless, Image.new("RGB", (28, 56)), "Which level?")
    pieces = [next(answer) for _ in range(3)]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(pieces))
    start = time.monotonic()
    answer.close()
    assert time.monotonic() - start < 5


def test_a_failing_model_gives_its_reason_instead_of_waiting(tiny_backend: object) -> None:
    broken = dataclasses.replace(tiny_backend, max_new_tokens=-1)
    with pytest.raises(ModelError, match="The model failed"):
        list(chat_model.stream(broken, Image.new("RGB", (28, 56)), "Which level?"))


def test_every_example_is_synthetic_and_its_ring_lies_in_the_box_of_the_true_level() -> None:
    views, note = examples.find_examples()
    assert len(views) == 2 * len(examples.SEEDS)
    assert "synthetic" in note
    for view in views:
        assert view.title.startswith("Synthetic")
        pixels = np.asarray(view.picture).astype(int)
        rows, columns = np.nonzero((pixels[..., 0] > 200) & (pixels[..., 1] < 110) & (pixels[..., 2] < 110))
        left, top, right, bottom = {r.site: r.box for r in view.regions}[view.questions[0][1]]
        assert left < columns.mean() + 0.5 < right
        assert top < rows.mean() + 0.5 < bottom
        assert all(0 <= r.box[0] < r.box[2] <= 128 and 0 <= r.box[1] < r.box[3] <= 256 for r in view.regions)


def test_the_folder_runs_alone_with_the_library_beside_it(tmp_path: Path) -> None:
    shutil.copytree(SPACE, tmp_path / "space", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SPACE.parents[1] / "src" / "spinemed", tmp_path / "space" / "spinemed")
    code = "import app, spinemed; print(spinemed.__file__); app.build_page(None, *app.find_examples())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "space", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "space"))


def test_the_privacy_switches_are_set() -> None:
    page = app.build_page(says_colour, [grey_view()], "# Test")
    assert app.LAUNCH["run_history"] is False
    assert app.LAUNCH["share"] is False
    assert app.LAUNCH["footer_links"] == ["api"]
    assert app.LAUNCH["max_file_size"] == "20mb"
    assert page.analytics_enabled is False
    assert page.delete_cache == (3600, 3600)
    assert not re.search(r"https?://", app.CSS + app.LABELS_JS + app.THUMBS + app.CHIPS)


def test_the_card_pins_the_gradio_that_is_installed_and_tested() -> None:
    import gradio

    card = yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert card["sdk"] == "gradio"
    assert card["sdk_version"] == gradio.__version__
    assert f"gradio=={gradio.__version__}" in (SPACE / "requirements.txt").read_text().splitlines()
    assert (SPACE / card["app_file"]).is_file()


def test_the_doctests_of_the_space_pass() -> None:
    assert doctest.testmod(outlines).failed == 0


@pytest.fixture(scope="module")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder where the server puts its files."""
    folder = tmp_path_factory.mktemp("gradio")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def url(server_files: Path) -> Iterator[str]:
    page = app.build_page(says_colour, [grey_view()], "# Test")
    _, address, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, **app.LAUNCH)
    yield address
    page.close()


def upload(client: Client, folder: Path, red: int) -> str:
    """Upload a picture of one colour and return the viewer's HTML."""
    file = folder / f"{red}.png"
    file.write_bytes(png_bytes(Image.new("RGB", (32, 32), (red, 0, 0))))
    return str(client.predict(handle_file(str(file)), True, api_name="/use_upload")[0])


def said(client: Client, question: str, turns: list[dict[str, object]]) -> str:
    return json.dumps(client.predict(question, turns, api_name="/ask"))


def test_two_visitors_never_see_each_other_and_their_files_are_gone(
    url: str, server_files: Path, tmp_path: Path
) -> None:
    first, second = Client(url, verbose=False), Client(url, verbose=False)
    assert upload(first, tmp_path, 40) != upload(second, tmp_path, 200)
    answers = [said(first, "apple", []), said(second, "pear", []), said(first, "plum", [])]
    assert ["red is 40" in text for text in answers] == [True, False, True]
    assert ["red is 200" in text for text in answers] == [False, True, False]
    assert "apple" not in answers[1] + answers[2]
    assert any(server_files.iterdir())  # the uploads passed through here
    # Gradio's own UploadButton leaves empty files behind; what visitors sent is gone.
    assert not [path for path in server_files.rglob("*") if path.is_file() and path.stat().st_size]
    first.close()
    second.close()


def test_a_refused_upload_leaves_the_page_as_it_was_and_says_why(url: str, tmp_path: Path) -> None:
    client = Client(url, verbose=False)
    (tmp_path / "page.png").write_text("<html></html>")
    viewer, words, *_ = client.predict(handle_file(str(tmp_path / "page.png")), True, api_name="/use_upload")
    assert "cannot be read as PNG or JPEG" in str(words)
    assert "data:image" not in str(viewer)
    assert "red is 90" in said(client, "still the example?", [])
    client.close()


def test_programs_get_levels_and_answers_as_data(url: str) -> None:
    client = Client(url, verbose=False)
    assert client.predict("L4/5 and S1", api_name="/read_levels") == ["L4-L5", "S1"]
    picture = base64.b64encode(png_bytes(Image.new("RGB", (8, 8), (7, 0, 0)))).decode()
    answer = client.predict(picture, "Where", True, api_name="/answer")
    assert answer == {"text": "Where: red is 7, at L4-L5", "levels": ["L4-L5"]}
    with pytest.raises(AppError, match="no_patient_data"):
        client.predict(picture, "Where", False, api_name="/answer")
    client.close()
