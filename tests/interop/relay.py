"""An app's address for webhooks that remembers what arrives, byte by byte, and passes it on."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# So long somebody waits before a test has failed.
PATIENCE = 30


@dataclass
class Delivery:
    path: str
    headers: dict[str, str]
    body: bytes


def post(url: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, str]:
    """With these headers in this order, a name as often as it is there."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.putrequest("POST", parts.path, skip_accept_encoding=True)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Relay:
    def __init__(self) -> None:
        self.arrived: list[Delivery] = []
        self.news = threading.Condition()
        # Whom a path is passed on to. Somebody who refuses is a refusal.
        self.targets: dict[str, list[str]] = {}
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = relay.take(Delivery(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def take(self, delivery: Delivery) -> int:
        headers = [(k, v) for k, v in delivery.headers.items() if k not in ("host", "content-length", "connection")]
        answers = [post(url, headers, delivery.body)[0] for url in self.targets.get(delivery.path, [])]
        with self.news:
            self.arrived.append(delivery)
            self.news.notify_all()
        return 204 if all(200 <= status < 300 for status in answers) else 502

    def wait_for(self, path: str, wanted: Callable[[Delivery], bool], begin: int = 0) -> Delivery:
        """The first delivery of this kind after so many of any kind, now or soon."""
        find = lambda: next((one for one in self.arrived[begin:] if one.path == path and wanted(one)), None)
        with self.news:
            found = self.news.wait_for(find, PATIENCE)
        if not found:
            raise AssertionError(f"nothing of the kind arrived at {path}: {[one.path for one in self.arrived]}")
        return found
