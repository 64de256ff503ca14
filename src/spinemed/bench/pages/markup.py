"""HTML of the parts that every page is made of: escaped text, pictures inside the file, tables."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence


def safe(text: object) -> str:
    """Return text that is shown as it is, whatever it holds.

    >>> safe("<b>")
    '&lt;b&gt;'
    """
    return html.escape(str(text))


def embedded(png: bytes) -> str:
    """Return the address of a PNG that stands in the page itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def table(head: Sequence[str], body: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a table; the first `words` columns are text, the others figures."""

    def line(cells: Sequence[str], tag: str) -> str:
        made = (
            f"<{tag}{' class=r' if place >= words else ''}>{safe(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    rows = "".join(line(cells, "td") for cells in body)
    return f'<div class="scroll"><table>{line(head, "th")}{rows}</table></div>'
