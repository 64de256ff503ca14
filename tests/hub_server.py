"""A dataset repository of the Hub on the loopback interface: what the real client needs for a push."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGE = (".parquet", ".png")


@dataclass
class HubServer:
    """The state of a repository; `refuses` is how many contents it takes before it answers 403."""

    url: str = ""
    contents: dict[str, bytes] = field(default_factory=dict)  # by SHA-256
    tree: dict[str, dict[str, Any]] = field(default_factory=dict)
    commits: list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refuses: int = 10**6
    puts: int = 0

    @property
    def head(self) -> str:
        """Return the last commit."""
        return f"{len(self.commits):040x}"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Return status and content for a request, as the Hub gives them."""
        place = path.split("?")[0]
        if place == "/api/repos/create":
            return 200, {"url": f"{self.url}/datasets/org/name"}
        if place == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if place.startswith("/put/"):
            return self._put(place.removeprefix("/put/"), body)
        if place.endswith("/info/lfs/objects/batch"):
            return 200, {
                "transfer": "basic",
                "objects": [self._action(one) for one in json.loads(body)["objects"]],
            }
        if "/preupload/" in place:
            return 200, {"files": [self._mode(one["path"]) for one in json.loads(body)["files"]]}
        if "/tree/" in place:
            return 200, list(self.tree.values())
        if "/commit/" in place:
            return self._commit([json.loads(line) for line in body.splitlines()])
        if place.endswith("/refs"):
            tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": self.head} for tag in self.tags]
            return 200, {"branches": [], "converts": [], "tags": tags}
        if "/tag/" in place:
            self.tags.append(json.loads(body)["tag"])
            return 200, {}
        if method == "GET" and place.startswith("/api/datasets/org/name"):
            return 200, {
                "id": "org/name",
                "sha": self.head,
                "private": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
            }
        return 404, {"error": path}

    def _put(self, oid: str, body: bytes) -> tuple[int, Any]:
        if self.puts >= self.refuses:
            return 403, {"error": "out of luck"}
        assert hashlib.sha256(body).hexdigest() == oid
        self.puts += 1
        self.contents[oid] = body
        return 200, {}

    def _action(self, one: dict[str, Any]) -> dict[str, Any]:
        if one["oid"] in self.contents:
            return {"oid": one["oid"], "size": one["size"]}
        return {**one, "actions": {"upload": {"href": f"{self.url}/put/{one['oid']}"}}}

    def _mode(self, path: str) -> dict[str, Any]:
        mode = "lfs" if path.endswith(LARGE) else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": False}

    def _commit(self, lines: list[dict[str, Any]]) -> tuple[int, Any]:
        header = lines[0]["value"]
        if header.get("parentCommit") != self.head:
            return 412, {"error": "a commit has happened since"}
        for line in lines[1:]:
            value = line["value"]
            path = value["path"]
            if line["key"] == "deletedFile":
                del self.tree[path]
            elif line["key"] == "lfsFile":
                lfs = {"oid": value["oid"], "size": len(self.contents[value["oid"]]), "pointerSize": 130}
                self.tree[path] = {
                    "type": "file",
                    "path": path,
                    "size": lfs["size"],
                    "oid": "0" * 40,
                    "lfs": lfs,
                }
            else:
                content = base64.b64decode(value["content"])
                blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                self.tree[path] = {"type": "file", "path": path, "size": len(content), "oid": blob}
        self.commits.append(header)
        return 200, {"commitUrl": f"{self.url}/datasets/org/name/commit/{self.head}", "commitOid": self.head}


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """Serve an empty repository org/name until the block ends."""
    state = HubServer()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            with lock:
                state.tokens.add(self.headers.get("authorization", ""))
                status, content = state.answer(self.command, self.path, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815  # names that http.server asks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
