"""A terminal for tests: a pty, what was written to it, and the screen that a reader of it would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


@dataclass(frozen=True, slots=True)
class Shown:
    code: int
    raw: str
    screen: tuple[str, ...]


def run_on_terminal(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    columns: int = 100,
    rows: int = 30,
    patience: float = 60.0,
    typed: Sequence[tuple[str, str]] = (),
) -> Shown:
    """Run a program on a terminal of that size until it ends; everything it wrote, raw and as lines.

    `typed`: once the program has written the first text of a pair, the second is typed.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *argv], stdin=theirs, stdout=theirs, stderr=theirs, env=dict(env), cwd=cwd
    )
    os.close(theirs)
    try:
        raw = _read_all(ours, time.monotonic() + patience, list(typed))
        return Shown(process.wait(timeout=10), raw, tuple(screen_of(raw)))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read_all(handle: int, deadline: float, typed: list[tuple[str, str]]) -> str:
    chunks: list[bytes] = []
    answered = 0
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([handle], [], [], left)[0]:
            break
        try:
            chunk = os.read(handle, 65536)
        except OSError:  # EIO: the last writer has closed the terminal
            break
        if not chunk:
            break
        chunks.append(chunk)
        written = b"".join(chunks).decode(errors="replace")
        if typed and typed[0][0] in written[answered:]:
            os.write(handle, typed.pop(0)[1].encode())
            answered = len(written)
    return b"".join(chunks).decode(errors="replace")


def screen_of(raw: str) -> list[str]:
    """The lines left after carriage returns, cursor-up and erase-line; colours are dropped."""
    lines = [""]
    row = column = 0
    position = 0
    while position < len(raw):
        match = CONTROL.match(raw, position)
        if match:
            count = int(match[1]) if match[1].isdigit() else 1
            if match[2] == "A":
                row = max(0, row - count)
            elif match[2] == "K":
                lines[row] = "" if match[1] == "2" else lines[row][:column]
            position = match.end()
            continue
        character = raw[position]
        position += 1
        if character == "\r":
            column = 0
        elif character == "\n":
            row += 1
            column = 0
            while len(lines) <= row:
                lines.append("")
        else:
            lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]
