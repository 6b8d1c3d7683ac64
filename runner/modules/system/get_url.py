"""get_url: a file from a web server to its place on a host."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import unquote, urlsplit

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import FileStat, Reader
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system import checksums
from runner.modules.system.attributes import Attributes
from runner.modules.system.checksums import Checksum
from runner.modules.system.curl import Request, Response, download, send, setting
from runner.modules.system.describing import described
from runner.modules.system.paths import absolute, digests, follow, is_directory
from runner.modules.system.placing import Placing, plan_placing
from runner.modules.system.planning import NotThereYet, unknown
from runner.modules.system.sources import OnTheHost
from runner.modules.system.tunnel import download_through, send_through
from runner.secret import Secret
from runner.units import seconds

# The Request's own limit for an answer that is held in memory: a list of checksums.
LISTING_TIMEOUT: Final = 60.0
DISPOSITION: Final = re.compile(r"""filename\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^;\s]+))""", re.IGNORECASE)


@frozen
class GetUrlArgs:
    url: str
    dest: str
    checksum: str = ""
    force: bool = False
    headers: Mapping[str, str | int | float] = field(default_factory=dict)
    url_username: str | None = None
    url_password: Secret | None = None
    force_basic_auth: bool = False
    http_agent: str = "ansible-httpget"
    timeout: Duration = 10
    validate_certs: bool = True
    client_cert: str | None = None
    client_key: str | None = None
    ciphers: tuple[str, ...] = ()
    decompress: bool = True
    use_proxy: bool = True
    use_netrc: bool = True
    tmp_dest: str | None = None
    backup: bool = False
    mode: str | None = None
    owner: str | None = None
    group: str | None = None

    @property
    def attributes(self) -> Attributes:
        return Attributes(self.mode, self.owner, self.group)


class GetUrl:
    name: ClassVar = "get_url"
    Args = GetUrlArgs

    def preview(self, at: Reading, args: GetUrlArgs) -> Change:
        try:
            plan = _plan(at.host, args)
        except NotThereYet as missing:
            return unknown(missing)
        if plan.kept is not None:
            return Change(bool(plan.wrong), f"{plan.dest} is there", data=_kept(args, plan))
        # Whether the server has anything else than what is there cannot be known without asking it.
        return Change(None if plan.may_be_same else True, f"fetches {args.url} to {plan.dest}")

    def apply(self, at: Acting, args: GetUrlArgs) -> Outcome:
        plan = _plan(at.host, args)
        if plan.kept is not None:
            return _keep(at, args, plan.dest, plan.kept, _kept(args, plan))
        return _fetch(at, args, plan)


@frozen
class _Plan:
    """`kept` is a file that has the checksum and stays; `since`: only something newer than this is fetched."""

    dest: str
    checksum: Checksum | None
    kept: FileStat | None
    wrong: tuple[str, ...]
    may_be_same: bool
    since: float | None


def _plan(reader: Reader, args: GetUrlArgs) -> _Plan:
    dest = absolute(reader, args.dest)
    into = is_directory(reader, dest) or args.dest.endswith("/")
    if not is_directory(reader, dest if into else posixpath.dirname(dest)):
        raise NotThereYet(
            f"Destination {dest if into else posixpath.dirname(dest)} does not exist",
            hint="make the directory first with `file` and `state: directory`",
            data={"dest": dest, "url": args.url},
        )
    checksum = _checksum(reader, args) if args.checksum else None
    path = dest if not into else f"{dest.rstrip('/')}/{checksums.file_name(args.url)}"
    found = reader.stat(follow(reader, path))
    kept = found if not args.force and checksum and _is(reader, path, checksum) else None
    return _Plan(
        dest=path if kept or not into else f"{dest}/",
        checksum=checksum,
        kept=kept,
        wrong=tuple(args.attributes.differences(kept)) if kept else (),
        may_be_same=found is not None or into,
        since=found.mtime if found and not (args.force or checksum or into) else None,
    )


def _is(reader: Reader, path: str, checksum: Checksum) -> bool:
    return digests(reader, [path], checksum.algorithm)[0] == checksum.digest


def _checksum(reader: Reader, args: GetUrlArgs) -> Checksum:
    told = checksums.parse(args.checksum)
    if not told.listed:
        return told
    request = replace(_request(args, told.listed), idle=None, timeout=LISTING_TIMEOUT)
    if urlsplit(told.listed).netloc != urlsplit(args.url).netloc:
        # What is for one server is not told another.
        request = replace(request, headers={}, user=None, password=None)
    response = send(reader, request) or send_through(reader, request)
    if response.status != HTTPStatus.OK:
        raise _failed(args, response, told.listed)
    digest = checksums.find(response.body, checksums.file_name(args.url))
    if digest is None:
        raise TaskFailed(
            f"Unable to find a checksum for file '{checksums.file_name(args.url)}' in '{told.listed}'",
            hint="give the checksum itself in `checksum`",
            data={"url": args.url},
        )
    return replace(told, digest=digest)


def _fetch(at: Acting, args: GetUrlArgs, plan: _Plan) -> Outcome:
    parent = {} if args.tmp_dest is None else {"parent": absolute(at.host, args.tmp_dest)}
    with at.host.private_directory(**parent) as directory:
        file = f"{directory}/download"
        request = _request(args, args.url, plan.since)
        response = download(at.host, request, file) or download_through(at.host, request, file)
        if response.status == HTTPStatus.NOT_MODIFIED and (found := at.host.stat(plan.dest)):
            return _keep(at, args, plan.dest, found, _not_modified(args, plan, response))
        if response.status != HTTPStatus.OK:
            raise _failed(args, response, args.url)
        _verify(at.host, args, plan.checksum, file)
        placing = Placing(dest=plan.dest, attributes=args.attributes, backup=args.backup)
        placed = plan_placing(at.host, OnTheHost(at.host, file, _name(response), moved=True), placing)
        before, new = digests(at.host, [placed.root, file], "sha1")
        md5 = digests(at.host, [file], "md5")[0]
        backup = placed.carry_out(at.host) if placed.needed else None
    data = {
        "url": args.url,
        "dest": placed.root,
        "src": file,
        "status_code": response.status,
        "elapsed": round(response.seconds),
        "msg": f"OK ({response.headers.get('content-length', 'unknown')} bytes)",
        "checksum_src": new,
        "checksum_dest": before,
        "md5sum": md5,
        **described(at.host.stat(placed.root)),
    }
    return Outcome(placed.needed, data if backup is None else {**data, "backup_file": backup})


def _keep(at: Acting, args: GetUrlArgs, path: str, found: FileStat, told: Mapping[str, object]) -> Outcome:
    """Leave a file's content, and set its attributes."""
    changed = args.attributes.apply(at.host, path, found)
    return Outcome(changed, {**told, **described(at.host.stat(path))})


def _verify(reader: Reader, args: GetUrlArgs, wanted: Checksum | None, file: str) -> None:
    if wanted is None:
        return
    got = digests(reader, [file], wanted.algorithm)[0]
    if got != wanted.digest:
        raise TaskFailed(
            f"The checksum for {args.url} did not match {wanted.digest}; it was {got}.",
            why="what came is not what was meant; nothing was put in place",
            hint="the file on the server was replaced, or the checksum is of another version",
            data={"url": args.url, "dest": args.dest},
        )


def _request(args: GetUrlArgs, url: str, since: float | None = None) -> Request:
    known = {} if since is None else {"If-Modified-Since": formatdate(since, usegmt=True)}
    given = {name: str(value) for name, value in args.headers.items()}
    return Request(
        url=url,
        method="GET",
        body=None,
        headers={"User-Agent": args.http_agent, **known, **given},
        timeout=seconds(args.timeout),
        idle=seconds(args.timeout),
        follow=True,
        validate_certs=args.validate_certs,
        user=args.url_username,
        password=args.url_password,
        more=tuple(_more(args)),
        only_curl=bool(args.client_cert or args.client_key or args.ciphers),
    )


def _more(args: GetUrlArgs) -> Iterator[str]:
    if args.url_username is not None and not args.force_basic_auth:
        yield "anyauth"
    if args.decompress:
        yield "compressed"
    if not args.use_proxy:
        yield setting("noproxy", "*")
    if args.use_netrc:
        yield "netrc-optional"
    for name, value in (("cert", args.client_cert), ("key", args.client_key), ("ciphers", ":".join(args.ciphers))):
        if value:
            yield setting(name, value)


def _name(response: Response) -> str:
    """What the file is called in a directory: as the server says, else as the address does. Never a path."""
    match = DISPOSITION.search(response.headers.get("content-disposition", ""))
    told = posixpath.basename(match["quoted"] or match["plain"] or "") if match else ""
    return told if told not in ("", ".", "..") else unquote(checksums.file_name(response.url)).replace("/", "_")


def _kept(args: GetUrlArgs, plan: _Plan) -> dict[str, object]:
    return {"url": args.url, "dest": plan.dest, "elapsed": 0, "msg": "file already exists", **described(plan.kept)}


def _not_modified(args: GetUrlArgs, plan: _Plan, response: Response) -> dict[str, object]:
    said = f"HTTP Error {response.status}: {response.reason}"
    return {**_kept(args, plan), "msg": said, "status_code": response.status, "elapsed": round(response.seconds)}


def _failed(args: GetUrlArgs, response: Response, url: str) -> TaskFailed:
    said = response.reason if response.status < 0 else f"HTTP Error {response.status}: {response.reason}"
    return TaskFailed(
        f"Request failed: {url}: {said}",
        hint="look at the address from the host itself" if response.status < 0 else "",
        data={"status_code": response.status, "response": said, "url": args.url, "dest": args.dest, "elapsed": 0},
    )
