"""A W&B server that holds runs in memory: as much of its interface as a run needs that logs numbers."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, SOCK_STREAM, socket
from threading import Thread
from typing import Any

KEY = "local-" + 40 * "0"
"""As a key of a server of one's own looks."""


class Server(ThreadingHTTPServer):
    """The server, and what it was told.

    Attributes:
        runs: the fields of each run by its id.
        history: the logged rows of each run, likewise.
        ended: the exit code of each run that has ended.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.runs: dict[str, dict[str, Any]] = {}
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.ended: dict[str, int] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is no error."""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._reply({})

    def do_PUT(self) -> None:
        self._read()
        self._reply({})

    def do_POST(self) -> None:
        content = self._read()
        if self.path.endswith("/graphql"):
            asked = json.loads(content)
            self._reply({"data": self._query(asked["query"], asked.get("variables") or {})})
            return
        if self.path.endswith("/file_stream"):
            self._take(self.path.split("/")[-2], json.loads(content))
        self._reply({})

    def _read(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def _reply(self, answer: Any) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _query(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        name = (re.search(r"(?:query|mutation)\s+(\w+)", query) or [""])[1]
        if name == "UpsertBucket":
            run = self.server.runs.setdefault(variables["name"], {})
            run.update({key: value for key, value in variables.items() if value is not None})
            project = {"id": "UA==", "name": "uniads", "entity": {"id": "RQ==", "name": "me"}}
            fields = {"id": "Qg==", "name": variables["name"], "displayName": run.get("displayName"), "config": "{}"}
            return {"upsertBucket": {"bucket": {**fields, "historyLineCount": 0, "project": project}, "inserted": True}}
        if name == "Viewer":
            return {"viewer": {"id": "Vg==", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}}
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.server.address}/upload"} for file in variables["files"]]
            return {"createRunFiles": {"runID": "Qg==", "uploadHeaders": [], "files": files}}
        return {"model": {"name": "uniads", "entity": {"name": "me"}, "bucket": None}}

    def _take(self, run: str, told: dict[str, Any]) -> None:
        rows = told.get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
        self.server.history.setdefault(run, []).extend(json.loads(row) for row in rows)
        if told.get("complete"):
            self.server.ended[run] = told["exitcode"]


@contextmanager
def serving() -> Iterator[Server]:
    """The server while it runs."""
    server = Server()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silence() -> Iterator[str]:
    """The address of a server that takes every call and never answers."""
    with socket(AF_INET, SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
