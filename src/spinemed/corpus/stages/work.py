"""The work folder of a build: frozen input, drafts, plan, release; a killed build goes on where it was."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.manifest import code_version, package_versions
from spinemed.corpus.releases.publish import explained
from spinemed.corpus.stages.assembly import BUCKETS, UNREAD, ShardStep
from spinemed.corpus.stages.drafting import DraftStep
from spinemed.corpus.stages.executors import ExecutorSettings, Stage, executor_of, finished
from spinemed.corpus.stages.inputs import units_of
from spinemed.corpus.stages.plan import PlanStep
from spinemed.corpus.stages.release import ReleaseStep
from spinemed.corpus.stages.remote import fetch_drafts, send_input
from spinemed.corpus.stages.units import tasks_of, write_tasks
from spinemed.errors import ConfigError, OutputError, SpinemedError
from spinemed.records import Reject, content_id

Say = Callable[[str], None]
_READY = "ready.json"


def work_folder(config: BuildConfig, inputs: dict[str, str], out: Path) -> Path:
    """Return where a build of `out` works: named by settings, inputs, code and packages.

    A build that differs in any of them has another folder, so a task is never taken over from it.
    """
    mark = content_id(config.model_dump(mode="json"), inputs, code_version(), package_versions())
    return out.with_name(f"{out.name}.work-{mark}")


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the place of a build while the block runs; OutputError where another build holds it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    path = out.with_name(f".{out.name}.lock")
    with path.open("w") as file:
        try:
            # Not flock: workers of a build that was killed would go on holding it.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutputError(
                f"{out}: another process is building here; wait for it, or choose another --out"
            ) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def discarded_if_refused(config: BuildConfig, inputs: dict[str, str], out: Path) -> Iterator[None]:
    """Remove the work folder where the input is refused: the same input would be refused again.

    After a kill or a full disk it stays, to go on with.
    """
    try:
        yield
    except OutputError:
        raise
    except SpinemedError:
        shutil.rmtree(work_folder(config, inputs, out), ignore_errors=True)
        raise


def prepared(
    config: BuildConfig, inputs: dict[str, str], out: Path, seeds: range, workers: int, say: Say
) -> Path:
    """Return the work folder with its input frozen; one that an earlier build left goes on.

    Folders of builds with other settings, inputs or code are removed, and `say` tells so.
    """
    work = work_folder(config, inputs, out)
    for left in sorted(out.parent.glob(f"{out.name}.work-*")):
        if left != work:
            say(f"removed {left.name}: settings, inputs or code have changed since")
            shutil.rmtree(left)
    if (work / _READY).is_file():
        say(f"going on with {work.name}: its finished tasks are kept")
        return work
    shutil.rmtree(work, ignore_errors=True)
    (work / "drafts").mkdir(parents=True)
    found = list(units_of(config, out.parent, seeds, workers, say))
    tasks = tasks_of((one for one in found if not isinstance(one, Reject)), config.buckets)
    write_tasks(tasks, work / "tasks")
    (work / BUCKETS).write_text(json.dumps([task.bucket for task in tasks]))
    rejects = [one.model_dump() for one in found if isinstance(one, Reject)]
    (work / UNREAD).write_text(json.dumps(rejects, ensure_ascii=False), encoding="utf-8")
    (work / "inputs.json").write_text(json.dumps(inputs, ensure_ascii=False), encoding="utf-8")
    (work / "config.json").write_text(config.model_dump_json(), encoding="utf-8")
    (work / _READY).write_text(json.dumps({"tasks": len(tasks)}))
    return work


def stages_of(work: Path, out: Path, buckets: int) -> list[Stage]:
    """Return the four stages of a build, each with the one pipeline that all executors run."""
    tasks = int(json.loads((work / _READY).read_text())["tasks"])
    return [
        *([Stage("draft", [DraftStep(str(work))], tasks)] if tasks else []),
        Stage("plan", [PlanStep(str(work))], 1),
        Stage("shards", [ShardStep(str(work))], buckets),
        Stage("release", [ReleaseStep(str(work), str(out))], 1),
    ]


def run_stages(
    stages: Sequence[Stage], settings: ExecutorSettings, work: Path, out: Path, say: Say
) -> list[Any]:
    """Run the stages one after the other and return their executors; Slurm only submits them.

    `say` hears how long each stage took. OutputError where tasks failed: run the same build again, finished
    tasks are kept.
    """
    if settings.where == "hfjobs":
        return _run_with_jobs(stages, settings, work, out, say)
    executors: list[Any] = []
    for stage in stages:
        executor = executor_of(stage, settings, work / "logs", executors[-1] if executors else None)
        executors.append(executor)
        if settings.where == "slurm":
            continue
        before = time.monotonic()
        with explained(out):
            finished(executor, stage)
        say(f"{stage.name}: {stage.tasks} tasks in {time.monotonic() - before:.1f} s")
    if settings.where == "slurm":
        executors[-1].run()
    return executors


def _run_with_jobs(
    stages: Sequence[Stage], settings: ExecutorSettings, work: Path, out: Path, say: Say
) -> list[Any]:
    """Let Hugging Face Jobs write the drafts; the other stages are run here.

    ConfigError where a task reads studies of this machine: they do not travel.
    """
    if '"study":' in "".join(path.read_text(encoding="utf-8") for path in (work / "tasks").iterdir()):
        raise ConfigError(
            "--executor hfjobs draws patients alone; studies on this machine do not leave it: "
            "build them with --executor local, slurm or ray"
        )
    shared = f"{settings.logging_url.rstrip('/')}/{work.name}"
    first = stages[0]._replace(pipeline=[DraftStep(shared)])
    executor = executor_of(first, settings, work / "logs")
    with explained(out):
        send_input(work, shared)
        finished(executor, first)
        fetch_drafts(shared, work, first.tasks)
    here = settings.model_copy(update={"where": "local"})
    return [executor, *run_stages(stages[1:], here, work, out, say)]
