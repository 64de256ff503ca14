"""What a release was made from and what it holds: fingerprints of inputs, settings, code and files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator, Field

import spinemed
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.errors import OutputError
from spinemed.records import Record

if TYPE_CHECKING:  # the settings know all of drawing and asking, which a reader of manifests does without
    from spinemed.corpus.config import BuildConfig

_CODE = ("corpus", "facts", "imaging", "instances", "phantom", "sources")
_BLOCK = 2**20
_MOST_BYTES = 2**26  # a manifest of 100,000 files is 20 MB
_MOST = 2**53  # larger whole numbers are not exact in other readers of JSON


def _inside(path: str) -> str:
    """Return a path that stays in its folder; ValueError for any other."""
    parts = PurePosixPath(path).parts
    climbs = path.startswith("/") or ".." in parts or PurePosixPath(path).as_posix() != path
    if climbs or path in ("", ".", MANIFEST) or "\\" in path or ":" in path or not path.isprintable():
        raise ValueError(f"{path[:200]!r} is no path of a file in this folder")
    return path


Place = Annotated[str, AfterValidator(_inside)]
"""Path of a file in a corpus, with forward slashes, that cannot lead out of it."""
Count = Annotated[int, Field(ge=0, le=_MOST)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FileEntry(Record):
    """What one file of a release is: its hash, its size, and its rows where it is Parquet (else 0)."""

    sha256: Digest
    bytes: Count
    rows: Count = 0


class Manifest(Record):
    """The content of manifest.json; it names no path and no time, so that equal builds are equal bytes."""

    name: str
    version: str = Field("1.0.0", pattern=r"^\d{1,6}\.\d{1,6}\.\d{1,6}$", description="of the release")
    root: Digest = Field(description="Merkle root over all files but this one")
    previous_root: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="of the release before; empty for the first"
    )
    tombstones: Count = Field(0, description="lines of tombstones.jsonl")
    seed: int
    settings: dict[str, object]
    inputs: dict[str, str] = Field(
        description="source -> fingerprint of all its files, or what it is made from"
    )
    code: str = Field(description="version of spinemed and the SHA-256 of the modules that a build runs")
    packages: dict[str, str]
    studies: Count
    rows: dict[str, dict[str, Count]] = Field(description="config -> split -> rows")
    kinds: dict[str, Count] = Field(description="'config split kind modality source' -> rows")
    rejects: dict[str, Count] = Field(description="'step: reason' -> count")
    shortfalls: dict[str, Count] = Field(
        default_factory=dict, description="'dimension: value' of the mix -> instances that are missing"
    )
    duplicates: dict[str, Share] = Field(default_factory=dict, description="name -> rate, 0 to 1")
    image_bytes: Count = Field(description="bytes of all different pictures")
    parquet_bytes: Count
    files: dict[Place, FileEntry] = Field(description="path in the corpus -> what it is")


def settings_of(config: BuildConfig) -> dict[str, object]:
    """Return the settings that decide the bytes; sources and patients that are drawn are inputs instead.

    Folders of this machine are left out: tombstones.jsonl holds what was withdrawn.
    """
    apart = {"sources", "phantoms", "written", "withdrawn", "against", "previous_root"}
    return config.model_dump(mode="json", exclude=apart)


def fingerprint(folder: Path) -> str:
    """Return a SHA-256 over the relative paths and contents of all files under a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\n{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def code_version() -> str:
    """Return the version of spinemed with a SHA-256 of the modules that a build runs."""
    package = Path(spinemed.__file__).parent
    files = [path for part in _CODE for path in sorted((package / part).rglob("*")) if path.suffix != ".pyc"]
    files += [*sorted(package.glob("level*.py")), package / "records.py"]
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(f"{path.relative_to(package).as_posix()}\n{file_sha256(path)}\n".encode())
    return f"{version('spinemed')}+{digest.hexdigest()[:16]}"


def package_versions() -> dict[str, str]:
    """Return the versions of the packages whose change may change bytes."""
    return {name: version(name) for name in ("datasets", "numpy", "pillow", "pyarrow", "scipy", "simpleitk")}


def read_manifest(out: Path) -> Manifest | None:
    """Return the manifest of a corpus, or None where there is none; OutputError where it cannot be read."""
    path = out / MANIFEST
    if not path.is_file():
        return None
    if path.stat().st_size > _MOST_BYTES:
        raise OutputError(f"{path}: {path.stat().st_size} bytes are no manifest; build again with --force")
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValueError as error:
        reason = " ".join(str(error).split())[:300]
        raise OutputError(
            f"{path}: cannot be read as a manifest; build again with --force ({reason})"
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json into a folder."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def file_sums(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return path -> SHA-256 of files in a folder."""
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in sorted(files)}


def file_entries(folder: Path, workers: int = 1) -> dict[str, FileEntry]:
    """Return path -> entry of every file in a folder but manifest.json, sorted by path.

    `workers` threads hash. OutputError for a link, which would name bytes that are not in the folder, and for
    Parquet that cannot be read.
    """
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for name, path in found.items():
        if path.is_symlink():
            raise OutputError(f"{folder}: {name} is a link; a corpus holds files, put the file itself there")
    names = sorted(name for name, path in found.items() if path.is_file() and name != MANIFEST)
    with ThreadPoolExecutor(workers) as pool:
        return dict(zip(names, pool.map(lambda name: file_entry(found[name]), names), strict=True))


def file_entry(path: Path) -> FileEntry:
    """Return the entry of one file; OutputError for Parquet that cannot be read."""
    rows = 0
    if path.suffix == ".parquet":
        try:
            rows = pq.read_metadata(path).num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise OutputError(f"{path}: not readable as Parquet ({error}); build again") from error
    return FileEntry(sha256=file_sha256(path), bytes=path.stat().st_size, rows=rows)


def is_current(manifest: Manifest, config: BuildConfig, inputs: dict[str, str], out: Path) -> bool:
    """Return whether a corpus was made from the same settings, inputs and code and is complete."""
    same = (
        manifest.settings == settings_of(config)
        and manifest.inputs == inputs
        and manifest.code == code_version()
        and manifest.packages == package_versions()
    )
    return same and all((out / name).is_file() for name in manifest.files)
