"""tempfile: a new file or directory that nobody else can read."""

from __future__ import annotations

import secrets
from typing import ClassVar, Final, Literal

from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.describing import described
from runner.modules.system.paths import absolute, act, ask

PLACE: Final = 'printf %s "${TMPDIR:-/tmp}"'
# Neither takes over what is there, not even a link.
MAKE: Final = {"file": 'umask 077; set -C; : >"$1"', "directory": 'umask 077; mkdir "$1"'}


@frozen
class TempfileArgs:
    state: Literal["file", "directory"] = "file"
    path: str | None = None
    prefix: str = "ansible."
    suffix: str = ""


class Tempfile:
    name: ClassVar = "tempfile"
    Args = TempfileArgs

    def preview(self, at: Reading, args: TempfileArgs) -> Change:
        return Change(True, f"makes a temporary {args.state} in {_parent(at.host, args)}")

    def apply(self, at: Acting, args: TempfileArgs) -> Outcome:
        path = f"{_parent(at.host, args).rstrip('/')}/{args.prefix}{secrets.token_hex(8)}{args.suffix}"
        act(at.host, MAKE[args.state], path, doing=f"make {path}")
        return Outcome(True, {"path": path, **described(at.host.stat(path))})


def _parent(reader: Reader, args: TempfileArgs) -> str:
    told = args.path or ask(reader, PLACE, doing="tell the directory for temporary files").stdout
    return absolute(reader, told)
