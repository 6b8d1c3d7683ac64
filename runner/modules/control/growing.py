"""What add_host and group_by have in common."""

from __future__ import annotations

from collections.abc import Iterable

from runner.events import AddedHost
from runner.modules.contract import Reading


def split(names: Iterable[str]) -> tuple[str, ...]:
    """Names of groups; text may hold several, with commas."""
    return tuple(name.strip() for text in names for name in text.split(",") if name.strip())


def is_new(at: Reading, added: AddedHost) -> bool:
    """Whether the inventory does not say so already."""
    groups = at.variables["groups"]
    if any(added.name not in groups.get(group, ()) for group in added.groups):
        return True
    if not at.evaluate("added_host in hostvars", {"added_host": added.name}):
        return True
    return any(_known(at, added.name, name) != value for name, value in added.variables.items())


def _known(at: Reading, host: str, variable: str) -> object:
    """The value a host's variable has now; nothing if it has none."""
    names = {"added_host": host, "added_variable": variable}
    return at.evaluate("hostvars[added_host][added_variable] | default(none)", names)
