"""stat: all there is to know about a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from runner.frozen import frozen
from runner.hosts.contract import FileStat, Reader
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import octal
from runner.modules.system.paths import absolute, ask, digests
from runner.modules.system.paths import follow as followed

# What lstat of the contract leaves out: access and change times, and what this user may do.
MORE: Final = """
stat -c '%X %Z' "$1" || exit 1
for right in r w x; do
  if [ -$right "$1" ]; then echo yes; else echo no; fi
done
readlink -f "$1" || :
"""
KINDS: Final[Mapping[str, str]] = {
    "isreg": "file",
    "isdir": "directory",
    "islnk": "link",
    "isfifo": "fifo",
    "issock": "socket",
    "isblk": "block",
    "ischr": "character",
}
WHO: Final = ("usr", "grp", "oth")


@frozen
class StatArgs:
    path: str
    follow: bool = False
    get_checksum: bool = True
    checksum_algorithm: Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] = "sha1"


class Stat:
    name: ClassVar = "stat"
    Args = StatArgs

    def preview(self, at: Reading, args: StatArgs) -> Change:
        return Change(False, f"looks at {args.path}", data=_told(at.host, args))

    def apply(self, at: Acting, args: StatArgs) -> Outcome:
        return Outcome(False, _told(at.host, args))


def _told(reader: Reader, args: StatArgs) -> dict[str, object]:
    asked = absolute(reader, args.path)
    path = followed(reader, asked) if args.follow else asked
    found = reader.stat(path)
    if found is None:
        return {"stat": {"exists": False}}
    told = {"exists": True, "path": asked, **_from_lstat(found), **_more(reader, path, found)}
    if args.get_checksum and found.kind == "file" and told["readable"]:
        told["checksum"] = digests(reader, [path], args.checksum_algorithm)[0]
    return {"stat": told}


def _from_lstat(found: FileStat) -> dict[str, object]:
    rights = {
        letter + who: bool(found.mode >> 6 - 3 * place & bit)
        for place, who in enumerate(WHO)
        for letter, bit in (("r", 4), ("w", 2), ("x", 1))
    }
    return {
        "mode": octal(found.mode),
        **{key: found.kind == kind for key, kind in KINDS.items()},
        "uid": found.uid,
        "gid": found.gid,
        "pw_name": found.owner,
        "gr_name": found.group,
        "size": found.size,
        "inode": found.inode,
        "dev": found.device,
        "nlink": found.links,
        "mtime": found.mtime,
        **rights,
        "isuid": bool(found.mode & 0o4000),
        "isgid": bool(found.mode & 0o2000),
    }


def _more(reader: Reader, path: str, found: FileStat) -> dict[str, object]:
    times, readable, writeable, executable, *source = ask(reader, MORE, path, doing=f"look at {path}").stdout.split(
        "\n"
    )
    accessed, changed = times.split()
    more: dict[str, object] = {
        "atime": float(accessed),
        "ctime": float(changed),
        "readable": readable == "yes",
        "writeable": writeable == "yes",
        "executable": executable == "yes",
    }
    if found.kind == "link":
        more |= {"lnk_target": found.target, "lnk_source": "\n".join(source).removesuffix("\n")}
    return more
