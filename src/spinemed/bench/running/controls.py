"""Controls: the same questions with something taken away or changed, to see what an answer rests on."""

from __future__ import annotations

import io
import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from spinemed.bench.items import Item, picture_size, shards
from spinemed.errors import ConfigError, SourceError

CONTROLS = {
    "none": "as in the corpus",
    "blank": "every picture uniformly grey, of the same size",
    "text": "without the pictures",
    "wrong_image": "pictures of another patient, of the same kind of question, modality and number",
    "shuffled": "options in an order drawn for each question",
    "circular": "once for every rotation of the options",
}
OF_OPTIONS = frozenset({"shuffled", "circular"})
OF_PICTURES = frozenset({"blank", "text", "wrong_image"})
GREY = 128

# An option that points at other options, or at a picture by where it stands, has its place in the meaning.
LETTER = r"\(?(?-i:[A-H])\)?(?![\w-])"
POSITIONAL = re.compile(
    r"\b(?:all|both|none|neither|either|any|each) (?:of )?(?:the )?"
    r"(?:above|below|following|preceding|these|those|options?|choices|answers)\b"
    rf"|\b(?:both|either|neither|only) {LETTER}|(?<!\w){LETTER} (?:and|or|nor|und|oder) {LETTER}"
    rf"|\b(?:options?|choices?|answers?|Antworte?n?) {LETTER}|^\s*{LETTER}[.:]?\s*$"
    r"|\b(?:left|right|first|second|third|upper|lower|top|bottom|other)(?:most)?(?:-hand)? "
    r"(?:picture|image|panel|figure|scan|photo)s?\b"
    rf"|\b(?:picture|image|panel|figure|Bild) (?:\d|{LETTER}|one\b|two\b)"
    r"|\b(?:alle|keine?r?|beide) (?:der |die )?(?:oben|genannten|obigen)"
    r"|以上|上述|均是|都是|都不|均不|前者|后者|选项|[左右上下]图|图\s?[0-9A-H一二三]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Question:
    """An item as it is asked: the order of its options, and whose pictures are shown.

    `order` names for each shown letter the corpus's letter, as `records.Prediction` does; empty for the
    corpus's order. `pictures_of` is the id of another item whose pictures are shown; empty for its own.
    """

    item: Item
    order: str = ""
    pictures_of: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells its prediction from others of a run."""
        return self.item.id, self.order

    @property
    def shown(self) -> Item:
        """The item with options and answer in the order shown."""
        return in_order(self.item, self.order)


def questions(
    items: Sequence[Item], control: str, seed: int, pool: Sequence[Item], pictures: Mapping[str, int]
) -> tuple[list[Question], int]:
    """Return what is asked under a control, and how many items it leaves out.

    Left out are items that the control would not change: of the controls on pictures those without one, of
    wrong_image also those to which `pool` has no picture of another patient. `pictures` counts pictures by
    id. Items whose options point at places (`is_positional`) keep their order. ConfigError on an unknown
    control, or one on options where no item has any.
    """
    if control not in CONTROLS:
        raise ConfigError(f"no control {control!r}; there are {', '.join(CONTROLS)}")
    if control in OF_OPTIONS and not any(item.options for item in items):
        raise ConfigError(f"the control {control} changes options, and these questions have none")
    if control == "wrong_image":
        found = [Question(item, pictures_of=other) for item, other in donors(items, pool, pictures, seed)]
    elif control in OF_PICTURES:
        found = [Question(item) for item in items if pictures.get(item.id)]
    else:
        return [Question(item, order) for item in items for order in orders(item, control, seed)], 0
    if not found:
        raise ConfigError(f"the control {control} is of pictures, and none of these questions can show one")
    return found, len(items) - len(found)


def orders(item: Item, control: str, seed: int) -> list[str]:
    """Return the orders in which an item's options are shown under a control; "" for the corpus's order.

    A drawn order is never the corpus's; it depends on seed and id alone, so that a sample of another size
    shows it alike.
    """
    letters = "".join(item.lettered)
    if control not in OF_OPTIONS or len(letters) < 2 or is_positional(item):
        return [""]
    if control == "circular":
        return ["", *(letters[turn:] + letters[:turn] for turn in range(1, len(letters)))]
    draw = random.Random(f"{seed} {item.id}")
    order = letters
    while order == letters:
        order = "".join(draw.sample(letters, len(letters)))
    return [order]


def is_positional(item: Item) -> bool:
    """Tell whether an option speaks of other options' places, of letters, or of pictures by their place.

    >>> bool(POSITIONAL.search("All of the above")), bool(POSITIONAL.search("both the left and right ones"))
    (True, False)
    """
    return any(POSITIONAL.search(option) for option in item.options)


def in_order(item: Item, order: str) -> Item:
    """Return an item with its options, and the letter of its answer, in the order shown.

    ValueError unless `order` is empty or holds the item's letters, each once.
    """
    if not order:
        return item
    if sorted(order) != sorted(item.lettered):
        raise ValueError(
            f"order {order!r} is none of the letters of item {item.id}: {''.join(item.lettered)}"
        )
    options = tuple(item.lettered[letter] for letter in order)
    answer = "".join(sorted(chr(ord("A") + order.index(letter)) for letter in item.answer))
    return replace(item, options=options, answer=answer)


def donors(
    items: Sequence[Item], pool: Sequence[Item], pictures: Mapping[str, int], seed: int
) -> list[tuple[Item, str]]:
    """Return each item with pictures beside the id of another patient's item like it, drawn by id."""
    alike: dict[tuple[str, str, int], list[Item]] = defaultdict(list)
    for item in sorted(pool, key=lambda item: item.id):
        alike[item.kind, item.modality, pictures.get(item.id, 0)].append(item)
    found = []
    for item in items:
        number = pictures.get(item.id, 0)
        others = [
            each
            for each in alike[item.kind, item.modality, number]
            if number and each.patient != item.patient
        ]
        if others:
            found.append((item, random.Random(f"{seed} {item.id}").choice(others).id))
    return found


def picture_counts(data: Path, config: str, split: str) -> dict[str, int]:
    """Return how many pictures each item has, without reading one."""
    found: dict[str, int] = {}
    for file in shards(data, config, split):
        shard = pq.ParquetFile(file)
        paths = [shard.schema.column(place).path for place in range(len(shard.schema))]
        names = [path for path in paths if path.startswith("images.") and path.endswith(".path")]
        table = shard.read(columns=["id", *names])
        lengths = (0 if each is None else len(each) for each in table["images"].to_pylist())
        found.update(zip(table["id"].to_pylist(), lengths, strict=True))
    return found


def asked(question: Question, control: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the prompt of a question: `messages` without the answer, and `images` as PNG bytes.

    `rows` holds the corpus rows of the question and of whose pictures it shows.
    """
    row = rows[question.item.id]
    messages = [dict(message) for message in row["messages"]]
    if messages and messages[-1]["role"] == "assistant":
        messages.pop()
    if question.order:
        messages[-1]["content"] = reordered(messages[-1]["content"], question)
    images = rows[question.pictures_of or question.item.id]["images"]
    if control == "text":
        images = []
    elif control == "blank":
        images = [
            {"bytes": grey(*picture_size(each["bytes"], question.item.id)), "path": "grey.png"}
            for each in images
        ]
    return {"id": question.item.id, "messages": messages, "images": list(images)}


def reordered(text: str, question: Question) -> str:
    """Return the message of a question with its options in the order shown; SourceError if it has none."""
    before, after = lines(question.item), lines(question.shown)
    if text.count(before) != 1:
        raise SourceError(
            f"item {question.item.id}: its message does not end in its options, so they cannot be shown in "
            "another order; leave out --control"
        )
    return text.replace(before, after)


def lines(item: Item) -> str:
    """Return the options as the corpus writes them, a line each."""
    return "\n".join(f"{letter}. {text}" for letter, text in item.lettered.items())


@lru_cache(maxsize=64)
def grey(width: int, height: int) -> bytes:
    """Return a uniformly grey picture as PNG bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (GREY, GREY, GREY)).save(buffer, "PNG")
    return buffer.getvalue()
