"""What is in an archive of a host, read there: of a zip only its directory travels, of a tar only what is listed."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import Command, Pipeline, Reader, Result, Script
from runner.modules.archives import formats
from runner.modules.archives.formats import Format
from runner.modules.archives.local import zip_members
from runner.modules.archives.members import Kind, Member, escaping, refuse_escapes, tidied

PLAIN: Final = {"LC_ALL": "C", "TZ": "UTC"}
HASH_EACH: Final = 'printf "%s %s\\0" "$(sha256sum)" "$TAR_FILENAME"'
# busybox takes off the beginning of such names, in its list too, and says so on its standard error.
REMOVES: Final = "removing leading"
RANGE: Final = 'tail -c "+$2" -- "$1" | head -c "$3"'
LINE: Final = re.compile(
    r"(?P<kind>[-dlhbcpsCV])(?P<mode>[-rwxsStT]{9})[+.]? +\S+?/\S+ +(?P<size>\d+(?:,\s*\d+)?) "
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? (?P<name>.*)"
)
EMPTY: Final = hashlib.sha256().hexdigest()
KINDS: Final[Mapping[str, Kind]] = {"-": "file", "C": "file", "d": "directory", "l": "link", "h": "hard"}
ESCAPE: Final = re.compile(r"\\([0-7]{3}|.)")
ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def format_of(reader: Reader, path: str) -> Format:
    """The format of a file of the host."""
    return formats.of(_range(reader, path, 0, formats.HEAD))


def members(reader: Reader, path: str, one: Format, *, trusted: bool = False) -> list[Member]:
    """What is in it; TaskFailed for a broken archive, and for one whose names its tar cannot list safely.

    `trusted`: it may hold what `refuse_escapes` refuses; it is only looked at.
    """
    if one.is_zip:
        return _of_zip(reader, path)
    formats.require(reader, one.unpack, f"read {path}")
    gnu = formats.has_gnu_tar(reader)
    # -P: names as they are, to be judged here.
    options = ("-P", "--quoting-style=escape", "--full-time") if gnu else ()
    listing = _tar(reader, one, path, ("tar", "-t", "-v", *options, "-f", "-"))
    listed = [_listed(line, gnu, path) for line in listing.stdout.split("\n") if line]
    if not trusted:
        refuse_escapes(listed, path)
    if REMOVES in listing.stderr:
        raise escaping(path, "it holds a name that is absolute or leads upwards")
    if not any(member.kind == "file" and member.size for member in listed):
        return list(_with_digests(listed, {}))
    told = _tar(reader, one, path, ("tar", "-x", "-f", "-", f"--to-command={HASH_EACH}"))
    hashes = dict(_hashes(told.stdout))
    return list(_with_digests(listed, hashes))


def _tar(reader: Reader, one: Format, path: str, argv: tuple[str, ...]) -> Result:
    what = Pipeline((*formats.unpacking(one, path), Command(argv, env=PLAIN)))
    result = reader.query(what, check=False)
    if not result.ok:
        said = result.stderr.strip().splitlines()
        raise TaskFailed(f"{path} is no archive that can be read: {said[-1] if said else result.exit_code}")
    return result


def _listed(line: str, gnu: bool, path: str) -> Member:
    match = LINE.fullmatch(line)
    if match is None:
        raise TaskFailed(
            f"{path} holds a name that cannot be listed safely: {line!r}",
            hint="with GNU tar on the host any name can; install it",
        )
    kind = KINDS.get(match["kind"], "other")
    name, target = match["name"], ""
    arrow = " link to " if kind == "hard" else " -> "
    # busybox shows a hard link as an empty file with an arrow.
    if kind in ("link", "hard") or (kind == "file" and not gnu and arrow in name and match["size"] == "0"):
        kind = kind if kind == "link" else "hard"
        name, _, target = name.partition(arrow)
        if arrow in target:
            raise TaskFailed(f"{path} holds a link whose name cannot be told from its target: {line!r}")
    if gnu:
        name, target = _unescaped(name), _unescaped(target)
    target = tidied(target) if kind == "hard" else target
    size = 0 if kind == "other" else int(match["size"])
    moment = datetime.fromisoformat(f"{match['time']}+00:00").timestamp()
    return Member(tidied(name), kind, _mode(match["mode"]), size, moment, target)


def _unescaped(text: str) -> str:
    """GNU tar's `escape` quoting undone; octal digits are bytes."""

    def byte(match: re.Match[str]) -> str:
        told = match[1]
        return chr(int(told, 8)) if len(told) == 3 else ESCAPED.get(told, told)

    if "\\" not in text:
        return text
    raw = ESCAPE.sub(byte, text.encode("utf-8", "surrogateescape").decode("latin-1"))
    return raw.encode("latin-1").decode("utf-8", "surrogateescape")


def _mode(text: str) -> int:
    mode = 0
    for index, letter in enumerate(text):
        if letter not in "-ST":
            mode |= 0o400 >> index
        if letter in "sStT":
            mode |= 0o4000 >> index // 3
    return mode


def _hashes(text: str) -> Iterator[tuple[str, str]]:
    for record in text.split("\0"):
        if record:
            told, _, name = record.partition("  - ")
            yield tidied(name), told


def _with_digests(listed: list[Member], hashes: Mapping[str, str]) -> Iterator[Member]:
    for one in listed:
        wanted = one.target if one.kind == "hard" else one.name
        digest = hashes.get(wanted, EMPTY) if one.kind in ("file", "hard") else ""
        if one.name:
            yield Member(one.name, one.kind, one.mode, one.size, one.mtime, one.target, digest)


def _of_zip(reader: Reader, path: str) -> list[Member]:
    try:
        with zipfile.ZipFile(io.BufferedReader(_Remote(reader, path), 64 * 1024)) as archive:
            return zip_members(archive)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise TaskFailed(f"{path} is no archive that can be read: {error}") from error


class _Remote(io.RawIOBase):
    """A file of the host, of which only what is read travels."""

    def __init__(self, reader: Reader, path: str) -> None:
        found = reader.stat(path)
        self._reader, self._path, self._place = reader, path, 0
        self._size = found.size if found is not None else 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before its beginning")
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # io passes what memoryview takes
        data = _range(self._reader, self._path, self._place, len(view)) if self._place < self._size else b""
        view[: len(data)] = data
        self._place += len(data)
        return len(data)


def _range(reader: Reader, path: str, start: int, length: int) -> bytes:
    result = reader.query(Script(RANGE, (path, str(start + 1), str(length))), check=False)
    if not result.ok:
        raise TaskFailed(f"cannot read {path}: {result.stderr.strip()}", where=reader.name)
    return result.stdout.encode("utf-8", "surrogateescape")
