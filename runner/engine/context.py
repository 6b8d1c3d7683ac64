"""What a module is given while it works on one host: `Reading` for preview, `Acting` for apply."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runner.engine.keywords import search
from runner.engine.variables import Templated
from runner.errors import Interrupted, TaskFailed, TimedOut
from runner.events import Event, Progress, Warned
from runner.frozen import frozen
from runner.hosts.contract import Host, Hosts
from runner.hosts.detached import DetachedHost, Job
from runner.modules.contract import RunInfo
from runner.playbook import Keywords
from runner.repositories.contract import Repositories
from runner.template import Templar

Ask = Callable[[str, bool], str]
"""Puts a prompt to whoever sits at the terminal; the flag tells whether the answer is echoed."""


def nobody_to_ask(prompt: str, echo: bool) -> str:
    """The `Ask` of a run without a terminal."""
    raise TaskFailed(f"nobody is there to answer {prompt!r}", hint="run it at a terminal, or give the value with -e")


@frozen
class Surroundings:
    """What all tasks of a play share."""

    hosts: Hosts
    repositories: Repositories
    templar: Templar
    directory: Path
    play_vars: Mapping[str, object]
    watch: Callable[[Event], None]
    interrupted: threading.Event
    clock: Callable[[], float]
    ask: Ask = nobody_to_ask


class Context:
    """Both `Reading` and `Acting`; the engine hands it to `preview` only as the former."""

    def __init__(
        self,
        around: Surroundings,
        *,
        host: Host,
        keywords: Keywords,
        run: RunInfo,
        variables: Mapping[str, Any],
        path: str,
        name: str,
        deadline: float,
        silent: bool,
    ) -> None:
        """`name` is the host the task is for; `deadline` a `time.monotonic()` value; `silent` holds back all
        that could show what a `no_log` task works on; `keywords` are all that hold for the task."""
        self._around = around
        self._host = host
        self.keywords = keywords
        self.search = search(keywords, around.directory)
        self.play_vars = around.play_vars
        self.path = path
        self._run = run
        self._variables = variables
        self._name = name
        self._deadline = deadline
        self._silent = silent

    @property
    def host(self) -> Host:
        return self._host

    def detach(self, job: Job) -> DetachedHost:
        """From now on what runs on the host runs as this job."""
        self._host = detached = DetachedHost(self._host, job, self.sleep)
        return detached

    @property
    def repositories(self) -> Repositories:
        return self._around.repositories

    @property
    def run(self) -> RunInfo:
        return self._run

    @property
    def variables(self) -> Mapping[str, Any]:
        return Templated(self._around.templar, self._variables)

    def evaluate(self, expression: str, extra: Mapping[str, object] | None = None) -> object:
        return self._around.templar.evaluate(expression, {**self._variables, **(extra or {})})

    def render(self, text: str) -> str:
        return self._around.templar.render_text(text, self._variables)

    def find(self, kind: str, path: str) -> Path:
        candidates = self.search.candidates(kind, path)
        for place in candidates:
            if place.exists():
                return place
        raise TaskFailed(
            f"{path} is not there",
            why=f"looked for {' and '.join(str(place) for place in candidates)}",
            hint="paths on the controller are relative to the role, the task's file or the playbook",
        )

    def content(self, path: Path) -> bytes:
        try:
            return self._around.templar.keys.file(path)
        except OSError as error:
            raise TaskFailed(f"cannot read {path} on the controller: {error.strerror}") from error

    def is_encrypted(self, path: Path) -> bool:
        return path.is_file() and self._around.templar.keys.is_encrypted(path)

    def host_named(self, name: str) -> Host:
        return self._around.hosts.get(name).view(deadline=self._deadline)

    def progress(self, label: str, done: int, total: int | None, unit: str = "bytes") -> None:
        if not self._silent:
            event = Progress(self.path, self._name, label, done, total, unit, at=self._around.clock())
            self._around.watch(event)

    def warn(self, message: str, hint: str = "") -> None:
        if not self._silent:
            self._around.watch(Warned(message, f"{self.path} on {self._name}", hint, at=self._around.clock()))

    def sleep(self, seconds: float) -> None:
        left = self._deadline - time.monotonic()
        if self._around.interrupted.wait(max(0.0, min(seconds, left))):
            raise Interrupted("interrupted while waiting")
        if seconds > left:
            raise TimedOut("the task's time was over while waiting", hint="give it more with `timeout`")

    def ask(self, prompt: str, *, echo: bool = True) -> str:
        return self._around.ask(prompt, echo)
