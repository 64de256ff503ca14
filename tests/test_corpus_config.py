"""Settings: defaults once in code, every wrong key named with its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spinemed.cli.corpus import app
from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig, Phantoms, Shares, load_config, overridden
from spinemed.corpus.splits import SPLITS, split_of
from spinemed.errors import ConfigError
from spinemed.phantom.patient.seeds import PUBLISHED

SCRIPTS = Path(__file__).parents[1] / "dataset_scripts" / "spinemed_450k"


def test_the_shipped_build_yaml_names_every_key_and_asks_for_the_full_size() -> None:
    import yaml

    path = SCRIPTS / "build.yaml"
    full = load_config(path)
    assert (full.mix.total, full.buckets, full.phantoms.write) == (450_000, 384, False)
    assert full.phantoms.count >= 1_000
    assert full.spinebench.model_dump() == {"choice_text": 294, "choice_image": 193, "report": 87}
    assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) == set(BuildConfig.model_fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: 1", "seeds: Extra inputs are not permitted"),
        ("seed: -1", "seed: Input should be greater than or equal to 0"),
        ("splits: {train: 0.5}", "must add up to 1"),
        ("- a", "holds list, not keys"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "build.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_command_line_overrides_the_file() -> None:
    settings = overridden(BuildConfig(seed=3), ["verse=a", "phantom=b"], None, 5, None)
    assert (settings.seed, settings.sources) == (5, {"verse": Path("a"), "phantom": Path("b")})
    assert overridden(BuildConfig(), [], 7, None, None).phantoms.count == 7
    with pytest.raises(ConfigError, match="given twice"):
        overridden(BuildConfig(), ["verse=a", "verse=b"], None, None, None)
    with pytest.raises(ConfigError, match="leave one of the two out"):
        overridden(BuildConfig(), ["verse=a"], 3, None, None)


def test_splits_have_their_shares_and_a_patient_has_one() -> None:
    drawn = [split_of(f"patient-{number}", Shares()) for number in range(4000)]
    shares = [drawn.count(split) / len(drawn) for split in SPLITS]
    assert shares == pytest.approx([0.7, 0.1, 0.2, 0], abs=0.02)


def test_the_script_beside_the_settings_is_the_same_entry() -> None:
    ended = subprocess.run(
        [sys.executable, str(SCRIPTS / "build.py"), "--help"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "Build the corpus" in ended.stdout


def test_the_card_template_of_the_script_folder_is_the_packaged_one() -> None:
    assert (SCRIPTS / "README.md").read_text(encoding="utf-8").startswith("---\n$front\n---")


def test_no_corpus_draws_the_patients_of_a_benchmark(tmp_path: Path) -> None:
    beyond = BuildConfig(phantoms=Phantoms(first_seed=799_950, count=100))
    with pytest.raises(ConfigError, match=r"50 of 100 synthetic patients \(800000, .* below 800000"):
        build(beyond, tmp_path / "corpus")
    with pytest.raises(ConfigError, match="this benchmark has the seeds 800000 to 849999"):
        build(beyond, tmp_path / "corpus", seeds=PUBLISHED)
    assert not list(tmp_path.iterdir())


def test_no_corpus_is_built_of_studies_of_a_benchmark(phantom_studies: Path, tmp_path: Path) -> None:
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "phantom-800001").symlink_to(phantom_studies / "phantom-000001")
    with pytest.raises(ConfigError, match=r"\(800001\): 800000 and up are kept for benchmarks"):
        build(BuildConfig(sources={"phantom": folder}), tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


def test_the_command_phantom_refuses_the_patients_of_a_benchmark(tmp_path: Path) -> None:
    asked = ["phantom", "--seed", "799999", "--count", "2", "--out", str(tmp_path / "studies")]
    with pytest.raises(ConfigError, match=r"--seed 799999 --count 2: 1 of 2 .* choose seeds below 800000"):
        CliRunner().invoke(app, asked, catch_exceptions=False)
    assert not list(tmp_path.iterdir())
