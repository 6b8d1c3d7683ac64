"""A path of a host as a tar stream and back: owners by number, modes, links, holes, ACLs, attributes, any name.

GNU tar is needed on the host: others lack sparse files, ACLs or the totals that are checked.

Increments are GNU tar's (`--listed-incremental`): a file goes in when its mtime or ctime is not older than
the snapshot, a directory with the names that are in it, so that what was deleted or renamed is undone too.
Device numbers are not compared (they change at every boot of some systems). An increment is unpacked over
what it builds on, after a look that it renames nothing from or to another place: tar itself would.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Script, command

PLAIN: Final = {"LC_ALL": "C"}

# Rooms of a restore beside and inside what is restored; they hold what the live data replaced.
ROOM_INSIDE: Final = ".sentraplay"
ROOM_BESIDE: Final = ".{name}.sentraplay"

# Status 1 is GNU tar's "some files changed while they were read": recorded, not hidden, by reading
# what it said. Names are escaped, so that one line of the index is one entry.
_CREATE: Final = """
umask 077
workdir=$1 parent=$2 name=$3
shift 3
rm -f -- "$workdir/index" "$workdir/count" "$workdir/said"
mkfifo "$workdir/index" || exit
wc -l <"$workdir/index" >"$workdir/count" &
tar --create --file=- --directory="$parent" --format=posix --pax-option=delete=atime,delete=ctime \\
  --numeric-owner --sparse --acls --xattrs --xattrs-include='*' --no-wildcards-match-slash \\
  --verbose --index-file="$workdir/index" --quoting-style=escape --totals \\
  --no-anchored --exclude='.*.sentraplay' --exclude=.sentraplay "$@" -- "./$name" 2>"$workdir/said"
status=$?
[ "$status" -le 1 ] && wait || { cat "$workdir/said" >&2; exit "$status"; }
"""

_EXTRACT: Final = """
umask 077
exec tar --extract --file=- --directory="$1" --numeric-owner --same-owner --same-permissions \\
  --acls --xattrs --xattrs-include='*' --delay-directory-restore --no-overwrite-dir
"""

# What tar says of each new or renamed directory is no warning to anybody.
_INCREMENTAL: Final = (
    "--no-check-device",
    "--warning=no-new-directory",
    "--warning=no-rename-directory",
    "--warning=no-file-unchanged",
)

# One NUL per entry: names may hold newlines. The directory extracted into counts for nothing.
_PROVE: Final = Script("""
cd -- "$1" || exit
[ "$(find . -mindepth 1 -maxdepth 1 -print0 | tr -dc '\\000' | wc -c)" -eq 1 ] || exit 3
[ -e "./$2" ] || [ -L "./$2" ] || exit 3
find . -mindepth 1 -print0 | tr -dc '\\000' | wc -c
""")

# The lists of names in an increment, and what it renames: R from, T to.
_LOOK: Final = """
umask 077
tar --list --file=- --listed-incremental=/dev/null --verbose --verbose --quoting-style=escape |
  { grep -E '^[RTX] (/|(.*/)?\\.\\.(/|$))' && exit 9; cat >/dev/null; exit 0; }
"""

_APPLY: Final = """
umask 077
exec tar --extract --file=- --directory="$1" --numeric-owner --same-owner --same-permissions \\
  --acls --xattrs --xattrs-include='*' --delay-directory-restore --listed-incremental=/dev/null \\
  --verbose --quoting-style=escape
"""

_WRITTEN: Final = re.compile(r"^Total bytes written: (\d+)", re.MULTILINE)


@frozen
class Written:
    """What an archive holds: entries, bytes before compression, and what tar had to say about files in motion."""

    entries: int
    size: int
    warnings: tuple[str, ...]


def check(reader: Reader) -> None:
    """TaskFailed unless the host has GNU tar."""
    result = reader.query(command("tar", "--version", env=PLAIN), check=False)
    if "GNU tar" not in result.stdout:
        raise TaskFailed(
            message="GNU tar is not installed",
            where=reader.name,
            why="other tars lose sparse files, ACLs and extended attributes",
            hint=f"install the package tar on {reader.name} and run again",
        )


def archive(path: str, exclude: Sequence[str], workdir: str, snapshot: str | None = None) -> Script:
    """A producer of the tar of `path`; `workdir` is a private directory for what `written` reads afterwards.

    With `snapshot`, a file on the host, only what is newer than it says; it then describes this archive.
    One that is not there makes a whole archive that can be built on.
    A pattern of `exclude` that begins with "/" means that path; any other matches names at any depth.
    """
    parent, _, name = path.rpartition("/")
    options = [f"--listed-incremental={snapshot}", *_INCREMENTAL] if snapshot else []
    for pattern in exclude:
        if not pattern.startswith("/"):
            options += ["--no-anchored", f"--exclude={pattern}"]
        elif pattern == path or pattern.startswith(f"{path}/"):
            options += ["--anchored", f"--exclude=./{name}{pattern[len(path) :]}"]
    return Script(_CREATE, (workdir, parent or "/", name, *options), env=PLAIN)


def written(host: Host, workdir: str) -> Written:
    """What the archive that just ended well holds."""
    said = host.read(f"{workdir}/said").decode("utf-8", "replace")
    count = host.read(f"{workdir}/count")
    total = _WRITTEN.search(said)
    if total is None:
        raise TaskFailed(message=f"tar did not say how much it wrote: {said.strip()}", where=host.name)
    lines = said.splitlines()
    warnings = tuple(line.removeprefix("tar: ") for line in lines if line and not _WRITTEN.match(line))
    return Written(int(count), int(total[1]), warnings)


def extract(directory: str) -> Script:
    """A consumer that unpacks a tar into an existing, empty directory, and nowhere else.

    GNU tar takes the lead off absolute names, refuses `..`, and makes links that point outside only
    after everything else, so that no entry is ever written through one.
    """
    return Script(_EXTRACT, (directory,), env=PLAIN)


def look() -> Script:
    """A consumer that ends with 9 if an increment renames something from or to outside its directory."""
    return Script(_LOOK, env=PLAIN)


def apply(directory: str) -> Script:
    """A consumer that unpacks an increment over what it builds on, and prints a line for each entry."""
    return Script(_APPLY, (directory,), env=PLAIN)


def count(host: Host, directory: str, name: str) -> int:
    """How many entries were unpacked; TaskFailed if there is anything but `name` at the top of the directory."""
    result = host.run(Script(_PROVE.text, (directory, name), env=PLAIN), check=False)
    if not result.ok:
        raise TaskFailed(
            message=f"the archive does not hold just {name}",
            where=f"{host.name}:{directory}",
            hint="it was not made by files_backup; nothing was replaced",
        )
    return int(result.stdout)
