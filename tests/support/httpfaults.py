"""An HTTP proxy on loopback in front of a store, that answers, loses and damages what a test tells it to."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal

Kind = Literal["answer", "lose the reply", "flip a byte", "flip a byte of the reply", "expired"]


@dataclass(slots=True)
class HttpFault:
    """What happens to requests of `method` (`times` of them; None: all); only to presigned ones unless told."""

    kind: Kind
    method: str = "PUT"
    status: int = 503
    times: int | None = None
    presigned: bool = True
    code: str = "SlowDown"
    hit: int = 0


class HttpFaultProxy:
    """Forwards to `target`; a context manager. `fault` may be set at any time, `seen` is called for each request before
    it is forwarded, and `done` before its reply is: what they raise is the end of that connection.

    `without` is a header (in small letters) that the target does not get to see, and so answers as if it knew none.
    """

    def __init__(self, target: tuple[str, int], fault: HttpFault | None = None) -> None:
        self.target = target
        self.fault = fault
        self.seen: Callable[[str, str], None] = lambda method, path: None
        self.done: Callable[[str, str], None] = lambda method, path: None
        self.without = ""
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HttpFaultProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next_fault(self, method: str, path: str) -> Kind | None:
        """The fault that hits this request, if one does."""
        with self._lock:
            fault = self.fault
            if fault is None or method != fault.method or fault.presigned != ("X-Amz-Signature" in path):
                return None
            if fault.times is not None and fault.hit >= fault.times:
                return None
            fault.hit += 1
            return fault.kind


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: HttpFaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_any(self) -> None:
        proxy = self.server.proxy
        proxy.seen(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = proxy.next_fault(self.command, self.path)
        if fault == "answer" and proxy.fault is not None:
            return self.reply(proxy.fault.status, f"<Error><Code>{proxy.fault.code}</Code></Error>".encode())
        if fault == "expired":
            return self.reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        if fault == "flip a byte" and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        status, headers, answer = self.forward(body)
        proxy.done(self.command, self.path)
        if fault == "flip a byte of the reply" and answer:
            answer = bytes([answer[0] ^ 1]) + answer[1:]
        if fault == "lose the reply":
            self.close_connection = True
            return None
        return self.reply(status, answer, headers)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815  the names http.server asks for

    def forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(*self.server.proxy.target, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("expect", self.server.proxy.without):
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        given = {name.lower(): value for name, value in (headers or {}).items()}
        given.pop("transfer-encoding", None)
        given.pop("connection", None)
        if self.command != "HEAD" or "content-length" not in given:
            given["content-length"] = str(len(body))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """A test's own proxy has nothing to log."""


@contextlib.contextmanager
def http_faults(target: tuple[str, int], fault: HttpFault | None = None) -> Iterator[HttpFaultProxy]:
    """A proxy in front of `target` while the context is open."""
    with HttpFaultProxy(target, fault) as proxy:
        yield proxy
