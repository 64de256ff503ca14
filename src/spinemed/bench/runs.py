"""The file of a run: predictions line by line, and a sidecar that says what made them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from spinemed.errors import ModelError, OutputError, SourceError
from spinemed.records import Prediction, Record

WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".json", ".jinja", ".model", ".txt", ".gguf"})
NOT_THE_MODEL = frozenset({"trainer_state.json", "training_args.bin", "steps.json", "optimizer.bin"})


class Run(Record):
    """What made a file of predictions; two runs with equal fields answer alike."""

    model: str
    model_hash: str
    adapter: str = ""
    adapter_hash: str = ""
    config: str
    split: str
    data_hash: str
    kinds: tuple[str, ...] = ()
    synthetic_only: bool = False
    max_new_tokens: int
    decoding: str = "greedy"
    dtype: str = "float32"
    four_bit: bool = False
    items: int

    @property
    def revision(self) -> str:
        """The hash of model and adapter together, 16 digits."""
        return hashlib.sha256(f"{self.model_hash}{self.adapter_hash}".encode()).hexdigest()[:16]


def sidecar(predictions: Path) -> Path:
    """Return the path of the file beside the predictions that names their run."""
    return predictions.with_name(predictions.name + ".run.json")


def check_folders(model: Path, adapter: Path | None) -> None:
    """Raise ModelError unless the folders hold a model and, if named, an adapter for it."""
    if not (model / "config.json").is_file():
        raise ModelError(f"{model} holds no config.json; name the folder of a transformers model")
    if adapter is None:
        return
    path = adapter / "adapter_config.json"
    if not path.is_file():
        raise ModelError(f"{adapter} holds no adapter_config.json; name the folder of a trained PEFT adapter")
    base = json.loads(path.read_text(encoding="utf-8")).get("base_model_name_or_path") or ""
    if base and Path(base).name != model.resolve().name:
        raise ModelError(f"{adapter} was trained on {base}, not on {model}; pass --model {base}")


def folder_hash(folder: Path) -> str:
    """Return 16 hexadecimal digits over names and bytes of the weights and settings in a model folder."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix in WEIGHT_SUFFIXES and file.name not in NOT_THE_MODEL:
            with file.open("rb") as stream:
                digest.update(file.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def read_run(predictions: Path) -> Run | None:
    """Return the run that made a file, or None for predictions from elsewhere, without a sidecar."""
    path = sidecar(predictions)
    if not path.exists():
        return None
    try:
        return Run.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise SourceError(f"{path} does not describe a run; delete it together with {predictions}") from error


def read_predictions(path: Path) -> list[tuple[int, Prediction]]:
    """Return each prediction with its line number; SourceError names the line that cannot be read."""
    if not path.is_file():
        raise SourceError(f"{path} does not exist; make it with: spinemed predict --out {path}")
    found = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if line.strip():
            try:
                found.append((number, Prediction.model_validate_json(line.decode("utf-8"))))
            except (ValidationError, UnicodeDecodeError) as error:
                reason = str(error).splitlines()[0]
                raise SourceError(
                    f"{path}, line {number} is no prediction ({reason}): {line[:80]!r}; "
                    "mend or delete the line, then run spinemed predict again to fill the gap"
                ) from error
    return found


@contextmanager
def resumed(path: Path, run: Run, say: Callable[[str], None]) -> Iterator[tuple[BinaryIO, set[str]]]:
    """Give the file, open for appending and locked, and the ids that it already answers.

    A line torn by a kill is cut off and said. OutputError if another run made the file or is writing it now.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}; choose another --out") from error
    if path.stat().st_size:
        refuse_other_run(path, run)
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{path} is being written by another run; wait for it or choose another --out"
            ) from error
        cut_torn_line(path, file, say)
        done = {prediction.instance for _, prediction in read_predictions(path)}
        write_whole(sidecar(path), run.model_dump_json(indent=1) + "\n")
        yield file, done


def refuse_other_run(path: Path, run: Run) -> None:
    """Raise OutputError unless the sidecar of `path` equals `run`, the number of items aside."""
    before = read_run(path)
    if before is None:
        raise OutputError(f"{path} exists but nothing says what made it; choose another --out or delete it")
    old, new = before.model_dump(exclude={"items"}), run.model_dump(exclude={"items"})
    changed = [f"{name}: {old[name]} then, {new[name]} now" for name in new if old[name] != new[name]]
    if changed:
        raise OutputError(
            f"{path} was made by another run ({'; '.join(changed)}); choose another --out, or delete it and "
            f"{sidecar(path).name}"
        )


def cut_torn_line(path: Path, file: BinaryIO, say: Callable[[str], None]) -> None:
    """Cut what follows the last line break, which a killed run left unfinished."""
    text = path.read_bytes()
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        say(f"{path}: cut off {len(text) - whole} bytes of a line that a killed run left unfinished")
        file.truncate(whole)


def append(file: BinaryIO, predictions: list[Prediction]) -> None:
    """Append predictions as JSON lines and force them onto the disk."""
    lines = [json.dumps(prediction.model_dump(), ensure_ascii=True) + "\n" for prediction in predictions]
    file.write("".join(lines).encode("ascii"))
    file.flush()
    os.fsync(file.fileno())


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all; OutputError where it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}; choose another --out") from error
