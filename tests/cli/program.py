"""The real program in a process of its own, with a state directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAM = (sys.executable, "-m", "runner")
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def everything(self) -> str:
        return self.out + self.err


@dataclass(frozen=True, slots=True)
class Program:
    """Calls `sentraplay` in `directory`; its state lies in `state`."""

    directory: Path

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
        return {
            **kept,
            "HOME": str(self.directory),
            "XDG_STATE_HOME": str(self.directory / "state"),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }

    def argv(self, *argv: str) -> list[str]:
        return [*PROGRAM, *argv]

    def __call__(self, *argv: str, stdin: str = "") -> Ended:
        done = subprocess.run(
            self.argv(*argv),
            cwd=self.directory,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=PATIENCE,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *argv: str, **how: object) -> subprocess.Popen[str]:
        """The program still running; the caller ends it."""
        values: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # keywords of Popen
            self.argv(*argv),
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            **values,
        )

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path
