"""uri: ask a web service from the host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Literal
from urllib.parse import urlencode

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.curl import Request, Response, send
from runner.modules.system.tunnel import send_through
from runner.secret import Secret
from runner.units import human_seconds, seconds

BodyFormat = Literal["raw", "json", "form-urlencoded"]
CONTENT_TYPES: Mapping[BodyFormat, str] = {
    "json": "application/json",
    "form-urlencoded": "application/x-www-form-urlencoded",
}


@frozen
class UriArgs:
    url: str
    method: str = "GET"
    body: object = None
    body_format: BodyFormat = "raw"
    headers: Mapping[str, str | int | float] = field(default_factory=dict)
    status_code: tuple[int, ...] = (200,)
    return_content: bool = False
    timeout: Duration = 30
    follow_redirects: Literal["all", "none", "safe"] = "safe"
    validate_certs: bool = True
    ca_path: str | None = None
    user: str | None = None
    password: Secret | None = None
    unix_socket: str | None = None


class Uri:
    name: ClassVar = "uri"
    Args = UriArgs

    def preview(self, at: Reading, args: UriArgs) -> Change:
        # Even a GET may start something on the other side, and nobody knows the answer without it.
        return Change(None, f"sends {args.method.upper()} {args.url}")

    def apply(self, at: Acting, args: UriArgs) -> Outcome:
        request = _request(args)
        response = send(at.host, request) or send_through(at.host, request)
        data = _data(args, response)
        if response.status not in args.status_code:
            raise _unexpected(args, response, data)
        return Outcome(False, data)


def _request(args: UriArgs) -> Request:
    method = args.method.upper()
    headers = {name: str(value) for name, value in args.headers.items()}
    if args.body is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = CONTENT_TYPES.get(args.body_format, "")
    follow = args.follow_redirects == "all" or (args.follow_redirects == "safe" and method in ("GET", "HEAD"))
    return Request(
        url=args.url,
        method=method,
        body=_body(args),
        headers=headers,
        timeout=seconds(args.timeout),
        follow=follow,
        validate_certs=args.validate_certs,
        ca_path=args.ca_path,
        user=args.user,
        password=args.password,
        unix_socket=args.unix_socket,
    )


def _body(args: UriArgs) -> bytes | None:
    if args.body is None:
        return None
    if args.body_format == "form-urlencoded" and isinstance(args.body, Mapping):
        return urlencode(args.body, doseq=True).encode()
    text = args.body if isinstance(args.body, str) else json.dumps(args.body, ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape")


def _data(args: UriArgs, response: Response) -> dict[str, object]:
    expected = response.status in args.status_code
    data: dict[str, object] = {
        **{name.lower().replace("-", "_"): value for name, value in response.headers.items()},
        "status": response.status,
        "url": response.url,
        "redirected": response.redirects > 0,
        "elapsed": round(response.seconds),
        "headers": dict(response.headers),
        "msg": f"{response.reason or 'OK'} ({len(response.body)} characters)",
    }
    if args.return_content or not expected:
        data["content"] = response.body
    if "json" in str(response.headers.get("content-type", "")).lower():
        try:
            data["json"] = json.loads(response.body)
        except ValueError:
            data["msg"] = "the answer calls itself JSON and is not"
    return data


def _unexpected(args: UriArgs, response: Response, data: dict[str, object]) -> TaskFailed:
    wanted = list(args.status_code)
    if response.status < 0:
        message = f"Status code was -1 and not {wanted}: Request failed: {response.reason}"
        hint = f"nothing answered within {human_seconds(seconds(args.timeout))}: is the service up on the host?"
    else:
        said = response.body.strip().splitlines()
        message = f"Status code was {response.status} and not {wanted}: {response.reason}" + (
            f": {said[0][:200]}" if said else ""
        )
        hint = ""
    return TaskFailed(f"{args.method.upper()} {args.url}: {message}", hint=hint, data={**data, "msg": message})
