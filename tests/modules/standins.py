"""Programs this machine has not got: scripts in PATH that answer as recorded, and note how they were called."""

from __future__ import annotations

import json
from pathlib import Path

# Every call is one line of JSON, so that words stay apart whatever is in them.
NOTE = """\
#!/bin/sh
here={here}
{{
  printf '["%s"' "${{0##*/}}"
  for word do printf ', "%s"' "$(printf %s "$word" | sed 's/\\\\/\\\\\\\\/g; s/"/\\\\"/g')"; done
  echo ']'
}} >> "$here/calls"
cd "$here" || exit 1
{script}
"""


class StandIns:
    """`directory` is to be in PATH; a script runs in `state` and keeps there what it has to remember."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.state.mkdir(parents=True)
        (self.state / "calls").touch()

    def add(self, name: str, script: str) -> None:
        """A program of that name; `script` is POSIX sh."""
        path = self.directory / name
        path.write_text(NOTE.format(here=self.state, script=script))
        path.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        """Something the scripts remember."""
        (self.state / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.state / name).read_text()

    def calls(self, program: str) -> list[list[str]]:
        """The words each call of a program was made with, in order."""
        lines = [json.loads(line) for line in self.read("calls").splitlines()]
        return [words[1:] for words in lines if words[0] == program]

    def forget(self) -> None:
        self.write("calls", "")
