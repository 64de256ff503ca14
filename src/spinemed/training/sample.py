"""One row as a training sample: chat template, image tokens, labels on the assistant's turns alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.utils.chat_template_utils import render_jinja_template

from spinemed.errors import ConfigError, SourceError
from spinemed.training.families import Family, Picture, PictureTokens, Written, family_of
from spinemed.training.families.family import expand
from spinemed.training.picture_files import file_bytes, pixels_of, size_of
from spinemed.training.pixels import Resizer

IGNORED = -100
Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class EncodedSample:
    """Token ids and labels (length,), int64, with the pictures' sizes and pixels in the order of the text."""

    ids: Tensor
    labels: Tensor
    pictures: tuple[PictureTokens, ...]
    images: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A row that is left out, by its number, and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Prompt:
    """The text of a row, each run of image tokens cut to one, and where the assistant speaks.

    `runs` are the lengths of the cut runs, `spoken` spans of characters [start, end) of the text.
    """

    text: str
    runs: tuple[int, ...]
    spoken: tuple[tuple[int, int], ...]


class SampleEncoder:
    """Turns rows {"messages", "images"} into samples as the stock processor would, picture by picture.

    Rows that cannot be used come back as `Refused`: nothing is truncated and nothing raises in the middle of
    an epoch. `most_tokens` is the longest sample that is taken, `most_images` the most pictures in one.
    Processes may share an encoder, threads may not: Jinja notes the assistant's turns in one place.
    """

    def __init__(
        self,
        processor: Any,
        *,
        chat_template: str | None = None,
        resize: Resizer | None = None,
        most_tokens: int | None = None,
        most_images: int | None = None,
    ) -> None:
        """Take tokenizer, template and picture rules from a stock processor.

        The template must mark the assistant's turns with {% generation %}, as TRL's training templates do;
        ConfigError where it does not.
        """
        self.family: Family = family_of(processor, resize)
        self.tokenizer = processor.tokenizer
        self.template = training_template(processor, chat_template)
        self.most_tokens, self.most_images = most_tokens, most_images

    def encode(self, number: int, row: Mapping[str, Any]) -> EncodedSample | Refused:
        """Return the sample of a row, its pictures decoded, or why it is refused."""
        try:
            pictures = [pixels_of(file_bytes(record)) for record in row["images"] or ()]
            sizes = [self.family.picture(*picture.shape[:2]) for picture in pictures]
            prompt = self.prompt(row["messages"], sizes)
            ids, spoken = self._tokens(prompt)
        except SourceError as error:
            return Refused(number, str(error))
        labels = labels_of(ids, spoken)
        seen = int((labels != IGNORED).sum())
        if reason := objection(len(ids), len(sizes), seen, self.most_tokens, self.most_images):
            return Refused(number, reason)
        return EncodedSample(torch.from_numpy(ids), labels, tuple(sizes), tuple(pictures))

    def sizes(self, records: Sequence[Mapping[str, Any]]) -> list[PictureTokens]:
        """Return what a row's pictures become, from their headers; SourceError where one cannot be used."""
        return [self.family.picture(*size_of(file_bytes(record))) for record in records or ()]

    def prompt(self, messages: Messages, sizes: Sequence[PictureTokens]) -> Prompt:
        """Return the text of a row; SourceError where pictures and placeholders do not agree."""
        chat = with_pictures(messages, len(sizes))
        try:
            (text,), (spans,) = render_jinja_template(
                conversations=[chat],
                chat_template=self.template,
                return_assistant_tokens_mask=True,
                **self.tokenizer.special_tokens_map,
            )
        except Exception as error:  # templates refuse rows by errors of many kinds
            raise SourceError(f"the chat template refuses the messages: {error}") from error
        return placed(text, spans, self.family, [self.family.written(size) for size in sizes])

    def _tokens(self, prompt: Prompt) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the ids of a prompt and which of them the assistant speaks."""
        found = self.tokenizer(prompt.text, add_special_tokens=False, return_offsets_mapping=True)
        spoken = overlapping(found["offset_mapping"], prompt.spoken)
        ids = np.array(expand(found["input_ids"], self.family.image_token_id, prompt.runs), dtype=np.int64)
        if prompt.runs:
            short = np.array(found["input_ids"])
            times = np.ones(len(short), dtype=np.int64)
            times[short == self.family.image_token_id] = prompt.runs
            spoken = np.repeat(spoken, times)
        return ids, spoken


def objection(
    tokens: int, images: int, label_tokens: int, most_tokens: int | None, most_images: int | None
) -> str | None:
    """Return why a row of this size is refused, None where it is taken."""
    if most_tokens is not None and tokens > most_tokens:
        return f"{tokens} tokens, more than the {most_tokens} allowed"
    if most_images is not None and images > most_images:
        return f"{images} pictures, more than the {most_images} allowed"
    return None if label_tokens else "the assistant says nothing"


def training_template(processor: Any, chat_template: str | None = None) -> str:
    """Return the template asked for, the processor's if it marks the assistant's turns, else TRL's for it."""
    from trl.chat_template_utils import get_training_chat_template

    template = chat_template or processor.chat_template or processor.tokenizer.chat_template
    if isinstance(template, str) and "generation" not in _marks(template):
        try:
            template = get_training_chat_template(processor) or template
        except ValueError as error:
            raise ConfigError(f"{type(processor).__name__}: {error}") from error
    if not isinstance(template, str) or "generation" not in _marks(template):
        raise ConfigError(
            f"the chat template of {type(processor).__name__} does not mark the assistant's turns with "
            "{% generation %}; pass chat_template="
        )
    return template


def _marks(template: str) -> set[str]:
    """Return the first words of a template's statements."""
    statements = (part.partition("%}")[0].strip("-+ \n") for part in template.split("{%")[1:])
    return {words.split()[0] for words in statements if words.split()}


def with_pictures(messages: Messages, images: int) -> list[dict[str, Any]]:
    """Return messages in parts, with the pictures at the start of the first user's turn, as TRL puts them.

    Messages that are in parts already must have one image part a picture; SourceError otherwise.

    >>> with_pictures([{"role": "user", "content": "Level?"}], 1)[0]["content"]
    [{'type': 'image'}, {'type': 'text', 'text': 'Level?'}]
    """
    if not messages:
        raise SourceError("the row has no messages")
    found, placed_already = [], False
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant", "system", "tool"):
            raise SourceError(f"a message has the role {role!r}")
        if isinstance(content, str):
            parts: list[dict[str, Any]] = [{"type": "text", "text": content}]
            if role == "user" and not placed_already:
                parts, placed_already = [*({"type": "image"} for _ in range(images)), *parts], True
        elif isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
            kept = ({name: value for name, value in part.items() if value is not None} for part in content)
            parts = [{"type": "image"} if part.get("type") == "image" else part for part in kept]
        else:
            raise SourceError(f"a message of {role} has neither text nor parts, but {content!r}")
        found.append({"role": role, "content": parts})
    holes = sum(part.get("type") == "image" for message in found for part in message["content"])
    if holes != images:
        raise SourceError(f"{images} pictures for {holes} places in the messages")
    return found


def placed(text: str, spans: Sequence[Sequence[int]], family: Family, written: Sequence[Written]) -> Prompt:
    """Return the prompt with every placeholder of `text` replaced, and the assistant's spans moved along.

    Raises SourceError where the text holds more or fewer placeholders than pictures, or a bare image token:
    words of the corpus must not be read as pictures.
    """
    pieces = text.split(family.placeholder)
    strange = family.image_token != family.placeholder and family.image_token in text
    if strange or len(pieces) != len(written) + 1:
        raise SourceError(
            f"the text holds {len(pieces) - 1} times {family.placeholder!r} for {len(written)} pictures"
        )
    ends, gained, joined = [], [0], [pieces[0]]
    place = len(pieces[0])
    for one, piece in zip(written, pieces[1:], strict=True):
        place += len(family.placeholder)
        ends.append(place)
        gained.append(gained[-1] + len(one.text) - len(family.placeholder))
        place += len(piece)
        joined += [one.text, piece]
    moved = tuple(
        (start + gained[bisect_right(ends, start)], end + gained[bisect_right(ends, end)])
        for start, end in spans
    )
    return Prompt("".join(joined), tuple(run for one in written for run in one.runs), moved)


def overlapping(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Return which tokens share a character with one of the spans [start, end)."""
    ends = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    found = np.zeros(len(ends), dtype=np.bool_)
    for start, end in spans:
        found |= (ends[:, 0] < end) & (ends[:, 1] > start)
    return found


def labels_of(ids: NDArray[np.int64], spoken: NDArray[np.bool_]) -> Tensor:
    """Return the labels: the assistant's tokens, -100 elsewhere and in the first place.

    No token is predicted from nothing, and in a pack the first would be predicted from another sample.
    """
    labels = np.where(spoken, ids, IGNORED)
    labels[:1] = IGNORED
    return torch.from_numpy(labels)
