"""Where the tasks of a build run: this machine, Slurm, Ray or Hugging Face Jobs, by datatrove's executors."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from pydantic import Field, model_validator
from tqdm import tqdm

from spinemed.errors import ConfigError, OutputError
from spinemed.records import Record

Where = Literal["local", "slurm", "ray", "hfjobs"]
PLACES: Final[tuple[Where, ...]] = get_args(Where)


class ExecutorSettings(Record):
    """How tasks are run; nothing here changes a byte of the corpus."""

    where: Where = "local"
    workers: int = Field(2, ge=1, description="tasks at once")
    slurm_partition: str = Field("cpu", min_length=1)
    slurm_time: str = Field("04:00:00", description="limit of one job")
    slurm_qos: str = "normal"
    memory_gb: int = Field(2, ge=1, description="of one task")
    setup: str = Field("", description="shell command that activates the environment in a Slurm job")
    logging_url: str = Field("", description="shared folder that hfjobs needs, such as hf://buckets/ME/RUNS")
    dependencies: tuple[str, ...] = Field(("spinemed",), description="what pip installs in a Job")

    @model_validator(mode="after")
    def _can_run(self) -> ExecutorSettings:
        if self.where == "hfjobs" and not self.logging_url:
            raise ValueError(
                "hfjobs needs logging_url, a folder that this machine and the Jobs share, "
                "such as hf://buckets/ME/RUNS"
            )
        return self


def executor_settings(path: Path | None, where: str, workers: int) -> ExecutorSettings:
    """Return the settings of a YAML file with the place and number of workers of the command line.

    ConfigError for an unknown place and for a file that cannot be used.
    """
    from spinemed.corpus.config import checked, load_settings

    if where not in PLACES:
        raise ConfigError(f"--executor {where}: choose from {', '.join(PLACES)}")
    given = load_settings(path, ExecutorSettings).model_dump()
    return checked({**given, "where": where, "workers": workers}, "command line", ExecutorSettings)


class Stage(NamedTuple):
    """One stage of a build: its name, the steps that every task runs, and how many tasks there are."""

    name: str
    pipeline: Sequence[Any]
    tasks: int


def executor_of(stage: Stage, settings: ExecutorSettings, logs: Path, depends: Any = None) -> Any:
    """Return datatrove's executor for a stage: the same pipeline object wherever it runs.

    `logs` keeps one mark a finished task, so that a resumed run leaves it out; `depends` is the executor of
    the stage before. ConfigError where a place needs what is not given or not installed.
    """
    folder = str(logs / stage.name)
    if settings.where == "local":
        return _local(stage, settings, folder)
    if settings.where == "ray":
        return _ray(stage, settings, folder)
    if settings.where == "slurm":
        return _slurm(stage, settings, folder, depends)
    return _jobs(stage, settings, depends)


def _local(stage: Stage, settings: ExecutorSettings, folder: str) -> Any:
    from spinemed.corpus.stages.quiet import QuietLocalExecutor

    workers = min(settings.workers, stage.tasks)
    return QuietLocalExecutor(list(stage.pipeline), stage.tasks, workers, folder)


def _ray(stage: Stage, settings: ExecutorSettings, folder: str) -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--executor ray needs Ray; pip install 'spinemed[ray]'") from error
    from datatrove.executor.ray import RayPipelineExecutor

    if not ray.is_initialized():
        ray.init(
            num_cpus=settings.workers, include_dashboard=False, log_to_driver=False, configure_logging=False
        )
    return RayPipelineExecutor(
        list(stage.pipeline),
        tasks=stage.tasks,
        workers=min(settings.workers, stage.tasks),
        logging_dir=folder,
        mem_per_cpu_gb=settings.memory_gb,
    )


def _slurm(stage: Stage, settings: ExecutorSettings, folder: str, depends: Any) -> Any:
    from datatrove.executor.slurm import SlurmPipelineExecutor

    return SlurmPipelineExecutor(
        list(stage.pipeline),
        tasks=stage.tasks,
        time=settings.slurm_time,
        partition=settings.slurm_partition,
        qos=settings.slurm_qos,
        workers=settings.workers,
        mem_per_cpu_gb=settings.memory_gb,
        job_name=f"spinemed-{stage.name}",
        env_command=settings.setup or None,
        logging_dir=folder,
        depends=depends,
    )


def _jobs(stage: Stage, settings: ExecutorSettings, depends: Any) -> Any:
    from datatrove.executor.jobs import JobsPipelineExecutor

    return JobsPipelineExecutor(
        list(stage.pipeline),
        tasks=stage.tasks,
        workers=settings.workers,
        logging_dir=f"{settings.logging_url.rstrip('/')}/{stage.name}",
        dependencies=["datatrove[io]", *settings.dependencies],
        depends=depends,
        job_name=f"spinemed-{stage.name}",
    )


def finished(executor: Any, stage: Stage) -> None:
    """Run an executor to its end with a bar of its finished tasks; OutputError where some did not finish."""
    with _bar(executor, stage):
        executor.run()
    missing = executor.get_incomplete_ranks(skip_completed=True)
    if missing:
        raise OutputError(
            f"{len(missing)} of {stage.tasks} tasks of stage {stage.name} failed, the first is {missing[0]}; "
            f"see {executor.logging_dir.path}/logs, mend the cause and build again: finished tasks are kept"
        )


@contextmanager
def _bar(executor: Any, stage: Stage) -> Iterator[None]:
    """Show how many tasks have left their mark of completion, until the block ends."""
    done = threading.Event()
    bar = tqdm(total=stage.tasks, desc=stage.name, unit="task", file=sys.stderr)

    def count() -> int:
        return stage.tasks - len(executor.get_incomplete_ranks(skip_completed=True))

    def watch() -> None:
        while not done.wait(1):
            bar.n = count()
            bar.refresh()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        bar.n = count()
        bar.refresh()
        bar.close()


def slurm_script(executor: Any) -> str:
    """Return the text of the batch script that a Slurm executor would submit, without submitting it."""
    places = executor.logging_dir.resolve_paths("executor.pik")
    return str(
        executor.get_launch_file_contents(
            executor.get_sbatch_args(min(executor.tasks, executor.max_array_size)),
            f"srun -l -n {executor.nodes_per_task} launch_pickled_pipeline {places}",
        )
    )
