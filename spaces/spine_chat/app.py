"""A page to ask a spine vision-language model about one picture: streamed answer, named levels outlined."""

from __future__ import annotations

import argparse
import html
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr
from chat_model import Answerer, answer_with_local_model, find_model
from examples import View, find_examples
from look import CHIPS, CHIPS_CSS, CSS, LABELS_JS, THUMBS, THUMBS_CSS, buttons, figure, theme, thumbnails
from outlines import colour_of, outlined, split_by_view
from uploads import CONSENT, RefusedPictureError, from_base64, take_upload

from spinemed.errors import SpinemedError
from spinemed.level_grammar import parse_levels

try:  # Hugging Face's ZeroGPU lends a GPU to the one function that generates
    from spaces import GPU
except ImportError:
    GPU = None


NOTICE = "Research use only. Not for diagnosis. Do not upload patient data."
NO_MAP = "No level map is known for an uploaded picture: this page cannot say where that is."
PLAIN_QUESTIONS = ("Which vertebrae are wholly in view?", "Which is the lowest vertebra in view?")
READY = "Ask about this picture."
MAX_QUESTION = 2000
LAUNCH: dict[str, Any] = {
    "theme": theme(),
    "css": CSS,
    "js": LABELS_JS,
    "run_history": False,  # Gradio's default keeps every question and answer in the browser
    "footer_links": ["api"],
    "max_file_size": "20mb",
    "show_error": False,
    "share": False,
    "ssr_mode": False,
    "quiet": True,
}
Turns = list[dict[str, Any]]


def read_levels(text: str) -> list[str]:
    """Return the levels that a text states, head to foot: "S1, L4/5 and no fracture of L2" gives L4-L5, S1.

    Vertebrae and motion segments; nerve roots and regions are left out.
    """
    return [level for level in parse_levels(text).levels if ":" not in level]


def show(view: View | None, named: Sequence[str] = ()) -> str:
    """Return the viewer's HTML for a view with the levels of `named` outlined where they are known."""
    if view is None:
        return figure(None, "Upload a picture to begin.", "")
    seen, _ = split_by_view(named, view.regions or ())
    description = view.title + (f"; outlined: {', '.join(seen)}" if seen else "; nothing outlined")
    return figure(outlined(view.picture, view.regions or (), seen, view.sagittal), view.title, description)


def verdict(view: View, question: str, text: str) -> str:
    """Return in words what the answer's levels mean on this picture, for those who cannot see the outlines.

    Of the model's text only the levels are printed.
    """
    named = read_levels(text)
    if not named:
        lines = ["The answer names no level: nothing is outlined."]
    elif view.regions is None:
        lines = [f"The answer names {', '.join(named)}. {NO_MAP}"]
    else:
        seen, missing = split_by_view(named, view.regions)
        plates = (f'<b style="background:{colour_of(i)}">{site}</b>' for i, site in enumerate(seen))
        lines = [f"Outlined: {' '.join(plates)}"] if seen else []
        if missing:
            whole = ", ".join(region.site for region in view.regions)
            lines.append(f"<em>Named but not wholly in view: {', '.join(missing)}.</em> Whole here: {whole}.")
    truth = dict(view.questions).get(question)
    if truth is not None:
        agrees = sorted(read_levels(truth)) == sorted(named)
        says = "The level agrees." if agrees else "<em>The level differs.</em>"
        both_name_levels = named and read_levels(truth)
        lines.append(
            f"Truth of this synthetic picture: {html.escape(truth)}. {says if both_name_levels else ''}"
        )
    return "".join(f"<p>{line}</p>" for line in lines)


def answering(answer: Answerer) -> Callable[..., Iterator[tuple[Any, ...]]]:
    """Return the event that streams `answer` into the conversation and then outlines what was named.

    It keeps nothing: question, turns and view come from the visitor's own event, and go back to it.
    """

    def ask(question: str, turns: Turns, view: View | None) -> Iterator[tuple[Any, ...]]:
        question = (question or "").strip()[:MAX_QUESTION]
        same = gr.skip()
        if view is None or not question:
            gr.Warning("Choose or upload a picture, then type a question.")
            yield same, same, same, same, same
            return
        turns = [*turns, {"role": "user", "content": question}]
        yield "", turns, show(view), "<p>The model is answering.</p>", view
        text = ""
        try:
            for text in answer(view.picture, question):
                yield same, [*turns, {"role": "assistant", "content": text}], same, same, same
        except SpinemedError as error:
            refusal = {"role": "assistant", "content": str(error)}
            yield same, [*turns, refusal], same, "<p>No answer.</p>", same
            return
        final = {"role": "assistant", "content": text.strip() or "(The model gave an empty answer.)"}
        yield same, [*turns, final], show(view, read_levels(text)), verdict(view, question, text), same

    return ask


def answering_programs(answer: Answerer) -> Callable[[str, str, bool], dict[str, Any]]:
    """Return the function that programs call."""

    def answer_picture(picture_base64: str, question: str, no_patient_data: bool) -> dict[str, Any]:
        """Answer a question about a PNG or JPEG: {"text": ..., "levels": [...]}; research, not diagnosis."""
        try:
            picture = from_base64(picture_base64, no_patient_data)
            *_, text = "", *answer(picture, question.strip()[:MAX_QUESTION])
        except (RefusedPictureError, SpinemedError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        return {"text": text.strip(), "levels": read_levels(text)}

    return answer_picture


def use_upload(path: str, consented: bool) -> tuple[Any, ...]:
    """Return what the page shows for an uploaded picture; a refused file leaves the page as it was."""
    try:
        picture = take_upload(Path(path), consented)
    except RefusedPictureError as error:
        gr.Warning(str(error))
        same = gr.skip()
        return same, same, f"<p>Refused. {error}</p>", same, same
    return opened(
        View("Your picture: its levels are not known to this page", "yours", picture, None, (), False)
    )


def opened(view: View) -> tuple[Any, ...]:
    """Return view, viewer, words, emptied conversation and suggested questions for a newly opened view.

    The view is a new object each time: `ended` tells by it whether an answer belongs to what is open now.
    """
    return replace(view), show(view), f"<p>{READY}</p>", [], suggestions(view)


def ended(view: View, asked: View) -> tuple[Any, ...]:
    """Return what the page shows once an answer was ended: nothing of it where another view was opened."""
    same = gr.skip()
    return (same, same, f"<p>Stopped. {READY}</p>", same, same) if view is asked else opened(view)


def suggestions(view: View | None) -> list[str]:
    """Return the questions on the chips; a picture without its own gets two plain ones."""
    return [question for question, _ in view.questions] or list(PLAIN_QUESTIONS) if view else []


def status(examples_note: str) -> str:
    """Return the lines on top: title, the warning, where model and pictures come from."""
    try:
        model = f"Model: {find_model().name}."
    except SpinemedError as error:
        model = f"**No model yet.** {error}"
    return f"# Spine chat\n\n<p class='warning'>{NOTICE}</p>\n\n{model} {examples_note}"


def study_column(examples: Sequence[View]) -> tuple[Any, ...]:
    """Lay out the left side and return viewer, words, thumbnails, consent and upload button."""
    first = examples[0] if examples else None
    with gr.Column(scale=6, min_width=320):
        viewer = gr.HTML(show(first), elem_id="viewer")
        words = gr.HTML(f"<p>{READY}</p>" if first else "", elem_id="verdict")
        small = thumbnails([(view.picture, view.title, view.short) for view in examples])
        thumbs = buttons(THUMBS, THUMBS_CSS, "thumbs", visible=bool(examples), pictures=small)
        with gr.Accordion("Use your own picture", open=False):
            consent = gr.Checkbox(label=CONSENT, container=False)
            upload = gr.UploadButton(
                "Upload PNG or JPEG", file_types=[".png", ".jpg", ".jpeg"], size="md", interactive=False
            )
    return viewer, words, thumbs, consent, upload


def conversation_column(first: View | None) -> tuple[Any, ...]:
    """Lay out the right side and return conversation, suggested questions, question box, ask and stop."""
    with gr.Column(scale=5, min_width=320):
        chat = gr.Chatbot(
            label="Conversation",
            elem_id="conversation",
            height=400,
            render_markdown=False,  # an answer is text: no links, no pictures from elsewhere
            buttons=["copy"],
            feedback_options=None,
            placeholder="Ask about the picture. Levels that the answer names are outlined on it.",
        )
        chips = buttons(CHIPS, CHIPS_CSS, "chips", value=suggestions(first))
        box = gr.Textbox(
            label="Your question (each one is answered on its own)",
            max_length=MAX_QUESTION,
            elem_id="question",
        )
        with gr.Row():
            send = gr.Button("Ask", variant="primary", min_width=90)
            stop = gr.Button("Stop", min_width=90)
    return chat, chips, box, send, stop


def build_page(answer: Answerer, examples: Sequence[View], note: str) -> gr.Blocks:
    """Return the page for one answerer and its examples; launch it with `LAUNCH`."""

    def chosen(event: gr.EventData) -> tuple[Any, ...]:
        return opened(examples[int(event.index)])

    def suggested(current: View | None, event: gr.EventData) -> str:
        return suggestions(current)[int(event.index)]

    first = examples[0] if examples else None
    with gr.Blocks(title="Spine chat", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.Markdown(note, elem_classes="spine-top")
        view = gr.State(first, time_to_live=3600)
        with gr.Row():
            viewer, words, thumbs, consent, upload = study_column(examples)
            chat, chips, box, send, stop = conversation_column(first)
        hidden: dict[str, Any] = {"api_visibility": "undocumented", "show_progress": "hidden"}
        one_at_a_time: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model"}
        asked = gr.State(None, time_to_live=3600)
        ask, given = answering(answer), ([box, chat, view], [box, chat, viewer, words, asked])
        clicked = send.click(ask, *given, api_name="ask", **hidden, **one_at_a_time)
        entered = box.submit(ask, *given, api_name=False, **hidden, **one_at_a_time)
        picked = chips.select(suggested, view, box, api_name=False, **hidden)
        then = picked.then(ask, *given, api_name=False, **hidden, **one_at_a_time)
        ending: dict[str, Any] = {"cancels": [clicked, entered, then], **hidden}
        stop.click(None, api_name=False, **ending)
        opening = [view, viewer, words, chat, chips]
        # An event fails when the server has ended it: no word of the answer comes after that.
        for event in (clicked, entered, then):
            event.failure(ended, [view, asked], opening, api_name=False, **hidden)
        thumbs.select(chosen, None, opening, api_name=False, **ending)
        upload.upload(use_upload, [upload, consent], opening, api_name="use_upload", **ending)
        consent.change(
            lambda ticked: gr.update(interactive=ticked), consent, upload, api_name=False, **hidden
        )
        gr.api(read_levels, api_name="read_levels")
        gr.api(answering_programs(answer), api_name="answer", **one_at_a_time)
    return page


def main() -> None:
    """Serve the page on this machine, or on the address that GRADIO_SERVER_NAME names, and print its URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="default: GRADIO_SERVER_PORT, else the first free from 7860")
    options = parser.parse_args()
    examples, note = find_examples()
    answer = GPU(answer_with_local_model) if GPU else answer_with_local_model
    page = build_page(answer, examples, status(note))
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    try:
        _, url, _ = page.launch(
            server_name=host, server_port=options.port, prevent_thread_lock=True, **LAUNCH
        )
    except OSError as error:
        sys.exit(f"spine_chat: {error}; choose another port with --port")
    sys.stdout.write(f"Spine chat is at {url} (stop it with Ctrl+C)\n")
    sys.stdout.flush()
    page.block_thread()


if __name__ == "__main__":
    main()
