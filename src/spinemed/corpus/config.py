"""The settings of a build: defaults in code, overridden by build.yaml, overridden by the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import Field, ValidationError, model_validator

from spinemed.corpus.card.release_info import ReleaseInfo
from spinemed.corpus.stages.bench_draw import BenchDraw
from spinemed.corpus.stages.mix import Mix
from spinemed.errors import ConfigError
from spinemed.instances import Asking
from spinemed.records import Record

Settings = TypeVar("Settings", bound=Record)


class Shares(Record):
    """Shares of patients in each split; they add up to 1.

    Of the patients of `spinebench` only the items that are drawn for it are published (`BenchDraw`).
    """

    train: float = Field(0.7, ge=0, le=1)
    validation: float = Field(0.1, ge=0, le=1)
    test: float = Field(0.2, ge=0, le=1)
    spinebench: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _add_up(self) -> Shares:
        if abs(self.train + self.validation + self.test + self.spinebench - 1) > 1e-9:
            raise ValueError("train, validation, test and spinebench must add up to 1")
        return self


class Phantoms(Record):
    """Which synthetic patients are drawn where no source is named."""

    count: int = Field(300, ge=1, le=100_000)
    first_seed: int = Field(1, ge=0)
    field: Literal["any", "lumbar"] = Field("any", description="field of view of CT and MR")
    kinds: tuple[str, ...] = Field((), description="series; none takes what the state asks for")
    later: bool | None = Field(
        None, description="follow-up examinations of whom has one; null writes them where kinds are empty"
    )

    write: bool = Field(True, description="as DICOM to phantom-studies; false keeps them in memory")

    @property
    def seeds(self) -> range:
        """Return the seeds of these patients."""
        return range(self.first_seed, self.first_seed + self.count)


class Written(Record):
    """Which synthetic written cases are drawn beside the phantoms; they have a report and no picture."""

    count: int = Field(0, ge=0, le=700_000)
    first_seed: int = Field(100_000, ge=0)

    @property
    def seeds(self) -> range:
        """Return the seeds of these patients."""
        return range(self.first_seed, self.first_seed + self.count)


class BuildConfig(Record):
    """Everything that, with the sources, decides the bytes of a corpus."""

    name: str = Field("spinemed-450k", min_length=1, description="title of the dataset card")
    seed: int = Field(0, ge=0, description="draws windows, wordings, options and letters")
    sources: dict[str, Path] = Field(default_factory=dict, description="source name -> folder")
    label_scheme: str | None = Field(None, description="numbering of multi-label TotalSegmentator masks")
    phantoms: Phantoms = Phantoms()
    written: Written = Written()
    splits: Shares = Shares()
    open_share: float = Field(0.5, ge=0, le=1, description="share of pictures asked in the form `open`")
    marks_per_series: int = Field(12, ge=1, description="vertebrae marked in a series at most")
    languages: tuple[Literal["en", "zh"], ...] = Field(
        ("en", "zh"), min_length=1, description="of the items about a whole case"
    )
    items_per_kind: int = Field(2, ge=0, description="items of a kind and study at most; 0 asks levels alone")
    buckets: int = Field(
        1, ge=1, le=4096, description="files a config and split; a patient has its place in one for ever"
    )
    mix: Mix = Mix()
    spinebench: BenchDraw = BenchDraw()
    release: ReleaseInfo = ReleaseInfo()
    previous_root: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="Merkle root of the release before this one"
    )
    withdrawn: Path | None = Field(None, description="tombstones.jsonl of an earlier release to honour")
    against: tuple[Path, ...] = Field((), description="benchmark folders that the corpus must not leak into")

    @property
    def asking(self) -> Asking:
        """Return how instances are drawn."""
        return Asking(self.seed, self.open_share, self.marks_per_series, self.languages, self.items_per_kind)


def load_config(path: Path | None) -> BuildConfig:
    """Return the settings in a YAML file, or the defaults for None; ConfigError as `load_settings`."""
    return load_settings(path, BuildConfig)


def load_settings(path: Path | None, kind: type[Settings]) -> Settings:
    """Return the settings of a kind in a YAML file, or its defaults for None.

    ConfigError names the file, the key and what was wrong.
    """
    if path is None:
        return kind()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check --config") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML ({error}); repair the file") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {type(content).__name__}, not keys; write `seed: 0` and so on")
    return checked(content, str(path), kind)


def overridden(
    config: BuildConfig,
    sources: Sequence[str],
    phantoms: int | None,
    seed: int | None,
    label_scheme: str | None,
    written: int | None = None,
) -> BuildConfig:
    """Return the settings with what the command line gives; `sources` (NAME=FOLDER) replace the file's.

    ConfigError for a source that is not NAME=FOLDER or is named twice.
    """
    content: dict[str, object] = config.model_dump()
    if sources:
        content["sources"] = named_folders(sources)
    if phantoms is not None:
        if sources:
            raise ConfigError(
                "--phantoms draws patients where no --source is given; leave one of the two out"
            )
        content["phantoms"] = {**config.phantoms.model_dump(), "count": phantoms}
        content["sources"] = {}
    if written is not None:
        content["written"] = {**config.written.model_dump(), "count": written}
    if seed is not None:
        content["seed"] = seed
    if label_scheme is not None:
        content["label_scheme"] = label_scheme
    return checked(content, "command line", BuildConfig)


def named_folders(sources: Sequence[str]) -> dict[str, Path]:
    """Return name -> folder of texts NAME=FOLDER; ConfigError for other texts and for a name given twice.

    >>> named_folders(["verse=my-studies"])
    {'verse': PosixPath('my-studies')}
    """
    folders: dict[str, Path] = {}
    for source in sources:
        name, equals, folder = source.partition("=")
        if not (name and equals and folder):
            raise ConfigError(
                f"--source {source}: write it as NAME=FOLDER, such as totalsegmentator=my-studies"
            )
        if name in folders:
            raise ConfigError(
                f"--source {name} is given twice; put the studies of one source into one folder"
            )
        folders[name] = Path(folder)
    return folders


def checked(content: dict[str, object], place: str, kind: type[Settings]) -> Settings:
    """Return the settings in a mapping; ConfigError names every key that is unknown or impossible.

    >>> checked({"seed": 3}, "here", BuildConfig).seed
    3
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()]
        known = ", ".join(kind.model_fields)
        raise ConfigError(f"{place}: {'; '.join(faults)}. Known keys: {known}") from error
