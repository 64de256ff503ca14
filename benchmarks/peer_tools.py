"""The same replies scored by spinemed, inspect-ai, lm-eval and lmms-eval: scores, and why they differ.

Run in an environment that has the peers (inspect-ai, lm-eval, lmms-eval and spinemed's own dependencies; they
are no dependencies of spinemed), with this repository's src on PYTHONPATH:

    PYTHONPATH=src python benchmarks/peer_tools.py --benchmark spinebench-2510.03160

Each choice item gets one reply whose form is known and whose letter is right for three of four. Each tool
runs the task that dataset_scripts/spinebench/tasks holds for it, or eval.yaml as the Hub's loader does, on a
model that plays the replies back. Nothing is downloaded. A difference that no entry of EXPLAINED names is
counted as unexplained. Results go to benchmarks/results/peer_tools.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import types
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from setting import machine

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import yaml

from spinemed.bench.data.peers import Scripted, scripted
from spinemed.bench.items import read_items, rows

ROOT = Path(__file__).resolve().parent.parent
TASKS = ROOT / "dataset_scripts" / "spinebench" / "tasks"
RESULTS = ROOT / "benchmarks" / "results" / "peer_tools.json"
TEXT_ALONE = "replies played back have no likelihoods and no second round: these tasks ask for text alone"
"""Why a replay refuses what the base classes of lm-eval and lmms-eval declare abstract."""
Verdicts = dict[str, bool]
"""Item id -> whether the tool scores its reply as right."""

NEEDS_LINE = "it reads `ANSWER: X` alone, the line its prompt asks for; another form is no answer to it"
STRICT_FILTER = "its filter reads `Answer: X` alone, the line the task's prompt asks for"
FLEXIBLE = "it reads a letter in brackets or after a colon, or the whole text of an option, nothing else"
NO_LINE = (
    "letter", "letter with dot", "sentence", "bold", "letter and option", "option alone", "boxed",
    "denied first", "chinese",
)  # fmt: skip
EXPLAINED: dict[tuple[str, str], str] = {
    **{(tool, form): NEEDS_LINE for tool in ("inspect-ai", "eval.yaml") for form in (*NO_LINE, "json")},
    **{("lm-eval strict", form): STRICT_FILTER for form in (*NO_LINE, "json", "lower case")},
    **{("lm-eval flexible", form): FLEXIBLE for form in (*NO_LINE, "json", "lower case", "corrected")},
    ("lmms-eval", "option alone"): "it looks for letters and never for the text of an option",
    ("lmms-eval", "lower case"): "it looks for capital letters",
    ("lmms-eval", "two letters"): "it takes one of two letters, so a reply that names both can score",
}


def main() -> None:
    """Run every tool that can be imported, compare reply by reply, write and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmark", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=340, help="items, 0 for all")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    folder = arguments.benchmark.resolve()
    items = read_items(folder, "choice", "test")
    replies = {one.item.id: one for one in scripted(items[: arguments.limit or None])}
    tools: dict[str, Callable[[Path, dict[str, Scripted]], dict[str, Verdicts]]] = {
        "inspect-ai": inspect_task,
        "eval.yaml": inspect_hub,
        "lm-eval": lm_eval_task,
        "lmms-eval": lmms_eval_task,
    }
    verdicts: dict[str, Verdicts] = {}
    not_run: dict[str, str] = {}
    for name, run in tools.items():
        try:
            verdicts |= run(folder, replies)
        except Exception as error:  # a peer that cannot run here is a result, not the end
            not_run[name] = f"{type(error).__name__}: {error}"[:300]
    results = compared(replies, verdicts) | {
        "not_run": not_run,
        "eval_yaml": validated(folder),
        "versions": {name: installed(name) for name in ("spinemed", "inspect-ai", "lm-eval", "lmms-eval")},
        "machine": machine(),
    }
    arguments.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=1, ensure_ascii=False))


def compared(replies: dict[str, Scripted], verdicts: dict[str, Verdicts]) -> dict[str, Any]:
    """Return, for each tool, both accuracies on the items it scored and each form that they disagree on."""
    everything = list(replies.values())
    found: dict[str, Any] = {
        "items": len(everything),
        "deserved": share(one.deserves for one in everything),
        "spinemed": share(one.ours for one in everything),
        "spinemed_not_as_deserved": sum(one.ours != one.deserves for one in everything),
        "tools": {},
    }
    for tool, verdict in verdicts.items():
        scored = [replies[identity] for identity in verdict if identity in replies]
        found["tools"][tool] = {
            "items": len(scored),
            "deserved": share(one.deserves for one in scored),
            "theirs": share(verdict[one.item.id] for one in scored),
            "spinemed": share(one.ours for one in scored),
            "differences": differences(tool, scored, verdict),
        }
    listed = [each for tool in found["tools"].values() for each in tool["differences"]]
    found["unexplained"] = sum(each["items"] for each in listed if each["why"] == "unexplained")
    return found


def differences(tool: str, scored: Sequence[Scripted], verdict: Verdicts) -> list[dict[str, Any]]:
    """Return the forms that a tool and spinemed score differently, with example and reason."""
    by_form: defaultdict[str, list[Scripted]] = defaultdict(list)
    for one in scored:
        if one.ours != verdict[one.item.id]:
            by_form[one.form].append(one)
    return [
        {
            "form": form,
            "items": len(found),
            "of": sum(one.form == form for one in scored),
            "right_for": "spinemed" if found[0].ours else tool,
            "deserved_by": sum(one.deserves for one in found),
            "example": found[0].text,
            "why": EXPLAINED.get((tool, form), "unexplained"),
        }
        for form, found in sorted(by_form.items())
    ]


def inspect_task(folder: Path, replies: dict[str, Scripted]) -> dict[str, Verdicts]:
    """Return what inspect-ai's own scorer and ours inside it say, over dataset_scripts' task."""
    path = TASKS / "inspect_task.py"
    spec = spec_from_file_location("spinebench_inspect_task", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    task = module.spinebench(folder=str(folder))
    scores = played_back(task, replies, lambda sample: str(sample.id))
    return {"inspect-ai": scores["choice"], "inspect-ai with our scorer": scores["spinemed_choice"]}


def inspect_hub(folder: Path, replies: dict[str, Scripted]) -> dict[str, Verdicts]:
    """Return what inspect-ai says over mcq_all of eval.yaml, its rows made samples by the Hub's loader."""
    from inspect_ai import Task
    from inspect_ai._eval.task.hf import HFTask, _record_to_sample_hf
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.scorer import choice
    from inspect_ai.solver import multiple_choice

    content = yaml.safe_load((folder / "eval.yaml").read_text(encoding="utf-8"))
    task = next(one for one in map(HFTask.model_validate, content["tasks"]) if one.id == "mcq_all")
    samples = [_record_to_sample_hf(row, task.field_spec) for row in inspect_rows(folder)]
    whole = Task(dataset=MemoryDataset(samples), solver=multiple_choice(), scorer=choice())
    return {"eval.yaml": played_back(whole, replies, lambda one: one.metadata["item_id"])["choice"]}


def validated(folder: Path) -> dict[str, Any]:
    """Return whether inspect-ai's loader takes eval.yaml and every row, and that it refuses a wrong key."""
    try:
        from inspect_ai._eval.task.hf import HFTask, _record_to_sample_hf
    except ImportError as error:
        return {"valid": None, "why": str(error)}
    content = yaml.safe_load((folder / "eval.yaml").read_text(encoding="utf-8"))
    tasks = [HFTask.model_validate(task) for task in content["tasks"]]
    samples = [_record_to_sample_hf(row, tasks[0].field_spec) for row in inspect_rows(folder)]
    try:
        HFTask.model_validate({**content["tasks"][0], "scores": []})
        refuses = False
    except ValueError:
        refuses = True
    return {
        "valid": True,
        "tasks": [task.id for task in tasks],
        "samples": len(samples),
        "with_picture": sum(not isinstance(sample.input, str) for sample in samples),
        "unknown_key_refused": refuses,
    }


def inspect_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of mcq_inspect."""
    files = sorted((folder / "data").glob("mcq_inspect_*/test-*.parquet"))
    metadata = ["item_id", "case_id", "axis", "kind", "modality", "level", "language"]
    return list(rows(files, ["question", "options", "answer", "image", *metadata]))


def played_back(
    task: Any, replies: dict[str, Scripted], identity: Callable[[Any], str]
) -> dict[str, Verdicts]:
    """Return scorer -> verdicts of an inspect-ai task whose model answers with the scripted replies."""
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.model import ModelOutput, get_model

    samples = [sample for sample in task.dataset if identity(sample) in replies]
    task.dataset = MemoryDataset(samples)
    outputs = [
        ModelOutput.from_content("mockllm/model", replies[identity(sample)].text) for sample in samples
    ]
    with tempfile.TemporaryDirectory() as folder, without_tiktoken():
        log = evaluate(
            task, model=get_model("mockllm/model", custom_outputs=outputs), log_dir=folder, display="none",
            max_samples=1, max_connections=1, score_display=False,
        )[0]  # fmt: skip
        if log.status != "success" or not log.samples:
            raise RuntimeError(f"inspect-ai ended with {log.status}: {log.error}")
        found: dict[str, Verdicts] = defaultdict(dict)
        for sample in log.samples:  # read from the folder as they are asked for
            for name, score in (sample.scores or {}).items():
                found[name][identity(sample)] = score.value in ("C", 1, 1.0)
    return dict(found)


def lm_eval_task(folder: Path, replies: dict[str, Scripted]) -> dict[str, Verdicts]:
    """Return what both filters of the lm-eval task say, over the items without a picture."""
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    class Replay(LM):
        def generate_until(self, requests: Any, **_: Any) -> list[str]:
            return [text_of(replies, request.doc["item_id"]) for request in requests]

        def loglikelihood(self, requests: Any, **_: Any) -> Any:
            raise NotImplementedError(TEXT_ALONE)

        def loglikelihood_rolling(self, requests: Any, **_: Any) -> Any:
            raise NotImplementedError(TEXT_ALONE)

    os.chdir(folder.parent)
    with tempfile.TemporaryDirectory() as copies:
        tasks = local_tasks(TASKS / "lm_eval", folder, Path(copies))
        found = simple_evaluate(
            model=Replay(), tasks=["spinebench_text"], task_manager=TaskManager(include_path=str(tasks)),
            log_samples=True, bootstrap_iters=0,
        )  # fmt: skip
    verdicts: dict[str, Verdicts] = defaultdict(dict)
    for sample in found["samples"]["spinebench_text"]:
        if sample["doc"]["item_id"] in replies:
            name = f"lm-eval {sample['filter']}"
            verdicts[name][sample["doc"]["item_id"]] = bool(sample["exact_match"])
    return dict(verdicts)


def lmms_eval_task(folder: Path, replies: dict[str, Scripted]) -> dict[str, Verdicts]:
    """Return what lmms-eval's own extraction and ours inside it say, over all items."""
    from lmms_eval.api.model import lmms
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    class Replay(lmms):
        def generate_until(self, requests: Any) -> list[str]:
            found = []
            for request in requests:
                _, _, _, place, task, split = request.args
                found.append(text_of(replies, self.task_dict[task][split][place]["id"]))
            return found

        def generate_until_multi_round(self, requests: Any) -> Any:
            raise NotImplementedError(TEXT_ALONE)

        def loglikelihood(self, requests: Any) -> Any:
            raise NotImplementedError(TEXT_ALONE)

    os.chdir(folder.parent)
    with tempfile.TemporaryDirectory() as copies:
        tasks = local_tasks(TASKS / "lmms_eval", folder, Path(copies))
        found = simple_evaluate(
            model=Replay(), tasks=["spinebench"], task_manager=TaskManager(include_path=str(tasks)),
            log_samples=True, bootstrap_iters=0, process_docs_parallel=1,
        )  # fmt: skip
    ids = [row["id"] for row in rows(sorted((folder / "data" / "choice").glob("test-*.parquet")), ["id"])]
    verdicts: dict[str, Verdicts] = {"lmms-eval": {}, "lmms-eval with our parser": {}}
    for sample in found["samples"]["spinebench"]:
        identity = ids[sample["doc_id"]]
        if identity in replies:
            verdicts["lmms-eval"][identity] = bool(sample["accuracy"])
            verdicts["lmms-eval with our parser"][identity] = bool(sample["spinemed_accuracy"])
    return verdicts


def local_tasks(source: Path, folder: Path, into: Path) -> Path:
    """Return a copy of a folder of tasks whose dataset_path is the benchmark's folder by its own name."""
    for path in source.iterdir():
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            text = text.replace("dataset_path: spinebench-2510.03160", f"dataset_path: {folder.name}")
            (into / path.name).write_text(text, encoding="utf-8")
    return into


def text_of(replies: dict[str, Scripted], identity: str) -> str:
    """Return the scripted reply to an item; an item beyond the limit gets none."""
    return replies[identity].text if identity in replies else ""


@contextmanager
def without_tiktoken() -> Iterator[None]:
    """Put an empty tokenizer in the place of tiktoken, which would download a file to count tokens."""
    stub = types.ModuleType("tiktoken")
    tokenizer = types.SimpleNamespace(encode=lambda text, **_: text.split())
    stub.get_encoding = stub.encoding_for_model = lambda *_: tokenizer  # type: ignore[attr-defined]
    real = sys.modules.get("tiktoken")
    sys.modules["tiktoken"] = stub
    try:
        yield
    finally:
        del sys.modules["tiktoken"]
        if real is not None:
            sys.modules["tiktoken"] = real


def share(values: Iterable[bool]) -> float | None:
    """Return the share of true values, four digits; None for none."""
    found = list(values)
    return round(sum(found) / len(found), 4) if found else None


def installed(name: str) -> str:
    """Return the version of a package, or that it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
