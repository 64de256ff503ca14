"""One file a source: read(folder) -> Iterator[Study | Reject]; SOURCES names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from spinemed.records import Reject, Study
from spinemed.sources import phantom, totalsegmentator, verse

SOURCES: dict[str, Callable[[Path], Iterator[Study | Reject]]] = {
    phantom.SOURCE: phantom.read,
    totalsegmentator.SOURCE: totalsegmentator.read,
    verse.SOURCE: verse.read,
}
