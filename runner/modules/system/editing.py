"""Changing a text file where it is: what lineinfile, blockinfile and replace have in common.

The file is read, changed here with Python's `re`, and placed back whole. If somebody else wrote it
in between, the task fails and that file stays.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import AnyStr, Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.describing import LARGEST_DIFF
from runner.modules.system.paths import absolute, follow
from runner.modules.system.placing import Placing, PlacingPlan, plan_placing
from runner.modules.system.planning import NotThereYet, unknown
from runner.modules.system.sources import Entry, Rights

LARGEST: Final = 16 * 1024 * 1024
ATTRIBUTES_CHANGED: Final = "ownership, perms or SE linux context changed"


@frozen
class Edited:
    """What a file becomes, None if it stays as it is or away; `said` is the result's `msg`."""

    content: bytes | None
    said: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


Edit = Callable[[str, bytes | None], Edited]
"""The file's path and what is in it (None: there is no file) -> what it becomes."""


@frozen
class Editing:
    """A change to one file. `backup_key`: the result's name for the backup; `always`: there even without one."""

    placing: Placing
    edit: Edit
    backup_key: str = "backup_file"
    always: bool = False

    def preview(self, at: Reading) -> Change:
        """What would change."""
        try:
            plan = _plan(at.host, self)
        except NotThereYet as missing:
            return unknown(missing)
        diff = plan.placing.diff(at.host) if plan.placing else None
        return Change(plan.needed, f"{plan.path}: {plan.said or 'as wanted'}", diff, self._data(plan, None))

    def apply(self, at: Acting) -> Outcome:
        """Change it."""
        plan = _plan(at.host, self)
        if plan.placing is None or not plan.needed:
            return Outcome(False, self._data(plan, None))
        diff = plan.placing.diff(at.host)
        return Outcome(True, self._data(plan, plan.placing.carry_out(at.host)), diff=diff)

    def _data(self, plan: _Plan, backup: str | None) -> dict[str, object]:
        told = {self.backup_key: backup or ""} if backup or (self.always and plan.placing) else {}
        return {"msg": plan.said, **plan.edited.data, **told}


@frozen
class _Plan:
    path: str
    edited: Edited
    placing: PlacingPlan | None

    @property
    def needed(self) -> bool:
        return self.placing is not None and self.placing.needed

    @property
    def said(self) -> str:
        if self.placing is None or not self.placing.changes_attributes:
            return self.edited.said
        return f"{self.edited.said} and {ATTRIBUTES_CHANGED}" if self.edited.said else ATTRIBUTES_CHANGED


@frozen
class _Changed:
    """The changed content, which may only take the place of what it was made from."""

    data: bytes
    path: str
    replaces: str
    shown: str = ""
    is_directory: bool = False
    is_secret: bool = False

    def entries(self) -> Sequence[Entry]:
        return (Entry("", False, 0o644, len(self.data)),)

    def digests(self, entries: Sequence[Entry]) -> Sequence[str]:
        return [hashlib.sha256(self.data).hexdigest()]

    def content(self, entry: Entry) -> bytes | None:
        return self.data if len(self.data) <= LARGEST_DIFF else None

    def deliver(self, host: Host, entry: Entry, path: str, rights: Rights) -> None:
        replaces = self.replaces if path == self.path else None
        host.put(
            io.BytesIO(self.data), path, mode=rights.mode, owner=rights.owner, group=rights.group, replaces=replaces
        )


def missing(path: str, message: str) -> NotThereYet:
    """The file that was to be changed is not there."""
    return NotThereYet(
        message,
        hint="an earlier task has to make it, or say `create: true` where the module has it",
        data={"rc": 257, "path": path},
    )


def compiled(pattern: AnyStr, name: str, flags: int = 0) -> re.Pattern[AnyStr]:
    """A regular expression; TaskFailed with the place in it if it is none."""
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        raise TaskFailed(
            f"`{name}` is not a regular expression: {error}",
            hint="it is Python's syntax; in YAML put it in single quotes, so that no backslash is lost",
        ) from error


def encoded(text: str) -> bytes:
    """Text of a task as bytes of a file."""
    return text.encode("utf-8", "surrogateescape")


def expanded(match: re.Match[bytes], template: str, name: str) -> bytes:
    """A replacement with its groups filled in; TaskFailed if it names one there is not."""
    try:
        return match.expand(encoded(template))
    except (re.error, IndexError) as error:
        raise TaskFailed(f"`{name}` cannot be filled in: {error}", hint="the groups are those of `regexp`") from error


def _plan(reader: Reader, editing: Editing) -> _Plan:
    path = follow(reader, absolute(reader, editing.placing.dest))
    found = reader.stat(path)
    if found is not None and found.kind != "file":
        raise TaskFailed(f"{path} is a {found.kind}, not a file", data={"rc": 256, "path": path})
    if found is not None and found.size > LARGEST:
        raise TaskFailed(
            f"{path} is larger than {LARGEST // 1024 // 1024} MiB ({found.size} bytes)",
            why="a file is changed as a whole, in the memory of the controller",
            hint="use sed with `command` for a file of this size",
        )
    before = reader.read(path, limit=LARGEST) if found is not None else None
    edited = editing.edit(path, before)
    if before is None and edited.content is None:
        return _Plan(path, edited, None)
    replaces = hashlib.sha256(before).hexdigest() if before is not None else ""
    content = edited.content if edited.content is not None else before or b""
    placing = plan_placing(reader, _Changed(content, path, replaces), editing.placing.at(path))
    return _Plan(path, edited, placing)
