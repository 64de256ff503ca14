"""The chat page in Debian's Chromium: ask, read the answer, see the level outlined, nothing leaves."""

from __future__ import annotations

import base64
import io
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the page needs the extra: pip install spinemed[space]")
pytest.importorskip("playwright", reason="the browser test needs playwright")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "spaces" / "spine_chat"))

import app
import examples
import outlines
from playwright import sync_api

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
QUESTION = "Which vertebra is marked by the ring?"
ENDED: list[int] = []  # at which word "forever" was ended
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium fonts-dejavu-core"
    ),
]


def scripted(picture: Image.Image, question: str) -> Iterator[str]:
    """Stream an answer; "forever" streams until it is stopped."""
    if question == "forever":
        try:
            for count in range(600):
                time.sleep(0.05)
                yield f"word {count}"
        finally:
            ENDED.append(count)
    for text in ("The ring", "The ring marks L4", "The ring marks L4 and not T3."):
        time.sleep(0.05)
        yield text


@pytest.fixture(scope="module")
def connected() -> Iterator[set[str]]:
    """Return the hosts that this process, the page's server included, connects to while the module runs."""
    hosts: set[str] = set()
    watching = [True]

    def watch(event: str, details: tuple[object, ...]) -> None:
        if event == "socket.connect" and watching and isinstance(details[1], tuple):
            hosts.add(str(details[1][0]))

    sys.addaudithook(watch)  # a hook cannot be taken off again; emptied, it does nothing
    yield hosts
    watching.clear()


@pytest.fixture(scope="module")
def url(connected: set[str]) -> Iterator[str]:
    regions = (outlines.Region("L3", (40, 20, 60, 40)), outlines.Region("L4", (40, 45, 60, 65)))
    picture = Image.new("RGB", (100, 100), (90, 90, 90))
    view = examples.View("Synthetic square", "square", picture, regions, ((QUESTION, "L4"),))
    page = app.build_page(scripted, [view], "# Spine chat\n\nSynthetic test page.")
    _, address, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, **app.LAUNCH)
    yield address
    page.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


def shown_pixels(source: str) -> np.ndarray:
    """Return the pixels of a data URL."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGB")).astype(
        int
    )


def test_a_visitor_asks_and_sees_the_named_level_outlined_and_nothing_leaves_the_machine(
    url: str, browser: object, connected: set[str], tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 1360, "height": 1000})  # type: ignore[attr-defined]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.get_by_label("Question about the picture").wait_for()
    plain = shown_pixels(page.locator("#viewer img").get_attribute("src"))
    page.locator("#chips button", has_text=QUESTION).click()
    page.locator("#conversation", has_text="The ring marks L4 and not T3.").wait_for()
    page.locator("#viewer img[alt*='outlined: L4']").wait_for()
    drawn = shown_pixels(page.locator("#viewer img").get_attribute("src"))
    scale = drawn.shape[0] / 100
    edge = drawn[round(45 * scale), round(50 * scale)]
    assert np.abs(edge - [0xE6, 0x9F, 0x00]).sum() < 12  # the upper edge of L4 in the first colour
    assert (drawn[: round(40 * scale)] == plain[: round(40 * scale)]).all()  # L3 is left alone
    assert "Truth of this synthetic picture: L4" in page.locator("#verdict").inner_text()
    page.screenshot(path=str(tmp_path / "page.png"))
    assert (tmp_path / "page.png").stat().st_size > 20_000
    hosts = {urlsplit(address).hostname for address in asked if address.startswith("http")}
    assert hosts == {"127.0.0.1"}
    assert not [address for address in asked if not re.match(r"http|data:|blob:", address)]
    assert connected <= {"127.0.0.1"}
    page.close()


def test_stop_ends_an_answer_and_the_next_question_is_answered(url: str, browser: object) -> None:
    ENDED.clear()
    page = browser.new_page(viewport={"width": 390, "height": 844})  # type: ignore[attr-defined]
    held: list[sync_api.Route] = []
    page.route("**/cancel", lambda route: held.append(route))
    page.goto(url)
    question = page.get_by_label("Question about the picture")
    question.fill("forever")
    page.get_by_role("button", name="Ask").click()
    page.locator("#conversation", has_text="word 3").wait_for()
    with page.expect_request("**/cancel"):
        page.get_by_role("button", name="Stop").click()
    page.wait_for_timeout(500)  # a slow line: the server has not heard of the stop yet
    assert "Stopped" not in page.locator("#verdict").inner_text()
    held.pop().continue_()
    page.locator("#verdict", has_text="Stopped").wait_for()
    question.fill("and now?")
    page.get_by_role("button", name="Ask").click()
    page.locator("#conversation", has_text="The ring marks L4").wait_for()
    assert ENDED
    assert ENDED[0] < 599
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_a_picture_chosen_while_the_model_answers_opens_with_no_old_words(url: str, browser: object) -> None:
    page = browser.new_page(viewport={"width": 1360, "height": 1000})  # type: ignore[attr-defined]
    page.goto(url)
    page.get_by_label("Question about the picture").fill("forever")
    page.get_by_role("button", name="Ask").click()
    page.locator("#conversation", has_text="word 3").wait_for()
    page.locator("#thumbs button").first.click()
    page.locator("#verdict", has_text="Ask about this picture").wait_for()
    page.wait_for_timeout(500)  # what the ended answer still sends
    assert "Ask about this picture" in page.locator("#verdict").inner_text()
    assert "word" not in page.locator("#conversation").inner_text()
    page.close()
