"""Who answers: the options that choose a model, a server or a file of replies, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spinemed.bench.running.asking import Answering
    from spinemed.bench.running.controls import Question
    from spinemed.bench.whole import Part

Model = Annotated[
    str, typer.Option(help="Folder of a transformers vision-language model, or the name that a server knows.")
]
Adapter = Annotated[Path | None, typer.Option(help="Folder of a PEFT adapter trained on the model.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Questions answered at once (transformers).")]
Device = Annotated[str, typer.Option(help="cpu or cuda (transformers).")]
DType = Annotated[str, typer.Option(help="auto, float32 or bfloat16 (transformers).")]
FourBit = Annotated[bool, typer.Option(help="Load the language part as NF4 (transformers).")]
Backend = Annotated[str, typer.Option(help="transformers, openai (a server) or replay (a file).")]
BaseUrl = Annotated[str, typer.Option(help="Of an OpenAI-compatible server: http://127.0.0.1:8000/v1.")]
Revision = Annotated[str, typer.Option(help="What pins the served model's weights: a commit or a hash.")]
KeyEnv = Annotated[str, typer.Option(help="Environment variable that holds the server's key.")]
InFlight = Annotated[int, typer.Option(min=1, help="Requests at the server at once.")]
Timeout = Annotated[float, typer.Option(min=0.01, help="Seconds that one attempt may take.")]
Attempts = Annotated[int, typer.Option(min=1, help="Attempts for each request.")]
Cache = Annotated[Path | None, typer.Option(help="Ledger of replies that are not asked for again (openai).")]
Replies = Annotated[Path | None, typer.Option(help="JSON lines with id and response (replay).")]


@dataclass(frozen=True)
class Chosen:
    """The options that say who answers."""

    backend: str
    model: str
    adapter: Path | None
    batch_size: int
    device: str
    dtype: str
    four_bit: bool
    base_url: str
    revision: str
    key_env: str
    in_flight: int
    timeout_s: float
    attempts: int
    cache: Path | None
    replies: Path | None

    def check(self) -> None:
        """Raise ConfigError if an option that the back end needs is missing."""
        from spinemed.errors import ConfigError

        if self.backend not in ("transformers", "openai", "replay"):
            raise ConfigError(f"no back end {self.backend!r}; there are transformers, openai and replay")
        if self.backend == "replay" and self.replies is None:
            raise ConfigError("--backend replay needs --replies: JSON lines with id and response")
        if self.backend != "replay" and self.replies is not None:
            raise ConfigError("--replies are for --backend replay; pass one or the other")
        if self.backend != "replay" and not self.model:
            raise ConfigError(f"--backend {self.backend} needs --model")

    def answering(self, questions: Sequence[Question]) -> Answering:
        """Return who answers these questions."""
        from spinemed.bench.running import asking
        from spinemed.bench.running.predict import dtype_for

        if self.replies is not None:
            return asking.by_replay(self.replies, questions, model=self.model)
        if self.backend == "openai":
            from spinemed.llm.client import Endpoint

            endpoint = Endpoint(
                self.base_url, self.model, self.key_env, timeout_s=self.timeout_s, attempts=self.attempts
            )
            return asking.by_endpoint(endpoint, self.in_flight, revision=self.revision, cache_file=self.cache)
        return asking.by_transformers(
            Path(self.model), self.adapter, device=self.device, dtype=dtype_for(self.dtype, self.device),
            four_bit=self.four_bit, batch_size=self.batch_size,
        )  # fmt: skip

    def by_part(self) -> Callable[[Part, Sequence[Question]], Answering]:
        """Return who answers each part: one model for all, or the part's own file of replies."""
        if self.replies is not None:
            folder = self.replies
            return lambda part, questions: replace(self, replies=part.file(folder)).answering(questions)
        one = self.answering(())
        return lambda *_: one
