"""Our answer parser beside those of lm-eval, lighteval, inspect-ai and lmms-eval on the same pairs.

    python -m venv peers && peers/bin/pip install --no-deps lm-eval lighteval inspect-ai lmms-eval
    python benchmarks/answer_parsers.py --peers peers/lib/python3.11/site-packages --pairs MORE.json

The peers need not be importable: only the parsing functions are taken out of their installed sources and run,
so that no torch and none of their other needs has to be there. Three columns over pairs with one right letter
at most: right (the letter, or none where the reply gives none), letter given to a reply that gives none,
wrong letter instead of the given one. `own` are tests/data/choice_answers.json, written along with our
parser, so a self-test for it; `peers` are tests/data/peer_answers.json, the peers' public test cases with the
answer that their own tests want; --pairs adds a file that others wrote. How the peers run: lm-eval as
MultiChoiceRegexFilter("(\\([A-Z]\\))", ignore_case, ignore_punctuation); lighteval's index expressions in
English without fallback, with and without a free match; inspect-ai as it stands (it expects its own prompt,
"ANSWER: C", and is strict by design); lmms-eval after reasoning blocks are cut, as its pipeline does; the
MMMU copy with its random choice, seeded. Results go to benchmarks/results/answer_parsers.json.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import string
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from setting import machine

from spinemed.answers import parse_answer

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "answer_parsers.json"
DATA = ROOT / "tests" / "data"
PACKAGES = ("lm-eval", "lighteval", "inspect-ai", "lmms-eval")
LETTERS = frozenset(string.ascii_uppercase)
Parser = Callable[[str, Mapping[str, str]], str]


def parts(path: Path, names: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the top-level functions, classes and values `names` of a source file, run with `given` in sight.

    No names means everything but the imports.
    """
    wanted = set(names)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = []
    for node in tree.body:
        targets = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
        if isinstance(node, ast.ImportFrom | ast.Import):
            continue
        if not wanted or wanted & {getattr(node, "name", ""), *targets}:
            body.append(node)
    space = dict(given) | {"__name__": path.stem}
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    module = ast.fix_missing_locations(ast.Module([future, *body], []))
    sys.modules.setdefault(path.stem, SimpleNamespace(__dict__=space))  # type: ignore[arg-type]
    exec(compile(module, str(path), "exec"), space)
    return space


def lm_eval_filter(site: Path) -> Any:
    """Return lm-eval's filter, set up as its tasks with lettered options do."""
    given = {"re": re, "sys": sys, "Filter": object, "register_filter": lambda _: lambda made: made}
    found = parts(site / "lm_eval/filters/extraction.py", ["RegexFilter", "MultiChoiceRegexFilter"], given)
    return found["MultiChoiceRegexFilter"](r"(\([A-Z]\))", ignore_case=True, ignore_punctuation=True)


def lm_eval(site: Path) -> dict[str, Parser]:
    """Return lm-eval's filter as a parser."""
    made = lm_eval_filter(site)

    def parse(response: str, options: Mapping[str, str]) -> str:
        return str(made.apply([[response]], [{"choices": list(options.values())}])[0][0]).strip("()")

    return {"lm-eval MultiChoiceRegexFilter": parse}


def lighteval(site: Path) -> dict[str, Parser]:
    """Return lighteval's index expressions as two parsers: with and without a match that needs no cue."""
    language = parts(site / "lighteval/utils/language.py", [], {"Enum": Enum})["Language"]
    literals = parts(
        site / "lighteval/tasks/templates/utils/translation_literals.py",
        [],
        {
            "Language": language,
            "dataclass": dataclass,
            "field": field,
            "ascii_uppercase": string.ascii_uppercase,
        },
    )
    prefix = parts(
        site / "lighteval/tasks/templates/utils/formulation.py",
        ["get_prefix", "ChoicePrefix"],
        {"ascii_uppercase": string.ascii_uppercase, "Literal": Literal},
    )
    names = (
        "IndicesExtractionConfig lazy_indices_regex extract_indices extract_match extract_target_from_pred"
    )
    given = {
        "re": re, "dataclass": dataclass, "lru_cache": lru_cache, "groupby": groupby, "Language": language,
        "TRANSLATION_LITERALS": literals["TRANSLATION_LITERALS"], "get_prefix": prefix["get_prefix"],
        "LatexExtractionConfig": type("Latex", (), {}), "ExprExtractionConfig": type("Expression", (), {}),
    }  # fmt: skip
    source = site / "lighteval/metrics/utils/extractive_match_utils.py"
    found = parts(source, names.split(), given)

    def parser(free: bool) -> Parser:
        config = found["IndicesExtractionConfig"]("NativeLetters", try_extract_without_anchor=free)

        def parse(response: str, options: Mapping[str, str]) -> str:
            patterns = found["lazy_indices_regex"](config, len(options), language.ENGLISH)
            read = found["extract_target_from_pred"](response, [(patterns, config)])
            return str(read[0]) if read else ""

        return parse

    return {"lighteval indices, free match": parser(True), "lighteval indices": parser(False)}


def inspect_ai(site: Path) -> dict[str, Parser]:
    """Return inspect-ai's parse_answers as a parser."""
    given = parts(site / "inspect_ai/_util/answer.py", ["answer_character"], {})
    found = parts(site / "inspect_ai/solver/_multiple_choice.py", ["parse_answers"], {**given, "re": re})

    def parse(response: str, options: Mapping[str, str]) -> str:
        state = SimpleNamespace(output=SimpleNamespace(completion=response), choices=list(options))
        return "".join(sorted(found["parse_answers"](state, False)))

    return {"inspect-ai parse_answers": parse}


def lmms_eval(site: Path) -> dict[str, Parser]:
    """Return lmms-eval's two parsers: the shared one and its copy of MMMU's."""
    shared = parts(site / "lmms_eval/tasks/_task_utils/mcq_extract.py", [], {})["extract_mcq_answer"]
    given = {"re": re, "np": np, "random": random.Random(0)}
    name = "parse_mmmu_multi_choice_response"
    copy = parts(site / "lmms_eval/tasks/_task_utils/mmmu_mcq_utils.py", [name], given)[name]

    def without_thought(response: str) -> str:
        return re.sub(r"<think>.*?</think>", "", response, flags=re.DOTALL)

    return {
        "lmms-eval extract_mcq_answer": lambda text, options: shared(without_thought(text), list(options)),
        "lmms-eval MMMU copy": lambda text, options: copy(
            without_thought(text), list(options), dict(options)
        ),
    }


def ours(response: str, options: Mapping[str, str]) -> str:
    """Return the letter that our parser finds, "" for none."""
    letters = parse_answer(response, options).letters
    return letters[0] if letters else ""


def columns(parser: Parser, pairs: list[tuple[str, Mapping[str, str], str]]) -> dict[str, int]:
    """Return how many pairs a parser reads right, how often it awards a letter to none, and a wrong one."""
    right = to_none = wrong = 0
    for response, options, expected in pairs:
        found = parser(response, options)
        found = found if found in options else ""
        right += found == expected
        to_none += bool(found) and not expected
        wrong += bool(found) and bool(expected) and found != expected
    return {"right": right, "letter_to_none": to_none, "wrong_letter": wrong}


def pairs_of(path: Path) -> list[tuple[str, Mapping[str, str], str]]:
    """Return reply, options and right letter ("" for none) of the single-answer pairs of a file of ours."""
    data = json.loads(path.read_text(encoding="utf-8"))
    cases = (
        data["single"] if "single" in data else [case for case in data["cases"] if not case.get("multiple")]
    )
    found = []
    for case in cases:
        options = case["options"] if isinstance(case["options"], dict) else data["options"][case["options"]]
        expected = case["expected"] if len(case["expected"]) == 1 else ""
        found.append((case["response"], options, expected))
    return found


def main() -> None:
    """Compare, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, help="site-packages folder with the peers")
    parser.add_argument(
        "--pairs", type=Path, help="a further file of pairs, as shared by the project's owner"
    )
    arguments = parser.parse_args()
    site = arguments.peers or Path(np.__file__).parent.parent
    missing = [name for name in PACKAGES if not list(site.glob(f"{name.replace('-', '_')}-*.dist-info"))]
    if missing:
        raise SystemExit(
            f"{', '.join(missing)} not in {site}: python -m venv peers; "
            f"peers/bin/pip install --no-deps {' '.join(missing)}; "
            "then --peers peers/lib/python3.X/site-packages"
        )
    parsers: dict[str, Parser] = {"spinemed parse_answer": ours}
    for take in (lm_eval, lighteval, inspect_ai, lmms_eval):
        parsers |= take(site)
    files = {"own": DATA / "choice_answers.json", "peers": DATA / "peer_answers.json"}
    if arguments.pairs:
        files = {"given": arguments.pairs, **files}
    result: dict[str, Any] = {
        "machine": machine(),
        "spinemed": version("spinemed"),
        "versions": {},
    }
    for name in PACKAGES:
        folder = next(site.glob(f"{name.replace('-', '_')}-*.dist-info"))
        result["versions"][name] = folder.name.split("-")[1].removesuffix(".dist")
    for name, path in files.items():
        pairs = pairs_of(path)
        rows = {title: columns(parse, pairs) for title, parse in parsers.items()}
        result[name] = {
            "pairs": len(pairs),
            "without_letter": sum(not pair[2] for pair in pairs),
            "parsers": rows,
        }
        print(f"{name}: {len(pairs)} pairs, {result[name]['without_letter']} without a letter")
        for title, row in sorted(rows.items(), key=lambda item: -item[1]["right"]):
            print(f"  {title:34}{row['right']:6}{row['letter_to_none']:6}{row['wrong_letter']:6}")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
