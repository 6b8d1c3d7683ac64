"""What templates may reach outside of themselves: files and programs of the controller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from runner.frozen import frozen
from runner.localfiles import expanded
from runner.vault import Keys

Programs = Callable[[str, Path], str]
"""Runs a line of shell in a directory of the controller and gives what it wrote; TaskFailed if it fails."""


def no_programs(line: str, _: Path) -> str:
    """The programs of whoever only checks: none."""
    raise ValueError(f"'{line}' is a program of the controller, which only a run starts")


@frozen
class Controller:
    """Where files are looked for, in order, and how programs are run.

    `keeps`: whether what is made up once may be written down (passwords); not in check mode.
    """

    search_path: tuple[Path, ...]
    keys: Keys
    programs: Programs = no_programs
    keeps: bool = False

    @property
    def directory(self) -> Path:
        """The playbook's directory."""
        return self.search_path[0] if self.search_path else Path()

    def text(self, path: Path) -> str:
        """The text of a file, opened if it is encrypted."""
        return self.keys.file(path).decode("utf-8")

    def places(self, name: str, *kinds: str) -> Iterator[Path]:
        """Where a file of that name may be: in each directory of the search path, in the `kinds` of it first."""
        wanted = expanded(name)
        if wanted.is_absolute():
            yield wanted
            return
        for base in self.search_path:
            yield from (base / kind / wanted for kind in kinds)
            yield base / wanted

    def found(self, name: str, *kinds: str, test: Callable[[Path], bool]) -> Path | None:
        """The first of the `places` for which `test` holds."""
        return next((place for place in self.places(name, *kinds) if test(place)), None)
