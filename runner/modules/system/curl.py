"""One HTTP request sent by the curl of a host, whose answer comes here or goes into a file there.

Address, headers, credentials and body go to it by file descriptors: everybody on a host can read
the arguments of a program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Result, Script
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
    """`timeout` is in seconds and covers everything. `follow`: go where a redirection leads.

    `idle` in the place of `timeout`, for a body of any size: only so long may nothing come. `more` are settings
    of curl's (made by `setting`) that a tunnel does without; `only_curl`: it cannot.
    """

    url: str
    method: str
    body: bytes | None
    headers: Mapping[str, str]
    timeout: float
    follow: bool
    validate_certs: bool
    ca_path: str | None = None
    user: str | None = None
    password: Secret | None = None
    unix_socket: str | None = None
    idle: float | None = None
    more: tuple[str, ...] = ()
    only_curl: bool = False


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


def send(reader: Reader, request: Request) -> Response | None:
    """Send a request and wait for the whole answer; None if the host has no curl."""
    what, stdin = _call(request, ["include"])
    result = reader.query(what, stdin=stdin, timeout=request.timeout + GRACE, check=False)
    return None if result.exit_code == NO_CURL else _parsed(request, result, with_body=True)


def download(host: Host, request: Request, path: str) -> Response | None:
    """Write the answer's body to a file of the host, whatever its status; None if the host has no curl."""
    what, stdin = _call(request, [setting("output", path), setting("dump-header", "-")])
    result = host.run(what, stdin=stdin, check=False)
    return None if result.exit_code == NO_CURL else _parsed(request, result, with_body=False)


def setting(name: str, value: str) -> str:
    """A line of curl's configuration."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    for character, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\v", "\\v")):
        escaped = escaped.replace(character, escape)
    return f'{name} = "{escaped}"'


def _call(request: Request, where: Sequence[str]) -> tuple[Script, bytes]:
    settings = "\n".join([*where, *_settings(request)]).encode("utf-8", "surrogateescape")
    what = Script(SEND, (str(len(settings)), "body" if request.body is not None else "none"))
    return what, settings + (request.body or b"")


def _settings(request: Request) -> Iterator[str]:
    yield "silent"
    yield "show-error"
    yield "globoff"
    yield setting("url", request.url)
    yield setting("proto", "=http,https")
    yield setting("proto-redir", "=http,https")
    if request.idle is None:
        yield setting("max-time", f"{request.timeout:g}")
    else:
        yield setting("connect-timeout", f"{request.idle:g}")
        yield setting("speed-limit", "1")
        yield setting("speed-time", f"{max(1, round(request.idle))}")
    yield setting("write-out", WRITE_OUT)
    yield "head" if request.method == "HEAD" else setting("request", request.method)
    yield setting("header", "Expect:")
    for name, value in request.headers.items():
        # To curl, "Name:" means leaving a header out and "Name;" one with nothing in it.
        yield setting("header", f"{name}: {value}" if value else f"{name}:")
    if request.follow:
        yield "location"
    if not request.validate_certs:
        yield "insecure"
    if request.ca_path:
        yield setting("cacert", request.ca_path)
    if request.unix_socket:
        yield setting("unix-socket", request.unix_socket)
    yield from request.more
    if request.user is not None:
        password = request.password.reveal() if request.password else ""
        yield setting("user", f"{request.user}:{password}")


def _parsed(request: Request, result: Result, *, with_body: bool) -> Response:
    text, _, told = result.stdout.rpartition("\n")
    status, redirects, took, url = told.split(" ", 3) if told.count(" ") >= 3 else ("000", "0", "0", request.url)
    if not result.ok or status == "000":
        reason = result.stderr.strip() or f"curl ended with status {result.exit_code}"
        return Response(-1, reason, {}, "", url, int(redirects), float(took))
    # Without bodies between them, every head but the last is of a redirection or a question for credentials.
    head, body = _last_head(text, int(redirects) if with_body else text.count("HTTP/"))
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
