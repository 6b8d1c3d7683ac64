"""What every module promises, and what it is given.

- A module is described by `schemas/modules/<name>.json`; its `Args` dataclass has the same fields.
- `preview` only reads. Check mode is preview alone, so it cannot lie: what cannot be known without
  acting is `needed=None` (unknown), never a guess.
- `apply` is idempotent: done twice, the second time reports `changed=False`, and done again after
  being cut off at any point, it finishes the work or undoes it.
- A failure is an exception: TaskFailed or one of its kinds, with `data` for the registered result.
- A module sees contracts only, keeps no state between calls and prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from runner.events import AddedHost, IncludedVariables
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.repositories.contract import Repositories


@frozen
class Diff:
    """Text before and after, shown with --diff as a unified diff under `title`."""

    title: str
    before: str
    after: str


@frozen
class Change:
    """What apply would do. `needed` is None when it cannot be known without acting.

    `data` is what a registered variable holds in check mode; leave out what is not known. `facts`
    become host variables in check mode too: what is known without asking a host (set_fact). `skipped` is as in
    `Outcome`.
    """

    needed: bool | None
    summary: str
    diff: Diff | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    included: IncludedVariables | None = None
    added: AddedHost | None = None
    skipped: bool = False


@frozen
class Outcome:
    """What apply did. `data` goes into the registered result, `facts` become host variables. `skipped`: an argument
    such as `creates` said that it was not its turn."""

    changed: bool
    data: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    diff: Diff | None = None
    included: IncludedVariables | None = None
    added: AddedHost | None = None
    skipped: bool = False


@frozen
class RunInfo:
    """The run a module is part of. `resumed` is true for what runs after `sentraplay resume`."""

    id: str
    playbook: str
    git_commit: str
    check: bool
    diff: bool
    resumed: bool


class Reading(Protocol):
    """What `preview` is given."""

    @property
    def host(self) -> Reader: ...

    @property
    def repositories(self) -> Repositories: ...

    @property
    def run(self) -> RunInfo: ...

    @property
    def variables(self) -> Mapping[str, Any]:
        """Everything the task can see, templated when read."""
        ...

    def evaluate(self, expression: str, extra: Mapping[str, object] | None = None) -> object:
        """The value of a Jinja expression (no braces) over the task's variables and `extra`."""
        ...

    def render(self, text: str) -> str:
        """A template's text over the task's variables."""
        ...

    def find(self, kind: str, path: str) -> Path:
        """A file on the controller: in `files/` or `templates/` (`kind`) or beside it, of the role, the task's file
        and the playbook in turn."""
        ...

    def content(self, path: Path) -> bytes:
        """What a file on the controller holds; one that is encrypted as a whole is opened, and stays secret."""
        ...

    def is_encrypted(self, path: Path) -> bool:
        """Whether a file on the controller is encrypted as a whole."""
        ...


class Acting(Reading, Protocol):
    """What `apply` is given."""

    @property
    def host(self) -> Host: ...

    def host_named(self, name: str) -> Host:
        """Another host of the inventory; "localhost" is the controller."""
        ...

    def progress(self, label: str, done: int, total: int | None, unit: str = "bytes") -> None:
        """Tell those watching how far a long step is; calls are cheap and may be dropped."""
        ...

    def warn(self, message: str, hint: str = "") -> None: ...

    def sleep(self, seconds: float) -> None:
        """Wait without holding anything up; raises TimedOut at the task's deadline, Interrupted on Ctrl-C."""
        ...

    def ask(self, prompt: str, *, echo: bool = True) -> str:
        """The line somebody at the terminal answers; TaskFailed at once if nobody can be asked."""
        ...


A = TypeVar("A")


class Module(Protocol[A]):
    """One module. `Args` is a frozen dataclass; its fields are the schema's properties."""

    name: ClassVar[str]
    Args: type[A]

    def preview(self, at: Reading, args: A) -> Change: ...

    def apply(self, at: Acting, args: A) -> Outcome: ...
