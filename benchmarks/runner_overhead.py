"""Time of the runner beside a bare client loop, on a loopback server that answers after a fixed latency.

    python benchmarks/runner_overhead.py

The server is a process of its own (standard library): it reads each request whole and answers after the
latency. The bare loops are what one would write first: AsyncOpenAI, as many workers as slots, requests with
their pictures built before the clock starts, texts kept in a list; one with the client as it comes, one with
the cheaper transport that the runner uses as well (DefaultAioHttpClient, no certificates loaded). The runner
is `spinemed.bench.running.predict` with everything it does: corpus rows read from Parquet, pictures encoded,
replies parsed, predictions written and forced onto the disk. All ask the same questions in the same number of
slots. Runs alternate, after one of each that is not counted; every run has questions of its own, so that
nothing is gained by what the parser remembers. Four texts take turns as replies. The overhead is that of the
medians. CPU seconds are those of the asking process, all threads. The predictions go to a file in the
temporary folder of the system. Results go to benchmarks/results/runner_overhead.json.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from setting import setting

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "runner_overhead.json"
NAMES = [*(f"T{number}" for number in range(1, 13)), *(f"L{number}" for number in range(1, 6)), "S1"]
SIZE = (224, 288)


async def serve(latency_s: float) -> None:
    """Answer every POST with a chat completion after the latency, until stdin ends; print the port."""

    replies = itertools.cycle([reply(text) for text in TEXTS])

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                await reader.readexactly(length)
                await asyncio.sleep(latency_s)
                writer.write(next(replies))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, backlog=1024, limit=2**24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


TEXTS = (
    "C",
    "Counting down from the first complete vertebra, the marked body is the third. The answer is C.",
    "L4 (C)",
    "Counting down from the top, the marked vertebra is L3.",
)


def reply(text: str) -> bytes:
    """Return a response with a chat completion."""
    body = json.dumps(
        {
            "id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop",
                         "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320},
        }
    ).encode()  # fmt: skip
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def served(latency_s: float) -> Iterator[str]:
    """Give the base URL of a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(latency_s)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.stdin.close()
        process.wait()


def write_corpus(folder: Path, count: int, seed: int) -> float:
    """Write choice questions, each with its own picture of noise; return their mean size in bytes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    draw, noise = random.Random(seed), np.random.default_rng(seed)
    rows, size = [], 0
    for number in range(count):
        buffer = io.BytesIO()
        pixels = noise.integers(0, 48, (SIZE[1], SIZE[0]), np.uint8)  # compresses to about 45 kB, as a slice
        Image.fromarray(pixels).save(buffer, "PNG")
        size += len(buffer.getvalue())
        options = draw.sample(NAMES, 4)
        shown = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", options, strict=True))
        rows.append({
            "images": [{"bytes": buffer.getvalue(), "path": f"{number}.png"}],
            "question": "Which vertebra is marked?", "options": options, "answer": "C", "level": options[2],
            "kind": "marked_level", "modality": "CT", "patient": f"p{number // 8}", "synthetic": True,
            "marker": {"column": 9.0, "row": 9.0, "radius": 4.0}, "spacing_mm": 1.0,
            "id": f"item{number:06d}",
            "messages": [{"role": "user", "content": f"Which vertebra is marked?\n{shown}"},
                         {"role": "assistant", "content": f"{options[2]} (C)"}],
        })  # fmt: skip
    path = folder / "data" / "choice" / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=256)
    return size / count


def bare(
    base_url: str, requests: list[dict[str, Any]], slots: int, *, aiohttp: bool = False
) -> tuple[float, float]:
    """Return wall and CPU seconds of the bare loop, perhaps with the transport of the runner."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async def ask_all() -> list[str]:
        texts: list[str] = [""] * len(requests)
        places = iter(range(len(requests)))
        transport = DefaultAioHttpClient(verify=False) if aiohttp else None
        async with AsyncOpenAI(base_url=base_url, api_key="none", http_client=transport) as client:

            async def work() -> None:
                for place in places:
                    completion = await client.chat.completions.create(**requests[place])
                    texts[place] = completion.choices[0].message.content or ""

            await asyncio.gather(*(work() for _ in range(slots)))
        return texts

    wall, cpu = time.perf_counter(), time.process_time()
    texts = asyncio.run(ask_all())
    spent = time.perf_counter() - wall, time.process_time() - cpu
    assert all(text in TEXTS for text in texts)
    return spent


def ours(base_url: str, data: Path, out: Path, slots: int) -> tuple[float, float]:
    """Return wall and CPU seconds of the runner, from the call of `predict` to its last fsync."""
    from spinemed.bench.running import predict as bench
    from spinemed.bench.running.asking import by_endpoint
    from spinemed.bench.running.runs import read_predictions
    from spinemed.llm.client import Endpoint

    sample = bench.Sample(data, "choice")
    questions, left_out = sample.questions()
    answering = by_endpoint(Endpoint(base_url, "m"), slots)
    run = bench.describe(sample, answering, max_new_tokens=32, items=len(questions), left_out=left_out)
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = bench.predict(
        questions, run, data, out, lambda: answering.ask(32), say=print, track=lambda groups, _: iter(groups)
    )
    spent = time.perf_counter() - wall, time.process_time() - cpu
    assert outcome.made == len(read_predictions(out)) == len(questions)
    return spent


def built(data: Path) -> list[dict[str, Any]]:
    """Return the requests of the corpus as the bare loop sends them."""
    from spinemed.bench.running.asking import Rows, request_of
    from spinemed.bench.running.predict import Sample
    from spinemed.llm.client import Endpoint, sent

    questions, _ = Sample(data, "choice").questions()
    rows = Rows(data, "choice", "test", questions, "none")
    return [sent(Endpoint("", "m"), request_of(rows[place], 32)) for place in range(len(rows))]


def measure(count: int, slots: int, latency_s: float, repeats: int) -> dict[str, Any]:
    """Return medians, CPU shares and the overhead, with versions and machine."""
    found: dict[str, list[tuple[float, float]]] = {"bare": [], "bare_aiohttp": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder, served(latency_s) as base_url:
        for repeat in range(repeats + 1):
            data = Path(folder) / f"corpus{repeat}"
            picture_bytes = write_corpus(data, count, seed=repeat)
            requests = built(data)
            pair = {
                "bare": bare(base_url, requests, slots),
                "bare_aiohttp": bare(base_url, requests, slots, aiohttp=True),
                "ours": ours(base_url, data, Path(folder) / f"{repeat}.jsonl", slots),
            }
            for name, spent in pair.items():
                if repeat:
                    found[name].append(spent)
                    print(f"{name:12} {spent[0]:7.2f} s, {spent[1]:6.2f} s of CPU", flush=True)
    wall = {name: statistics.median(each for each, _ in runs) for name, runs in found.items()}
    cpu = {name: statistics.median(each for _, each in runs) for name, runs in found.items()}
    return {
        "questions": count,
        "mean_picture_bytes": round(picture_bytes),
        "in_flight": slots,
        "latency_s": latency_s,
        "repeats": repeats,
        "least_possible_s": round(count / slots * latency_s, 3),
        "overhead_percent": round(100 * (wall["ours"] / wall["bare"] - 1), 2),
        "overhead_percent_beside_aiohttp": round(100 * (wall["ours"] / wall["bare_aiohttp"] - 1), 2),
        **{
            name: {
                "median_s": round(wall[name], 3),
                "runs_s": [round(each, 3) for each, _ in runs],
                "cpu_share": round(cpu[name] / wall[name], 3),
                "cpu_ms_per_question": round(1000 * cpu[name] / count, 3),
            }
            for name, runs in found.items()
        },
        "load_average": [round(each, 2) for each in os.getloadavg()],
        **setting("spinemed", "openai", "aiohttp"),
    }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds from request to reply")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        asyncio.run(serve(arguments.serve))
        return
    result = measure(arguments.questions, arguments.in_flight, arguments.latency, arguments.repeats)
    print(f"{result['questions']} questions, {result['in_flight']} in flight, {result['latency_s']:g} s")
    for name in ("bare", "bare_aiohttp", "ours"):
        part = result[name]
        print(f"{name:12} {part['median_s']} s, {part['cpu_ms_per_question']} ms of CPU a question")
    print(
        f"overhead {result['overhead_percent']} %, beside the same transport "
        f"{result['overhead_percent_beside_aiohttp']} %"
    )
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
