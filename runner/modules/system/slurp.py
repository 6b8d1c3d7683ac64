"""slurp: a file's bytes into the registered result."""

from __future__ import annotations

import base64
from typing import ClassVar, Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.paths import absolute, follow
from runner.modules.system.planning import NotThereYet, unknown

LARGEST: Final = 16 * 1024 * 1024


@frozen
class SlurpArgs:
    src: str


class Slurp:
    name: ClassVar = "slurp"
    Args = SlurpArgs

    def preview(self, at: Reading, args: SlurpArgs) -> Change:
        try:
            return Change(False, f"reads {args.src}", data=_read(at.host, args.src))
        except NotThereYet as missing:
            return unknown(missing)

    def apply(self, at: Acting, args: SlurpArgs) -> Outcome:
        return Outcome(False, _read(at.host, args.src))


def _read(reader: Reader, src: str) -> dict[str, object]:
    path = absolute(reader, src)
    found = reader.stat(follow(reader, path))
    if found is None:
        raise NotThereYet(f"File not found: {path}", hint="check the path; `stat` tells whether a file is there")
    if found.kind == "directory":
        raise TaskFailed(f"Source is a directory and must be a file: {path}", hint="name a file in it")
    if found.size > LARGEST:
        raise TaskFailed(
            f"{path} is larger than {LARGEST // 1024 // 1024} MiB ({found.size} bytes)",
            why="what is registered is held in memory and written to the journal",
            hint="bring it to the controller with `fetch`",
        )
    content = reader.read(path, limit=LARGEST)
    return {"content": base64.b64encode(content).decode(), "encoding": "base64", "source": path}
