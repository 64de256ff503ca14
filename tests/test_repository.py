"""The repository as a whole: the README's tree, commands and links, licences, imports, no machine's paths."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tracked() -> list[Path]:
    """Return the files that git tracks or would track."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / line for line in listing.stdout.splitlines() if (ROOT / line).is_file()]


def first_line(module: Path) -> str:
    """Return the first line of a module's docstring without its full stop."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n")[0].rstrip(".")


def tree_lines() -> dict[str, str]:
    """Return path -> description of the README's tree."""
    block = README.split("<!-- tree -->")[1].split("```")[1]
    rows = (re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in block.splitlines()[2:] if line.strip())
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows}


def test_every_path_of_the_readme_tree_exists() -> None:
    missing = [path for path in tree_lines() if not (ROOT / path).exists()]
    assert not missing


def test_every_module_and_room_stands_in_the_readme_tree_with_its_own_first_line() -> None:
    tree = tree_lines()
    library = ROOT / "src" / "spinemed"
    modules = [p for p in library.glob("*.py") if p.name != "__init__.py"]
    packages = [p.parent for p in library.glob("*/__init__.py")]
    expected = {p.relative_to(ROOT).as_posix(): first_line(p) for p in modules}
    expected |= {p.relative_to(ROOT).as_posix() + "/": first_line(p / "__init__.py") for p in packages}
    assert {path: tree.get(path) for path in expected} == expected
    rooms = {"dataset_scripts/", "recipes/", "evaluate_metrics/", "spaces/", "benchmarks/", "tests/"}
    assert rooms <= {path.split("/")[0] + "/" for path in tree}


def test_the_readme_names_only_commands_and_options_that_exist() -> None:
    from typer.main import get_command

    from spinemed.cli import app

    used = re.findall(r"^(?:\$ )?spinemed (\w+)((?: .*)?)$", README, flags=re.M)
    assert used
    for name, rest in used:
        command = get_command(app).commands.get(name)  # type: ignore[attr-defined]
        assert command is not None, f"the README uses `spinemed {name}`"
        if hasattr(command, "commands"):
            sub = rest.split()[0]
            command = command.commands.get(sub)
            assert command is not None, f"the README uses `spinemed {name} {sub}`"
        options = {word for parameter in command.params for word in parameter.opts}
        for option in re.findall(r"(?<!\S)--[\w-]+", rest):
            assert option in options, f"the README uses `spinemed {name} {option}`"


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    used = re.findall(r"^make ([a-z]+)$|`make ([a-z]+)`", README, flags=re.M)
    assert used
    assert {first or second for first, second in used} <= targets


def test_the_figures_of_the_readme_are_those_of_the_published_demo() -> None:
    import json

    from spinemed.bench.pages.summary import summary
    from spinemed.bench.scoring.scorecard import Scorecard

    docs = ROOT / "docs" / "demo"
    card = Scorecard.model_validate_json((docs / "scorecard.json").read_text())
    quoted = README.split("checked by a test -->\n")[1].split("\n<!-- /demo -->")[0]
    assert quoted == summary(card, json.loads((docs / "seconds.json").read_text()))
    assert card.paired
    assert all(pair.mcnemar_p < 0.01 for pair in card.paired)


def test_the_measured_figures_of_the_readme_are_those_of_the_results() -> None:
    subprocess.run([sys.executable, "benchmarks/readme.py", "--check"], cwd=ROOT, check=True)


def test_every_relative_link_of_the_readme_resolves() -> None:
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert not [link for link in links if link and not (ROOT / link).exists()]


def test_no_tracked_file_names_a_path_of_one_machine() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:work|root|opt|home/\w+)/")
    offenders = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".json", ".txt", ""}
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line) and path != Path(__file__)
    ]
    assert not offenders


def test_the_core_imports_neither_torch_nor_transformers_nor_gradio() -> None:
    code = (
        "import sys, spinemed.cli, spinemed.corpus, spinemed.instances, spinemed.sources, spinemed.phantom;"
        "print([m for m in ('torch', 'transformers', 'gradio') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("licence", ["AGPL", "GPL-3", "GPLv3"])
def test_no_dependency_that_is_named_here_carries_a_copyleft_licence(licence: str) -> None:
    from importlib.metadata import distribution, requires

    lines = [line for line in requires("spinemed") or [] if not line.endswith("extra == 'oracles'")]
    names = {re.split(r"[ ;<>=!~\[]", line)[0] for line in lines}
    assert names
    found = []
    for name in names:
        try:
            data = distribution(name).metadata
        except ModuleNotFoundError:  # an extra that is not installed here
            continue
        # Some wheels list the licences of bundled libraries in `License`; its first line is their own.
        stated = data.get("License-Expression") or (data.get("License") or "").split("\n")[0]
        text = " ".join([stated, *data.get_all("Classifier", [])])
        if licence in text.replace("LGPL", ""):
            found.append(name)
    assert not found


def test_the_oracles_of_the_statistics_are_imported_by_their_test_alone() -> None:
    """Some of them are GPL: they check our figures and are never part of what runs."""
    pattern = re.compile(r"^\s*(?:from|import) (?:krippendorff|pingouin)\b", re.MULTILINE)
    using = {
        path.name
        for path in tracked()
        if path.suffix == ".py" and pattern.search(path.read_text(encoding="utf-8"))
    }
    assert using == {"test_statistics_oracles.py"}
