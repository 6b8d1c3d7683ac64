"""A bench to try one module on the machine the tests run on, by the way a task takes: schema, Args, preview, apply."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.errors import TaskFailed
from runner.hosts.contract import Host
from runner.modules.arguments import build
from runner.modules.contract import Change, Outcome, RunInfo
from runner.modules.table import MODULES
from runner.repositories.contract import Repositories
from runner.schema import argument_problems, with_defaults
from runner.template import Templar


@dataclass
class At:
    """What a module is given: a real host, real templates, and a note of all it says."""

    host: Host
    templar: Templar
    directory: Path
    run: RunInfo
    variables: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    @property
    def repositories(self) -> Repositories:
        raise AssertionError("no module here uses a repository")

    def evaluate(self, expression: str, extra: Mapping[str, object] | None = None) -> object:
        return self.templar.evaluate(expression, {**self.variables, **(extra or {})})

    def render(self, text: str) -> str:
        return self.templar.render_text(text, self.variables)

    def find(self, kind: str, path: str) -> Path:
        for place in (self.directory / path, self.directory / kind / path):
            if place.exists():
                return place
        raise TaskFailed(f"{path} is not there")

    def content(self, path: Path) -> bytes:
        return self.templar.keys.file(path)

    def is_encrypted(self, path: Path) -> bool:
        return path.is_file() and self.templar.keys.is_encrypted(path)

    def host_named(self, name: str) -> Host:
        return self.host

    def progress(self, label: str, done: int, total: int | None, unit: str = "bytes") -> None:
        pass

    def warn(self, message: str, hint: str = "") -> None:
        self.warnings.append(message)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        time.sleep(min(seconds, 0.05))

    def ask(self, prompt: str, *, echo: bool = True) -> str:
        if not self.answers:
            raise TaskFailed(f"nobody is there to answer {prompt!r}")
        return self.answers.pop(0)


@dataclass
class Bench:
    """Modules by name, with arguments as a playbook gives them after rendering."""

    at: At
    watched: Path

    def args(self, module: str, arguments: Mapping[str, object]) -> Any:
        problems = argument_problems(module, arguments, rendered=True)
        assert not problems, problems
        return build(MODULES[module].Args, with_defaults(module, arguments))

    def preview(self, module: str, **arguments: object) -> Change:
        """The module's preview, proved to have changed nothing under the watched directory."""
        args = self.args(module, arguments)
        before = tree(self.watched)
        change = MODULES[module].preview(self.at, args)
        assert tree(self.watched) == before, "a preview changed something"
        return change

    def apply(self, module: str, **arguments: object) -> Outcome:
        return MODULES[module].apply(self.at, self.args(module, arguments))

    def settle(self, module: str, **arguments: object) -> Outcome:
        """Apply twice; what the contract promises of preview, change and idempotence is checked on the way."""
        foreseen = self.preview(module, **arguments)
        before = tree(self.watched)
        first = self.apply(module, **arguments)
        assert foreseen.needed in (None, first.changed), "the preview was wrong"
        assert first.changed or tree(self.watched) == before, "something changed and was not reported"
        settled = tree(self.watched)
        second = self.apply(module, **arguments)
        assert not second.changed, "done twice, it says it changed something again"
        assert tree(self.watched) == settled, "done twice, it changed something again"
        assert self.preview(module, **arguments).needed is False
        return first


def tree(directory: Path) -> dict[str, tuple[object, ...]]:
    """Everything under a directory with what a change would show in."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(directory.rglob("*")):
        seen = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        found[str(path)] = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, seen.st_ino, content)
    return found
