"""Texts, pictures and small folders in the published format, for tests of leaks."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from spinemed.corpus.rows import features
from spinemed.imaging.pictures import draw_ring

Row = dict[str, Any]
Greys = NDArray[np.uint8]

WORDS = "the disc vertebra signal canal nerve root height plate bone edema loss sac slip view margin"


def sentences(seed: int, count: int = 6) -> str:
    """Return a text whose words and numbers its seed decides."""
    draw = random.Random(seed)
    return " ".join(
        f"At L{draw.randint(1, 5)} {' '.join(draw.choices(WORDS.split(), k=9))} {draw.randint(1, 99)} mm."
        for _ in range(count)
    )


def chinese(seed: int) -> str:
    """Return a Chinese text that its seed decides."""
    draw = random.Random(seed)
    return "。".join(
        "".join(draw.choices("椎间盘突出压迫神经根硬膜囊信号减低高度丢失", k=14)) for _ in range(5)
    )


def slice_of(seed: int) -> Greys:
    """Return a grey picture with structure at several scales."""
    draw = np.random.default_rng(seed)
    coarse = ndimage.gaussian_filter(draw.normal(size=(256, 128)), 9) * 25
    fine = ndimage.gaussian_filter(draw.normal(size=(256, 128)), 2.5) * 5
    return np.asarray(np.clip(110 + 60 * (coarse + fine), 0, 255), np.uint8)


def png(picture: Greys) -> bytes:
    """Return a picture as PNG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "png")
    return stream.getvalue()


def jpeg(picture: Greys) -> Greys:
    """Return a picture after JPEG at quality 70."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "jpeg", quality=70)
    return np.asarray(Image.open(stream))


def smaller(picture: Greys) -> Greys:
    """Return a picture at nine tenths of its size."""
    size = (round(picture.shape[1] * 0.9), round(picture.shape[0] * 0.9))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


CHANGES: dict[str, Callable[[Greys], Greys]] = {
    "jpeg": jpeg,
    "smaller": smaller,
    "brighter": lambda picture: np.minimum(picture.astype(int) + 10, 255).astype(np.uint8),
    "cropped": lambda picture: picture[3:-3, 3:-3],
    "one edge gone": lambda picture: picture[:, 3:],
    "ringed": lambda picture: draw_ring(picture, 60.0, 120.0, 20.0),
}


def row(patient: str, text: str = "", picture: bytes = b"", document: str = "", **changed: Any) -> Row:
    """Return a row of the config open: a text, or a picture with a question that all share."""
    said = text or "Which level is marked?"
    made: Row = dict.fromkeys(features("open"))
    made |= {
        "id": f"{patient}-{abs(hash((text, picture))) % 10**9}",
        "patient": patient,
        "study": f"study of {patient}",
        "source": "made",
        "images": [{"bytes": picture, "path": "a.png"}] if picture else [],
        "messages": [{"role": "user", "content": said}, {"role": "assistant", "content": "As said."}],
        "quote": {"document": document, "start": 0, "end": 3, "text": "abc"} if document else None,
    }
    return made | changed


def corpus(folder: Path, **splits: list[Row]) -> Path:
    """Write rows of splits in the published format and return the folder."""
    for split, rows in splits.items():
        path = folder / "data" / "open" / f"{split}-00000-of-00004.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=features("open").arrow_schema), path)
    return folder


def rows_of(first: int, count: int) -> list[Row]:
    """Return rows of patients numbered from `first`, a text and a picture each."""
    rows = [row(f"patient {n}", sentences(n), document=f"report {n}") for n in range(first, first + count)]
    return rows + [row(f"patient {n}", picture=png(slice_of(n))) for n in range(first, first + count)]
