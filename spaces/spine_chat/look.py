"""The page's look: system fonts, colours, pictures and buttons as HTML, and names for screen readers."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import gradio as gr
from PIL import Image

SYSTEM_FONTS = ["system-ui", "-apple-system", "Segoe UI", "DejaVu Sans", "sans-serif"]
MONO_FONTS = ["ui-monospace", "DejaVu Sans Mono", "monospace"]
THUMB_PX = 160

CSS = """
footer, footer * { color: var(--body-text-color) !important; opacity: 1 !important; }
.gradio-container { max-width: 1320px !important; margin: 0 auto !important; }
.spine-top h1 { margin: 0 0 .25rem; font-size: 1.5rem; }
.spine-top p { margin: .2rem 0; font-size: .9rem; }
.spine-top .warning { border-left: 4px solid #E69F00; padding: .35rem .7rem; font-weight: 600;
  background: var(--background-fill-secondary); }
.gradio-container .html-container { padding: 0 !important; }
.spine-figure { margin: 0; background: #000; border-radius: 8px; overflow: hidden; }
.spine-figure .frame { height: min(54vh, 560px); }
.spine-figure img { height: 100%; width: 100%; object-fit: contain; display: block; margin: 0; }
.spine-figure figcaption { background: #1b1f24; color: #f2f4f7; padding: .4rem .75rem; font-size: .85rem; }
#verdict { min-height: 4.6rem; }
#verdict p { margin: .15rem 0; }
#verdict b { border-radius: 4px; padding: 0 .4rem; color: #000; }
#verdict em { font-style: normal; font-weight: 700; }
@media (max-width: 640px) {
  .spine-figure .frame { height: 76vw; }
  #conversation { height: 300px !important; }
}
"""

THUMBS = """<div class="row" role="group" aria-label="Example pictures, synthetic">
{{#each pictures}}<button type="button" data-index="{{@index}}" title="{{this.title}}">
<img src="{{this.source}}" alt=""><span>{{this.short}}</span></button>{{/each}}</div>"""
THUMBS_CSS = """
.row { display: flex; flex-wrap: wrap; gap: .5rem; }
button { width: 6rem; padding: 3px; border: 2px solid transparent; border-radius: 8px; background: #1b1f24;
  cursor: pointer; }
button:hover, button:focus-visible { border-color: #56B4E9; }
img { width: 100%; height: 4.6rem; object-fit: contain; background: #000; border-radius: 5px; }
span { color: #f2f4f7; font-size: .72rem; line-height: 1.5; }
"""
CHIPS = """<div class="row" role="group" aria-label="Questions to ask">
{{#each value}}<button type="button" data-index="{{@index}}">{{this}}</button>{{/each}}</div>"""
CHIPS_CSS = """
.row { display: flex; flex-wrap: wrap; gap: .4rem; }
button { padding: .3rem .7rem; border: 1px solid var(--border-color-primary); border-radius: 1rem;
  background: var(--background-fill-secondary); color: var(--body-text-color); font-size: .85rem;
  text-align: left; cursor: pointer; }
button:hover, button:focus-visible { border-color: #0072B2; }
"""
# The number of the pressed button becomes an event of the component; the listener outlives re-rendering.
PRESS = """element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-index]');
  if (button) trigger('select', { index: Number(button.dataset.index) });
});"""

# Gradio 6.31 gives these no accessible name of their own.
LABELS_JS = """() => {
  const names = [['#question textarea', 'Question about the picture'],
                 ['#conversation .bubble-wrap', 'Conversation'],
                 ['input[type=file]', 'Upload a PNG or JPEG picture']];
  const label = () => {
    for (const [where, name] of names)
      for (const node of document.querySelectorAll(where))
        if (node.getAttribute('aria-label') !== name) node.setAttribute('aria-label', name);
    document.documentElement.lang = 'en';
  };
  new MutationObserver(label).observe(document.body, { childList: true, subtree: true });
  label();
}"""


def theme() -> gr.themes.Base:
    """Return a plain theme that asks no other server for fonts."""
    plain = gr.themes.Default(
        primary_hue="blue", neutral_hue="slate", radius_size="md", font=SYSTEM_FONTS, font_mono=MONO_FONTS
    )
    return plain.set(  # the theme's own blue on white falls short of 4.5:1
        button_primary_background_fill="#005f99",
        button_primary_background_fill_hover="#004a78",
        button_primary_background_fill_dark="#005f99",
        button_primary_background_fill_hover_dark="#0072b2",
        button_primary_text_color="white",
    )


def data_url(picture: Image.Image) -> str:
    """Return `picture` as a PNG inside the page: a visitor's pixels become no file of the server."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def buttons(template: str, css: str, name: str, **properties: Any) -> gr.HTML:
    """Return a row of buttons; pressing one is the component's `select` event with the button's `index`."""
    return gr.HTML(
        html_template=template,
        css_template=css,
        js_on_load=PRESS,
        elem_id=name,
        apply_default_css=False,
        **properties,
    )


def figure(picture: Image.Image | None, caption: str, description: str) -> str:
    """Return the viewer: the picture on black with its caption; a sentence where there is no picture."""
    inside = "" if picture is None else f'<img src="{data_url(picture)}" alt="{html.escape(description)}">'
    return (
        f'<figure class="spine-figure"><div class="frame">{inside}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def thumbnails(pictures: Sequence[tuple[Image.Image, str, str]]) -> list[dict[str, str]]:
    """Return what the thumbnail row shows of (picture, title, short title)."""
    shown = []
    for picture, title, short in pictures:
        small = picture.copy()
        small.thumbnail((THUMB_PX, THUMB_PX))
        shown.append({"source": data_url(small), "title": title, "short": short})
    return shown
