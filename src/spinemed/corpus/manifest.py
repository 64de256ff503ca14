"""What a corpus was made from and what it holds: fingerprints of inputs, settings, code and files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from pydantic import Field

import spinemed
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.publish import MANIFEST
from spinemed.errors import OutputError
from spinemed.records import Record

_CODE = ("corpus", "facts", "imaging", "instances", "phantom", "sources")
_BLOCK = 2**20


class Manifest(Record):
    """The content of manifest.json; it names no path and no time, so that equal builds are equal bytes."""

    name: str
    seed: int
    settings: dict[str, object]
    inputs: dict[str, str] = Field(
        description="source -> fingerprint of all its files, or what it is made from"
    )
    code: str = Field(description="version of spinemed and the SHA-256 of the modules that a build runs")
    packages: dict[str, str]
    studies: int
    rows: dict[str, dict[str, int]] = Field(description="config -> split -> rows")
    kinds: dict[str, int] = Field(description="'config split kind modality source' -> rows")
    rejects: dict[str, int] = Field(description="'step: reason' -> count")
    image_bytes: int = Field(description="bytes of all different pictures")
    parquet_bytes: int
    files: dict[str, str] = Field(description="path in the corpus -> SHA-256")


def settings_of(config: BuildConfig) -> dict[str, object]:
    """Return the settings that decide the bytes; sources and phantoms are inputs instead."""
    return config.model_dump(mode="json", exclude={"sources", "phantoms"})


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
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(f"{path}: cannot be read as a manifest; build again with --force") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json into a folder."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def file_sums(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return path -> SHA-256 of files in a folder."""
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in sorted(files)}


def is_current(manifest: Manifest, config: BuildConfig, inputs: dict[str, str], out: Path) -> bool:
    """Return whether a corpus was made from the same settings, inputs and code and is complete."""
    same = (
        manifest.settings == settings_of(config)
        and manifest.inputs == inputs
        and manifest.code == code_version()
        and manifest.packages == package_versions()
    )
    return same and all((out / name).is_file() for name in manifest.files)
