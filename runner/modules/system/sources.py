"""Where copied bytes come from: text given in the task, the controller, or the host itself."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.modules.contract import Reading
from runner.modules.system.describing import LARGEST_DIFF
from runner.modules.system.paths import act, ask, digests, is_directory
from runner.modules.system.planning import NotThereYet

BLOCK: Final = 1024 * 1024
WALK: Final = """
cd "$1" || exit 1
find . \\( -type f -o -type d \\) -exec sh -c '
  for path do printf "%s %s\\0" "$(stat -c "%a %s %F" "$path" | tr " " /)" "$path"; done
' sh {} +
"""
# Made beside its place with nobody else's rights, made durable, then renamed.
COPY: Final = """
src=$1 dest=$2 mode=$3 owner=$4 group=$5 bring=$6
new=${dest%/*}/.${dest##*/}.$$
umask 077
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM
"$bring" "$src" "$new" || exit 1
if [ -n "$owner$group" ]; then chown "$owner${group:+:$group}" "$new" || exit 1; fi
chmod "$mode" "$new" || exit 1
sync "$new" || exit 1
mv -f -T "$new" "$dest" || exit 1
"""


@frozen
class Entry:
    """A file or directory of a source; `relative` is empty for the source itself."""

    relative: str
    is_directory: bool
    mode: int
    size: int


@frozen
class Rights:
    """What a file gets when it appears; owner and group as names or numbers, None for the writer's own."""

    mode: int
    owner: str | None
    group: str | None


class Source(Protocol):
    @property
    def shown(self) -> str:
        """What results call it; its last name is what a file copied into a directory gets."""
        ...

    @property
    def is_directory(self) -> bool: ...

    @property
    def is_secret(self) -> bool:
        """Whether nobody may see what is in it, nor what it takes the place of."""
        ...

    def entries(self) -> Sequence[Entry]:
        """Everything to be copied, directories before what is in them."""
        ...

    def digests(self, entries: Sequence[Entry]) -> Sequence[str]:
        """The sha256 of each file."""
        ...

    def content(self, entry: Entry) -> bytes | None:
        """A file's bytes to be shown, None if they are too many."""
        ...

    def deliver(self, host: Host, entry: Entry, path: str, rights: Rights) -> None:
        """Write a file to `path` of the host, whole or not at all."""
        ...


@frozen
class GivenContent:
    """Text from a task or a rendered template."""

    data: bytes
    shown: str = ""
    is_directory: bool = False
    is_secret: bool = False

    def entries(self) -> Sequence[Entry]:
        return (Entry("", False, 0o644, len(self.data)),)

    def digests(self, entries: Sequence[Entry]) -> Sequence[str]:
        return [hashlib.sha256(self.data).hexdigest() for _ in entries]

    def content(self, entry: Entry) -> bytes | None:
        return self.data if len(self.data) <= LARGEST_DIFF else None

    def deliver(self, host: Host, entry: Entry, path: str, rights: Rights) -> None:
        host.put(io.BytesIO(self.data), path, mode=rights.mode, owner=rights.owner, group=rights.group)


@frozen
class OnController:
    """A file or a directory beside the playbook."""

    path: Path
    shown: str
    is_secret: bool = False

    @property
    def is_directory(self) -> bool:
        return self.path.is_dir()

    def entries(self) -> Sequence[Entry]:
        if not self.is_directory:
            return (_entry(self.path, ""),)
        found: list[Entry] = []
        for folder, folders, files in os.walk(self.path):
            folders.sort()
            relative = Path(folder).relative_to(self.path)
            found.append(_entry(Path(folder), "" if relative == Path() else str(relative)))
            for name in folders:
                if Path(folder, name).is_symlink():
                    raise TaskFailed(f"{Path(folder, name)} is a link to a directory, which is not copied")
            found += [_entry(Path(folder, name), str(relative / name)) for name in sorted(files)]
        return found

    def digests(self, entries: Sequence[Entry]) -> Sequence[str]:
        return [_digest(self.path / entry.relative) for entry in entries]

    def content(self, entry: Entry) -> bytes | None:
        return (self.path / entry.relative).read_bytes() if entry.size <= LARGEST_DIFF else None

    def deliver(self, host: Host, entry: Entry, path: str, rights: Rights) -> None:
        with (self.path / entry.relative).open("rb") as source:
            host.put(source, path, mode=rights.mode, owner=rights.owner, group=rights.group)


@frozen
class OnTheHost:
    """A file or a directory that is on the host already (`remote_src`). `moved`: nobody needs it where it is."""

    reader: Reader
    path: str
    shown: str
    is_secret: bool = False
    moved: bool = False

    @property
    def is_directory(self) -> bool:
        return is_directory(self.reader, self.path)

    def entries(self) -> Sequence[Entry]:
        if not self.is_directory:
            found = self.reader.stat(self.path)
            if found is None:
                raise NotThereYet(f"Source {self.path} not found on {self.reader.name}", data={"src": self.path})
            return (Entry("", False, found.mode, found.size),)
        listed = ask(self.reader, WALK, self.path, doing=f"list {self.path}").stdout.split("\0")
        return sorted((_listed(line) for line in listed if line), key=lambda entry: entry.relative)

    def digests(self, entries: Sequence[Entry]) -> Sequence[str]:
        found = digests(self.reader, [self._path_of(entry) for entry in entries])
        return [digest or "" for digest in found]

    def content(self, entry: Entry) -> bytes | None:
        return self.reader.read(self._path_of(entry)) if entry.size <= LARGEST_DIFF else None

    def deliver(self, host: Host, entry: Entry, path: str, rights: Rights) -> None:
        words = (f"{rights.mode:05o}", rights.owner or "", rights.group or "", "mv" if self.moved else "cp")
        act(host, COPY, self._path_of(entry), path, *words, doing=f"copy to {path}")

    def _path_of(self, entry: Entry) -> str:
        return f"{self.path}/{entry.relative}" if entry.relative else self.path


def _entry(path: Path, relative: str) -> Entry:
    try:
        found = path.stat()
    except OSError as error:
        raise TaskFailed(f"cannot read {path} on the controller: {error.strerror}") from error
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise TaskFailed(f"{path} on the controller is neither a file nor a directory")
    return Entry(relative, stat.S_ISDIR(found.st_mode), stat.S_IMODE(found.st_mode), found.st_size)


def _listed(line: str) -> Entry:
    about, path = line.split(" ", 1)
    mode, size, kind = about.split("/", 2)
    relative = path.removeprefix("./") if path != "." else ""
    return Entry(relative, kind == "directory", int(mode, 8), int(size))


def _digest(path: Path) -> str:
    taken = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            taken.update(block)
    return taken.hexdigest()


def opened(at: Reading, path: Path, *, decrypt: bool) -> BinaryIO:
    """The bytes of a file on the controller, of one that is encrypted as a whole those it was made of."""
    if decrypt and at.is_encrypted(path):
        return io.BytesIO(at.content(path))
    try:
        return path.open("rb")
    except OSError as error:
        raise TaskFailed(f"cannot read {path} on the controller: {error.strerror}") from error
