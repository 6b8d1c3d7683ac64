"""The lines of /etc/fstab, and the mounts the kernel knows, with their escapes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from runner.frozen import frozen

ESCAPED: Final = {"\\": "\\134", " ": "\\040", "\t": "\\011", "\n": "\\012", "#": "\\043"}


@frozen
class Entry:
    """What is mounted where, as a line of fstab says it."""

    src: str
    path: str
    fstype: str
    opts: str = "defaults"
    dump: str = "0"
    passno: str = "0"

    def line(self) -> str:
        words = (self.src, self.path, self.fstype, self.opts, self.dump, self.passno)
        return " ".join("".join(ESCAPED.get(sign, sign) for sign in word) for word in words)


def entry(line: str) -> Entry | None:
    """The entry of a line; None for a comment and what is none."""
    words = [_unescaped(word) for word in line.partition("#")[0].split()]
    if not 4 <= len(words) <= 6:
        return None
    return Entry(*words)


def entries(text: str) -> list[Entry]:
    return [found for line in text.splitlines() if (found := entry(line)) is not None]


def find(text: str, wanted: Entry | str) -> Entry | None:
    """The entry for the same place: a path, or for swap, which has none, the same source."""
    return next((one for one in entries(text) if _same_place(one, wanted)), None)


def with_entry(text: str, wanted: Entry) -> str:
    """With this entry; a line that says it already stays as it is written."""
    lines: list[str] = []
    there = False
    for line in text.splitlines():
        found = entry(line)
        if found is None or not _same_place(found, wanted):
            lines.append(line)
        elif not there:
            lines.append(line if found == wanted else wanted.line())
            there = True
    return _joined(lines if there else [*lines, wanted.line()])


def without(text: str, path: str, src: str | None = None) -> str:
    """Without the entries for a path; for swap, whose path is `none`, without that of the source."""
    wanted: Entry | str = Entry(src, path, "swap") if path == "none" and src else path
    kept = [line for line in text.splitlines() if (found := entry(line)) is None or not _same_place(found, wanted)]
    return _joined(kept)


def _same_place(found: Entry, wanted: Entry | str) -> bool:
    if isinstance(wanted, str):
        return found.path == wanted
    if wanted.path == "none" or found.path == "none":
        return found.path == wanted.path and found.src == wanted.src
    return found.path == wanted.path


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _unescaped(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)
