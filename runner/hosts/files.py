"""Files on a host, by `sh` alone: the same for every host and every user it is seen as."""

from __future__ import annotations

import io
import re
import secrets
import shutil
import stat as modes
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import BinaryIO, Final, Protocol

from runner.errors import HostUnreachable, Interrupted, SentraPlayError, TaskFailed
from runner.hosts.contract import Command, CommandFailed, FileStat, Host, Script, Stream, command
from runner.hosts.framing import text
from runner.hosts.shell import Answer, said

SMALL: Final = 96 * 1024
"""A file up to this size is put with one request instead of a stream of its own."""

_KINDS: Final = {
    modes.S_IFREG: "file",
    modes.S_IFDIR: "directory",
    modes.S_IFLNK: "link",
    modes.S_IFIFO: "fifo",
    modes.S_IFSOCK: "socket",
    modes.S_IFBLK: "block",
    modes.S_IFCHR: "character",
}

# GNU and busybox agree on these; names come last, each on its own line.
_FORMAT: Final = "%f %u %g %s %Y %d %i %h\n%y\n%U\n%G"
_ABSENT: Final = ("No such file or directory", "Not a directory")

# In both scripts PIPE is ignored: when the link breaks, the shell's own word about it (`Terminated`) goes to
# a broken pipe, and the signal would end the shell before it has cleaned up.

_PUT: Final = """
set -u
trap '' PIPE
path=$1 temporary=$2 mode=$3 owner=$4 replaces=$5
trap 'rm -f -- "$temporary"' EXIT
trap 'exit 143' TERM HUP INT
if [ -d "$path" ] && ! [ -L "$path" ]; then echo "$path: is a directory" >&2; exit 1; fi
(umask 077; set -C; : >"$temporary") || exit 1
dd of="$temporary" bs=65536 conv=fsync 2>/dev/null || { echo "$temporary: cannot be written: $(
  dd of="$temporary" bs=65536 conv=fsync </dev/null 2>&1 | head -n 1)" >&2; exit 1; }
if [ -n "$owner" ]; then chown -- "$owner" "$temporary" || exit 1; fi
chmod -- "$mode" "$temporary" || exit 1
if [ "$replaces" != any ]; then
  there=
  if [ -e "$path" ] || [ -L "$path" ]; then there=$(sha256sum <"$path") || exit 1; fi
  [ "${there%% *}" = "$replaces" ] || { echo "somebody else has changed it meanwhile" >&2; exit 1; }
fi
mv -f -- "$temporary" "$path" || exit 1
trap - EXIT
sync -- "${path%/*}/" 2>/dev/null || sync
"""

# The directory outlives its own watchdog by nothing: what removes it is put into a session of its own,
# because a large tree may take longer than the grace before KILL.
_PRIVATE: Final = """
umask 077
trap '' PIPE
directory=$(mktemp -d "$1/sentraplay-XXXXXXXXXX") || exit 1
remove() { trap '' TERM HUP INT; rm -rf -- "$directory"; }
detached=$(command -v setsid)
trap 'trap "" TERM HUP INT; ${detached:+"$detached"} sh -c '\\''trap "" TERM HUP; rm -rf -- "$1"'\\'' sh "$directory" \
>/dev/null 2>&1 & exit 143' TERM HUP INT
printf '%s\\n' "$directory"
cat >/dev/null
remove
"""


class Answering(Host, Protocol):
    """A host that can give what a command wrote as bytes, and keep something through an interruption."""

    def keeping(self, what: Script) -> AbstractContextManager[Stream]: ...

    def answer(self, what: Script | Command, *, stdin: bytes = b"", limit: int = ...) -> Answer: ...


def stat(host: Answering, path: str) -> FileStat | None:
    """See the contract."""
    absolute(host.name, path)
    answer = host.answer(command("stat", "-c", _FORMAT, "--", path, env={"LC_ALL": "C"}))
    if answer.exit_code != 0:
        reason = said(answer.stderr)
        if reason.endswith(_ABSENT):
            return None
        raise TaskFailed(f"cannot look at {path}: {reason}", where=host.name)
    numbers, moment, owner, group = text(answer.stdout).split("\n")[:4]
    raw, uid, gid, size, seconds, device, inode, links = numbers.split()
    mode = int(raw, 16)
    kind = _KINDS.get(modes.S_IFMT(mode), "file")
    fraction = re.search(r"\.(\d+)", moment)
    return FileStat(
        kind=kind,
        mode=modes.S_IMODE(mode),
        uid=int(uid),
        gid=int(gid),
        owner=owner,
        group=group,
        size=int(size),
        mtime=int(seconds) + (float(f"0.{fraction[1]}") if fraction else 0.0),
        device=int(device),
        inode=int(inode),
        links=int(links),
        target=_target(host, path) if kind == "link" else "",
    )


def _target(host: Answering, path: str) -> str:
    answer = host.answer(command("readlink", "-n", "--", path))
    if answer.exit_code != 0:
        raise TaskFailed(f"cannot read the link {path}: {said(answer.stderr)}", where=host.name)
    return text(answer.stdout)


def read(host: Answering, path: str, limit: int) -> bytes:
    """See the contract."""
    absolute(host.name, path)
    # One byte more than allowed tells a file that is too large from one that just fits, even while it grows.
    script = Script(
        'if ! [ -e "$1" ]; then echo "there is no such file, or it may not be seen" >&2; exit 1; fi\n'
        'if ! [ -f "$1" ]; then echo "it is not a regular file" >&2; exit 1; fi\n'
        'exec head -c "$2" -- "$1"',
        (path, str(limit + 1)),
    )
    answer = host.answer(script, limit=limit + 1)
    if answer.exit_code != 0:
        raise TaskFailed(f"cannot read {path}: {said(answer.stderr)}", where=host.name)
    if len(answer.stdout) > limit:
        raise TaskFailed(f"{path} is larger than {limit} bytes", where=host.name, hint="use `get`")
    return answer.stdout


def put(
    host: Host,
    source: BinaryIO,
    path: str,
    *,
    mode: int,
    owner: str | None,
    group: str | None,
    replaces: str | None,
) -> None:
    """See the contract."""
    absolute(host.name, path)
    directory = path.rpartition("/")[0]
    temporary = f"{directory}/.sentraplay-{secrets.token_hex(8)}.tmp"
    owners = (owner or "") + (f":{group}" if group else "")
    script = Script(_PUT, (path, temporary, f"{mode:04o}", owners, "any" if replaces is None else replaces))
    head = _read_fully(source, SMALL + 1)
    try:
        if len(head) <= SMALL:
            host.query(script, stdin=head)
        else:
            with _removed_if_broken_off(host, temporary), host.stream(script) as stream:
                stream.stdin.write(head)
                shutil.copyfileobj(source, stream.stdin, 1024 * 1024)
                stream.finish()
    except CommandFailed as error:
        reason = said(error.result.stderr.encode("utf-8", "surrogateescape"))
        raise TaskFailed(f"cannot write {path}: {reason}", where=host.name, data=error.data) from error


@contextmanager
def _removed_if_broken_off(host: Host, temporary: str) -> Iterator[None]:
    """The script removes its file itself; on a busy host it may be killed before it has got that far."""
    try:
        yield
    except (HostUnreachable, Interrupted):
        raise
    except Exception:
        with suppress(SentraPlayError):
            host.query(command("rm", "-f", "--", temporary))
        raise


def _read_fully(source: BinaryIO, size: int) -> bytes:
    pieces = io.BytesIO()
    while (missing := size - pieces.tell()) > 0 and (piece := source.read(missing)):
        pieces.write(piece)
    return pieces.getvalue()


def get(host: Host, path: str, sink: BinaryIO) -> None:
    """See the contract."""
    absolute(host.name, path)
    try:
        with host.stream(command("cat", "--", path)) as stream:
            shutil.copyfileobj(stream.stdout, sink, 1024 * 1024)
            stream.finish()
    except CommandFailed as error:
        reason = said(error.result.stderr.encode("utf-8", "surrogateescape"))
        raise TaskFailed(f"cannot read {path}: {reason}", where=host.name, data=error.data) from error


@contextmanager
def private_directory(host: Answering, parent: str) -> Iterator[str]:
    """See the contract."""
    with host.keeping(Script(_PRIVATE, (parent,))) as stream:
        keep = stream.stdin  # its end is the order to remove the directory
        directory = text(stream.stdout.readline()).rstrip("\n")
        if not directory:
            stream.finish()
            raise TaskFailed(f"no private directory could be made in {parent}", where=host.name)
        try:
            yield directory
        finally:
            keep.close()
        stream.finish()


def absolute(host: str, path: str) -> None:
    """TaskFailed unless `path` is absolute: `~` and relative paths mean something else for every user."""
    if not path.startswith("/"):
        raise TaskFailed(f"{path!r} is not an absolute path", where=host, hint="write the path from / on")
