"""One HTTP request sent from a host that has no curl.

It is made here and carried by a tunnel, so to the service it still comes from the host.
"""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import BinaryIO, Final, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from runner.errors import TaskFailed
from runner.hosts.contract import Host, Reader, TcpAddress, UnixAddress
from runner.modules.system.curl import Request, Response

MOST_REDIRECTS: Final = 50
LARGEST_BODY: Final = 16 * 1024 * 1024
Receive = Callable[[HTTPResponse], str]
"""Takes an answer's body, and gives what of it goes into the Response."""

REDIRECTIONS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(slots=True)
class _Attempt:
    url: str
    method: str
    body: bytes | None
    redirects: int = 0


def send_through(reader: Reader, request: Request) -> Response:
    """Send a request and wait for the whole answer, like `curl.send`. TaskFailed for what only curl can do."""
    return _followed(reader, request, _text)


def download_through(host: Host, request: Request, path: str) -> Response:
    """Write the answer's body to a file of the host, like `curl.download`; nothing is written of an error's."""

    def receive(answer: HTTPResponse) -> str:
        if answer.status != HTTPStatus.OK:
            return ""
        host.put(cast(BinaryIO, answer), path)
        # Reading piece by piece, http.client takes a connection that broke for the end.
        if answer.length:
            raise IncompleteRead(b"", answer.length)
        return ""

    return _followed(host, request, receive)


def _followed(reader: Reader, request: Request, receive: Receive) -> Response:
    if request.only_curl:
        raise TaskFailed(
            f"{reader.name} has no curl, and client certificates and ciphers need it",
            hint="install curl on the host, or leave them out",
        )
    if request.ca_path is not None:
        raise TaskFailed(
            f"{reader.name} has no curl, and `ca_path` names a file there",
            hint="install curl on the host, or leave it out",
        )
    begun = time.monotonic()
    attempt = _Attempt(request.url, request.method, request.body)
    while True:
        try:
            status, reason, headers, body = _once(reader, request, attempt, begun + request.timeout, receive)
        except (OSError, HTTPException) as error:
            said = str(error) or type(error).__name__
            return Response(-1, said, {}, "", attempt.url, attempt.redirects, time.monotonic() - begun)
        target = headers.get("location")
        if not (request.follow and target and status in REDIRECTIONS and attempt.redirects < MOST_REDIRECTS):
            took = time.monotonic() - begun
            return Response(status, reason, headers, body, attempt.url, attempt.redirects, took)
        request = _without_credentials(request, attempt.url, target)
        attempt = _redirected(attempt, status, target)


def _once(
    reader: Reader, request: Request, attempt: _Attempt, deadline: float, receive: Receive
) -> tuple[int, str, dict[str, str], str]:
    url = urlsplit(attempt.url)
    if url.scheme not in ("http", "https") or url.hostname is None:
        raise TaskFailed(f"{attempt.url} is no http or https address")
    port = url.port or (443 if url.scheme == "https" else 80)
    there = UnixAddress(request.unix_socket) if request.unix_socket else TcpAddress(url.hostname, port)
    left = deadline - time.monotonic() if request.idle is None else request.idle
    if left <= 0:
        raise TimeoutError(f"no answer within {request.timeout:g} s")
    with reader.forward(there) as here:
        connection = HTTPConnection(url.hostname, port, timeout=left)
        connection.sock = _connect(here, url, request, left)
        try:
            connection.request(attempt.method, _path(url), attempt.body, _headers(request, attempt))
            answer = connection.getresponse()
            return answer.status, answer.reason, _received(answer), receive(answer)
        finally:
            connection.close()


def _connect(here: TcpAddress | UnixAddress, url: SplitResult, request: Request, timeout: float) -> socket.socket:
    if isinstance(here, UnixAddress):
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(timeout)
        plain.connect(here.path)
    else:
        plain = socket.create_connection((here.host, here.port), timeout)
    if url.scheme == "http":
        return plain
    context = ssl.create_default_context()
    if not request.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=url.hostname)


def _path(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _headers(request: Request, attempt: _Attempt) -> dict[str, str]:
    headers = {"Accept": "*/*", **request.headers}
    if request.user is not None:
        password = request.password.reveal() if request.password else ""
        headers["Authorization"] = "Basic " + base64.b64encode(f"{request.user}:{password}".encode()).decode()
    return headers


def _received(answer: HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _text(answer: HTTPResponse) -> str:
    body = answer.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise TaskFailed(f"the answer is larger than {LARGEST_BODY} bytes", hint="fetch it into a file on the host")
    return body.decode("utf-8", "surrogateescape")


def _redirected(attempt: _Attempt, status: int, target: str) -> _Attempt:
    """Where to next: a 303, and a 301 or 302 after a POST, are fetched with GET, as curl and browsers do."""
    becomes_get = status == 303 or (status in (301, 302) and attempt.method == "POST")
    method, body = ("GET", None) if becomes_get and attempt.method != "HEAD" else (attempt.method, attempt.body)
    return _Attempt(urljoin(attempt.url, target), method, body, attempt.redirects + 1)


def _without_credentials(request: Request, url: str, target: str) -> Request:
    """Another server is not told the credentials for this one."""
    if urlsplit(urljoin(url, target)).netloc == urlsplit(url).netloc:
        return request
    kept = {name: value for name, value in request.headers.items() if name.lower() not in ("authorization", "cookie")}
    return replace(request, user=None, password=None, headers=kept)
