"""Packs that still have room, found by best fit in a step or two whatever their number."""

from __future__ import annotations

from collections import defaultdict

WORD = 256  # bits of a word; Python's integers shift these in one go
SHIFT = WORD.bit_length() - 1


class OpenPacks:
    """Packs by the tokens and pictures that each can still take; packs are numbered from 0 as they open.

    For every number of free pictures there is one set of free token counts, kept as words of bits with a
    summary word over them, so that the smallest count not below a length is found by two shifts.
    """

    def __init__(self, budget: int, most_images: int | None) -> None:
        """Start without packs; without `most_images` pictures are not counted."""
        self.budget = budget
        self.most_images = most_images
        rooms = 1 if most_images is None else most_images + 1
        self._words = [[0] * ((budget >> SHIFT) + 1) for _ in range(rooms)]
        self._summaries = [0] * rooms
        self._packs: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in range(rooms)]
        self._opened = 0

    def place(self, tokens: int, images: int) -> int:
        """Return the pack that takes a row: the open one it fills best, or else a new one.

        Ties in tokens go to the pack with the fewest free pictures that suffice. The row must fit an empty
        pack.
        """
        if self.most_images is None:
            images = 0
        space, room = self._best(tokens, images)
        if room < 0:
            space, room, pack = self.budget, len(self._words) - 1, self._opened
            self._opened += 1
        else:
            pack = self._take(space, room)
        if space > tokens:
            self._put(pack, space - tokens, room - images)
        return pack

    def _best(self, tokens: int, images: int) -> tuple[int, int]:
        place, shift = tokens >> SHIFT, tokens & (WORD - 1)
        best, best_room = self.budget + 1, -1
        for room in range(images, len(self._words)):
            summary = self._summaries[room] >> place
            if not summary:
                continue
            words = self._words[room]
            word = words[place] >> shift
            if word:
                space = tokens + (word & -word).bit_length() - 1
            elif summary > 1:
                above = summary & -2
                there = place + (above & -above).bit_length() - 1
                word = words[there]
                space = (there << SHIFT) + (word & -word).bit_length() - 1
            else:
                continue
            if space < best:
                best, best_room = space, room
                if space == tokens:
                    break
        return best, best_room

    def _take(self, space: int, room: int) -> int:
        packs = self._packs[room][space]
        pack = packs.pop()
        if not packs:
            place = space >> SHIFT
            self._words[room][place] ^= 1 << (space & (WORD - 1))
            if not self._words[room][place]:
                self._summaries[room] ^= 1 << place
        return pack

    def _put(self, pack: int, space: int, room: int) -> None:
        packs = self._packs[room][space]
        if not packs:
            place = space >> SHIFT
            self._words[room][place] |= 1 << (space & (WORD - 1))
            self._summaries[room] |= 1 << place
        packs.append(pack)
