"""Rows to the model's inputs: packs without a mask, or padded batches; pictures as bytes, in workers.

A batch comes as the list of one planned batch, [rows], or as a list of rows. Rows that cannot be used are
left out and told under "refused" for the trainer to count; nothing takes their place. A batch with nothing
left becomes a single token without a label, whose loss and gradients are zero: the other processes wait for a
batch of this one, so there must be one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from spinemed.errors import ConfigError
from spinemed.training.sample import IGNORED, EncodedSample, Refused, SampleEncoder

Row = Mapping[str, Any]
Given = Sequence[Row] | Sequence[Sequence[Row]]
Batch = dict[str, Any]
REFUSED = "refused"


def samples_of(encoder: SampleEncoder, batch: Given) -> tuple[list[EncodedSample], tuple[Refused, ...]]:
    """Return the samples of a batch's rows, and the rows that are left out, by the number under "row"."""
    rows = [row for one in batch for row in ([one] if isinstance(one, Mapping) else one)]
    found = [encoder.encode(int(row.get("row", -1)), row) for row in rows]
    refused = tuple(one for one in found if isinstance(one, Refused))
    samples = [one for one in found if isinstance(one, EncodedSample)]
    return samples or [nothing(encoder)], refused


def nothing(encoder: SampleEncoder) -> EncodedSample:
    """Return a sample of one token without a label."""
    return EncodedSample(torch.tensor([filler(encoder)]), torch.tensor([IGNORED]), ())


def filler(encoder: SampleEncoder) -> int:
    """Return the token that stands where there is nothing: the padding token, or else the end."""
    words = encoder.tokenizer
    token = words.eos_token_id if words.pad_token_id is None else words.pad_token_id
    if token is None:
        raise ConfigError("the tokenizer has neither a padding token nor an end token")
    return int(token)


def finished(encoder: SampleEncoder, batch: Batch, samples: Sequence[EncodedSample]) -> Batch:
    """Return a batch with the types of its tokens, where the family has them, and the samples' pictures."""
    family = encoder.family
    if family.type_input:
        batch[family.type_input] = (batch["input_ids"] == family.image_token_id).long()
    return batch | family.pixels([picture for sample in samples for picture in sample.images])


class PackingCollator:
    """Makes one sequence of a batch's samples, each with positions of its own.

    `input_ids` and `labels` are (1, length), `position_ids` (1, length), or (4, 1, length) where the family
    has rows of positions; the first token of every sample has no label. There is no attention mask and the
    model must be called without a cache: then transformers 5.23 keeps samples apart where positions restart.
    """

    def __init__(self, encoder: SampleEncoder) -> None:
        """Take the encoder of rows; ConfigError where the family's model leaks between packed samples."""
        if encoder.family.against_packs:
            raise ConfigError(
                f"{encoder.family.name} cannot be packed: {encoder.family.against_packs}; "
                "set packing_mode: grouped"
            )
        self.encoder = encoder

    def __call__(self, batch: Given) -> Batch:
        """Return the model's inputs of one batch."""
        samples, refused = samples_of(self.encoder, batch)
        positions = [self.encoder.family.positions(one.ids, one.pictures) for one in samples]
        places = torch.cat(positions, dim=1)
        packed: Batch = {
            "input_ids": torch.cat([one.ids for one in samples])[None],
            "labels": torch.cat([one.labels for one in samples])[None],
            "position_ids": places if len(places) == 1 else places[:, None],
        }
        packed = finished(self.encoder, packed, samples)
        return packed | {REFUSED: refused} if refused else packed


class PaddingCollator:
    """Makes a rectangle of a batch's samples, padded on the right, with an attention mask, as TRL does.

    `input_ids`, `labels` and `attention_mask` are (samples, longest sample).
    """

    def __init__(self, encoder: SampleEncoder) -> None:
        """Take the encoder of rows."""
        self.encoder = encoder
        self.padding = filler(encoder)

    def __call__(self, batch: Given) -> Batch:
        """Return the model's inputs of one batch."""
        samples, refused = samples_of(self.encoder, batch)
        padded: Batch = {
            "input_ids": _filled([one.ids for one in samples], self.padding),
            "attention_mask": _filled([torch.ones_like(one.ids) for one in samples], 0),
            "labels": _filled([one.labels for one in samples], IGNORED),
        }
        padded = finished(self.encoder, padded, samples)
        return padded | {REFUSED: refused} if refused else padded


def _filled(rows: Sequence[Tensor], value: int) -> Tensor:
    return pad_sequence(list(rows), batch_first=True, padding_value=value)
