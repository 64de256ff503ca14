"""A page to ask a spine vision-language model about one picture: streamed answer, named levels outlined."""

from __future__ import annotations

import argparse
import html
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr
from chat_model import Answerer, answer_with_local_model, find_model
from examples import View, find_examples
from look import CHIPS, CHIPS_CSS, CSS, LABELS_JS, PRESS, THUMBS, THUMBS_CSS, figure, theme, thumbnails
from outlines import colour_of, outlined, split_by_view
from uploads import CONSENT, RefusedPictureError, from_base64, take_upload

from spinemed.errors import SpinemedError
from spinemed.level_grammar import parse_levels

try:  # Hugging Face's ZeroGPU lends a GPU to the one function that generates
    from spaces import GPU as on_gpu
except ImportError:

    def on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: there is no GPU to borrow here."""
        return function


NOTICE = "Research use only. Not for diagnosis. Do not upload patient data."
MAX_QUESTION = 2000
LAUNCH: dict[str, Any] = {
    "theme": theme(), "css": CSS, "js": LABELS_JS, "run_history": False, "footer_links": ["api"],
    "max_file_size": "20mb", "show_error": False, "ssr_mode": False, "share": False, "quiet": True,
    "enable_monitoring": False, "pwa": False,
}  # fmt: skip
Turns = list[dict[str, Any]]


def read_levels(text: str) -> list[str]:
    """Return the spine levels that a text names, in the order of naming: "L4/5 and S1" gives L4-L5, S1."""
    return list(parse_levels(text).levels)


def show(view: View | None, named: Sequence[str] = ()) -> str:
    """Return the viewer's HTML for a view with the levels of `named` outlined where they are known."""
    if view is None:
        return figure(None, "Upload a picture to begin.", "")
    seen, _ = split_by_view(named, view.regions or ())
    description = view.title + (f"; outlined: {', '.join(seen)}" if seen else "; nothing outlined")
    return figure(outlined(view.picture, view.regions or (), seen, view.sagittal), view.title, description)


def verdict(view: View, question: str, text: str) -> str:
    """Return in words what the answer's levels mean on this picture, as HTML paragraphs.

    This is the picture's twin for readers who do not see it; model text is never printed here, levels alone.
    """
    named = read_levels(text)
    if not named:
        lines = ["The answer names no level: nothing is outlined."]
    elif view.regions is None:
        lines = [f"The answer names {', '.join(named)}. No level map is known for an uploaded picture: "
                 "this page cannot say where that is."]  # fmt: skip
    else:
        seen, missing = split_by_view(named, view.regions)
        plates = [f'<span class="plate" style="background:{colour_of(i)}">{s}</span>' for i, s in enumerate(seen)]
        lines = [f"Outlined: {' '.join(plates)}"] if plates else []
        if missing:
            whole = ", ".join(region.site for region in view.regions)
            lines.append(f"<b>Named but not in view: {', '.join(missing)}.</b> Seen whole here: {whole}.")
    reference = dict(view.questions).get(question)
    if reference is not None:
        same = sorted(read_levels(reference)) == sorted(named)
        lines.append(f"Truth of this synthetic picture: {html.escape(reference)} "
                     f"({'the same level' if same else '<b>not what the model says</b>'}).")  # fmt: skip
    return "".join(f"<p>{line}</p>" for line in lines)


def answering(answer: Answerer) -> Callable[..., Iterator[tuple[Any, ...]]]:
    """Return the event that streams `answer` into the conversation and then outlines what was named.

    It keeps nothing: question, turns and view come from the visitor's own event, and go back to it.
    """

    def ask(question: str, turns: Turns, view: View | None) -> Iterator[tuple[Any, ...]]:
        question = (question or "").strip()[:MAX_QUESTION]
        if view is None:
            raise gr.Error("Choose an example or upload a picture first.", print_exception=False)
        if not question:
            raise gr.Error("Type a question first.", print_exception=False)
        turns = [*turns, {"role": "user", "content": question}, {"role": "assistant", "content": "…"}]
        yield "", turns, show(view), "<p>The model is answering.</p>"
        text = ""
        try:
            for text in answer(view.picture, question):
                yield gr.skip(), [*turns[:-1], {"role": "assistant", "content": text or "…"}], gr.skip(), gr.skip()
        except SpinemedError as error:
            yield gr.skip(), [*turns[:-1], {"role": "assistant", "content": str(error)}], gr.skip(), "<p>No answer.</p>"
            return
        final = {"role": "assistant", "content": text.strip() or "(The model gave an empty answer.)"}
        yield gr.skip(), [*turns[:-1], final], show(view, read_levels(text)), verdict(view, question, text)

    return ask


def answering_programs(answer: Answerer) -> Callable[[str, str, bool], dict[str, Any]]:
    """Return the function that programs call."""

    def answer_picture(picture_base64: str, question: str, no_patient_data: bool) -> dict[str, Any]:
        """Answer one question about a PNG or JPEG: {"text": ..., "levels": [...]}. Research use, not for diagnosis."""
        try:
            picture = from_base64(picture_base64, no_patient_data)
            text = ""
            for text in answer(picture, question.strip()[:MAX_QUESTION]):
                pass
        except (RefusedPictureError, SpinemedError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        return {"text": text.strip(), "levels": read_levels(text)}

    return answer_picture


def use_upload(path: str | None, consented: bool) -> tuple[Any, ...]:
    """Return what the page shows for an uploaded picture; refused files leave the page as it was."""
    if path is None:
        raise gr.Error("No file arrived.", print_exception=False)
    try:
        picture = take_upload(Path(path), consented)
    except RefusedPictureError as error:
        raise gr.Error(str(error), print_exception=False) from error
    view = View("Your picture: levels unknown to this page", "upload", picture, None, (), sagittal=False)
    return opened(view)


def opened(view: View) -> tuple[Any, ...]:
    """Return view, viewer, words, emptied conversation and suggested questions for a newly opened view."""
    return view, show(view), "<p>Ask about this picture.</p>", [], suggestions(view)


def suggestions(view: View | None) -> list[str]:
    """Return the questions on the chips; pictures without their own get two plain ones."""
    if view is None:
        return []
    return [question for question, _ in view.questions] or [
        "Which vertebral levels are in view?", "Which is the lowest vertebra seen whole?",
    ]  # fmt: skip


def status(examples_note: str) -> str:
    """Return the lines on top: title, the warning, where model and pictures come from."""
    try:
        model = f"Model: {find_model().name}."
    except SpinemedError as error:
        model = f"**No model yet.** {error}"
    return f"# Spine chat\n\n<p class='warning'>{NOTICE}</p>\n\n{model} {examples_note}"


def build_page(answer: Answerer, examples: Sequence[View], note: str) -> gr.Blocks:
    """Return the page for one answerer and its examples; launch it with `LAUNCH`."""
    first = examples[0] if examples else None
    private = {"api_visibility": "undocumented", "show_progress": "hidden"}
    with gr.Blocks(title="Spine chat", analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True) as page:
        gr.Markdown(note, elem_classes="spine-top")
        view = gr.State(first, time_to_live=3600)
        with gr.Row():
            with gr.Column(scale=6, min_width=320):
                viewer = gr.HTML(show(first), elem_id="viewer")
                words = gr.HTML("<p>Ask about this picture.</p>" if first else "", elem_classes="spine-verdict", elem_id="verdict")
                thumbs = gr.HTML(
                    pictures=thumbnails([(v.picture, v.title, v.short) for v in examples]), visible=bool(examples),
                    html_template=THUMBS, css_template=THUMBS_CSS, js_on_load=PRESS, elem_id="thumbs",
                    apply_default_css=False,
                )  # fmt: skip
                with gr.Accordion("Use your own picture", open=False):
                    consent = gr.Checkbox(label=CONSENT, container=False)
                    upload = gr.UploadButton(
                        "Upload PNG or JPEG", file_types=[".png", ".jpg", ".jpeg"], size="md", interactive=False
                    )
            with gr.Column(scale=5, min_width=320):
                chat = gr.Chatbot(
                    label="Conversation", elem_id="conversation", height=400, render_markdown=False, buttons=["copy"],
                    feedback_options=None, placeholder="Ask which level is marked, in view, above or below.",
                )  # fmt: skip
                chips = gr.HTML(
                    suggestions(first), html_template=CHIPS, css_template=CHIPS_CSS, js_on_load=PRESS, elem_id="chips",
                    apply_default_css=False,
                )  # fmt: skip
                box = gr.Textbox(
                    label="Your question (each one is answered on its own)", lines=1, max_lines=6,
                    max_length=MAX_QUESTION, elem_id="question",
                )  # fmt: skip
                with gr.Row():
                    send, stop = gr.Button("Ask", variant="primary", min_width=90), gr.Button("Stop", min_width=90)
        ask_event = {
            "fn": answering(answer), "inputs": [box, chat, view], "outputs": [box, chat, viewer, words],
            "concurrency_limit": 1, "concurrency_id": "model", **private,
        }  # fmt: skip
        opening = [view, viewer, words, chat, chips]

        def chosen(event: gr.EventData) -> tuple[Any, ...]:
            return opened(examples[int(event.index)])

        def suggested(current: View | None, event: gr.EventData) -> str:
            return suggestions(current)[int(event.index)]

        running = [
            send.click(**ask_event, api_name="ask"),
            box.submit(**ask_event, api_name=False),
            chips.select(suggested, view, box, api_name=False, **private).then(**ask_event, api_name=False),
        ]
        stop.click(lambda: "<p>Stopped.</p>", None, words, cancels=running, api_name=False, **private)
        thumbs.select(chosen, None, opening, cancels=running, api_name=False, **private)
        upload.upload(use_upload, [upload, consent], opening, cancels=running, api_name="use_upload", **private)
        consent.change(lambda ticked: gr.update(interactive=ticked), consent, upload, api_name=False, **private)
        gr.api(read_levels, api_name="read_levels")
        gr.api(answering_programs(answer), api_name="answer", concurrency_limit=1, concurrency_id="model")
    return page


def main() -> None:
    """Serve the page on this machine, or on the address that GRADIO_SERVER_NAME names, and print its URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="default: GRADIO_SERVER_PORT, or the first free one from 7860")
    options = parser.parse_args()
    examples, note = find_examples()
    page = build_page(on_gpu(answer_with_local_model), examples, status(note))
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    _, url, _ = page.launch(server_name=host, server_port=options.port, prevent_thread_lock=True, **LAUNCH)
    sys.stdout.write(f"Spine chat is at {url} (stop it with Ctrl+C)\n")
    sys.stdout.flush()
    page.block_thread()


if __name__ == "__main__":
    main()
