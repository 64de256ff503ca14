"""The file of a run: predictions line by line, and a sidecar that says what made them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import Field, ValidationError

from spinemed.bench.running.replies import numbered
from spinemed.errors import OutputError, SourceError
from spinemed.records import Prediction, Record


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
    items: int = Field(description="predictions of the finished run; with circular one for each rotation")
    backend: str = "transformers"
    control: str = "none"
    control_seed: int = 0
    left_out: int = Field(default=0, description="items that the control would not change, or cannot")

    @property
    def revision(self) -> str:
        """The hash of model and adapter together, 16 digits; elsewhere what the user or the file stated."""
        if self.backend != "transformers":
            return self.model_hash
        return hashlib.sha256(f"{self.model_hash}{self.adapter_hash}".encode()).hexdigest()[:16]


class Unanswered(Record):
    """A question without a reply after all attempts: no prediction, and never a score."""

    instance: str
    order: str = ""
    reason: str


def sidecar(predictions: Path) -> Path:
    """Return the path of the file beside the predictions that names their run."""
    return predictions.with_name(predictions.name + ".run.json")


def failures_file(predictions: Path) -> Path:
    """Return the path of the file beside the predictions that lists what has no reply, and why."""
    return predictions.with_name(predictions.name + ".failures.jsonl")


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
    for number, line in numbered(path):
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
def resumed(
    path: Path, run: Run, say: Callable[[str], None]
) -> Iterator[tuple[BinaryIO, set[tuple[str, str]]]]:
    """Give the file, open for appending and locked, and the (id, order) pairs that it already answers.

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
        done = {(prediction.instance, prediction.order) for _, prediction in read_predictions(path)}
        write_whole(sidecar(path), run.model_dump_json(indent=1) + "\n")
        yield file, done


def refuse_other_run(path: Path, run: Run) -> None:
    """Raise OutputError unless the sidecar of `path` equals `run`, the size of the sample aside."""
    before = read_run(path)
    if before is None:
        raise OutputError(f"{path} exists but nothing says what made it; choose another --out or delete it")
    size = {"items", "left_out"}
    old, new = before.model_dump(exclude=size), run.model_dump(exclude=size)
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


def append(file: BinaryIO, records: Sequence[Prediction | Unanswered]) -> None:
    """Append records as JSON lines and force them onto the disk."""
    if not records:
        return
    lines = [json.dumps(record.model_dump(), ensure_ascii=True) + "\n" for record in records]
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
