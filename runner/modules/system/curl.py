"""One HTTP request sent by the curl of a host.

Address, headers, credentials and body go to it by file descriptors: everybody on a host can read
the arguments of a program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from runner.frozen import frozen
from runner.hosts.contract import Host, Result, Script
from runner.secret import Secret

NO_CURL: Final = 127
# curl ends first (`timeout`); this much later the call itself is given up, in seconds.
GRACE: Final = 10
# The settings are the first $1 bytes of standard input, the body the rest. They reach curl through a pipe
# of this shell's own, because its standard input may be a socket, which /dev/fd cannot open.
SEND: Final = """
command -v curl >/dev/null 2>&1 || exit 127
settings=$(dd bs=1 count="$1" 2>/dev/null) || exit 126
exec 4<&0
if [ "$2" = body ]; then
  printf '%s\\n' "$settings" | curl -q -K /dev/fd/3 --data-binary @- 3<&0 0<&4
else
  printf '%s\\n' "$settings" | curl -q -K /dev/fd/3 3<&0 0</dev/null
fi
"""
WRITE_OUT: Final = "\n%{http_code} %{num_redirects} %{time_total} %{url_effective}"


@frozen
class Request:
    """`timeout` is in seconds and covers everything. `follow`: go where a redirection leads."""

    url: str
    method: str
    body: bytes | None
    headers: Mapping[str, str]
    timeout: float
    follow: bool
    validate_certs: bool
    ca_path: str | None
    user: str | None
    password: Secret | None
    unix_socket: str | None


@frozen
class Response:
    """`status` is -1 if nothing answered; `reason` then says why. Header names are in small letters."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: str
    url: str
    redirects: int
    seconds: float


def send(host: Host, request: Request) -> Response | None:
    """Send a request and wait for the whole answer; None if the host has no curl."""
    settings = "\n".join(_settings(request)).encode()
    what = Script(SEND, (str(len(settings)), "body" if request.body is not None else "none"))
    stdin = settings + (request.body or b"")
    result = host.query(what, stdin=stdin, timeout=request.timeout + GRACE, check=False)
    if result.exit_code == NO_CURL:
        return None
    return _parsed(request, result)


def _settings(request: Request) -> Iterator[str]:
    yield "silent"
    yield "show-error"
    yield "include"
    yield "globoff"
    yield _setting("url", request.url)
    yield _setting("proto", "=http,https")
    yield _setting("proto-redir", "=http,https")
    yield _setting("max-time", f"{request.timeout:g}")
    yield _setting("write-out", WRITE_OUT)
    yield "head" if request.method == "HEAD" else _setting("request", request.method)
    yield _setting("header", "Expect:")
    for name, value in request.headers.items():
        # To curl, "Name:" means leaving a header out and "Name;" one with nothing in it.
        yield _setting("header", f"{name}: {value}" if value else f"{name}:")
    if request.follow:
        yield "location"
    if not request.validate_certs:
        yield "insecure"
    if request.ca_path:
        yield _setting("cacert", request.ca_path)
    if request.unix_socket:
        yield _setting("unix-socket", request.unix_socket)
    if request.user is not None:
        password = request.password.reveal() if request.password else ""
        yield _setting("user", f"{request.user}:{password}")


def _setting(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    for character, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\v", "\\v")):
        escaped = escaped.replace(character, escape)
    return f'{name} = "{escaped}"'


def _parsed(request: Request, result: Result) -> Response:
    text, _, told = result.stdout.rpartition("\n")
    status, redirects, took, url = told.split(" ", 3) if told.count(" ") >= 3 else ("000", "0", "0", request.url)
    if not result.ok or status == "000":
        reason = result.stderr.strip() or f"curl ended with status {result.exit_code}"
        return Response(-1, reason, {}, "", url, int(redirects), float(took))
    head, body = _last_head(text, int(redirects))
    first, *lines = head.splitlines()
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    reason = " ".join(first.split(" ")[2:])
    return Response(int(status), reason, headers, body, url, int(redirects), float(took))


def _last_head(text: str, redirects: int) -> tuple[str, str]:
    """The head of the last answer and its body: before it come those of redirections and of 1xx answers."""
    head, body, left = "", text, redirects + 1
    while left and body.startswith("HTTP/"):
        head, _, body = body.partition("\r\n\r\n")
        if not head.split(" ")[1].startswith("1"):
            left -= 1
    return head, body
