"""What the tasks of a role see because they belong to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import Location
from runner.frozen import frozen

if TYPE_CHECKING:
    from runner.playbook.model import Play, Role


@frozen
class Placed:
    """Variables as they were written, each with its place."""

    values: Mapping[str, object] = field(default_factory=dict)
    places: Mapping[str, Location] = field(default_factory=dict)


def merged(layers: Iterable[Placed]) -> Placed:
    """All of them, the later ones winning."""
    values: dict[str, object] = {}
    places: dict[str, Location] = {}
    for layer in layers:
        values |= layer.values
        places |= layer.places
    return Placed(values, places)


@frozen
class RoleScope:
    """A role at one place of its use.

    `defaults` and `vars` hold what comes from its dependencies and from the roles it came in through too, in
    Ansible's order. `exported` are the vars that others see. `directories` are its own and those of the roles it
    came in through, the nearest first; `parents` the names of the roles whose tasks take it in.
    """

    name: str
    directories: tuple[Path, ...]
    defaults: Placed
    vars: Placed
    exported: Placed
    chain: tuple[Link, ...]
    parents: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        return self.directories[0]


@frozen
class Link:
    """A role in a chain of roles that need each other: what is in its directory, and the `vars` it is given."""

    name: str
    directory: Path
    defaults: Placed
    vars: Placed
    given: Placed


def scope_of(chain: Sequence[Link], dependencies: Sequence[Role]) -> RoleScope:
    """What the tasks of the last role of `chain` see; `dependencies` are those that it needs itself."""
    own = chain[-1]
    needed = [role.scope for role in _all(dependencies)]
    inherited = [layer for link in chain for layer in (link.given, link.vars)]
    exported = merged([*(scope.exported for scope in needed), own.vars])
    return RoleScope(
        name=own.name,
        directories=tuple(link.directory for link in reversed(chain)),
        defaults=merged([*(scope.defaults for scope in needed), *(link.defaults for link in chain)]),
        vars=merged([*inherited, exported, own.given]),
        exported=exported,
        chain=tuple(chain),
    )


def _all(roles: Sequence[Role]) -> Iterator[Role]:
    """The roles, each behind those that it depends on."""
    for role in roles:
        yield from _all(role.dependencies)
        yield role


@frozen
class Exported:
    """What the whole play sees of its roles."""

    defaults: Placed
    vars: Placed


def exported_by(scopes: Iterable[RoleScope]) -> Exported:
    """What these roles give their play, the later ones winning."""
    found = list(scopes)
    return Exported(merged(scope.defaults for scope in found), merged(scope.exported for scope in found))


def magic_of(role: RoleScope) -> dict[str, object]:
    """The variables that tell a role's tasks where they are."""
    found: dict[str, object] = {
        "role_path": str(role.directory.absolute()),
        "role_name": role.name,
        "ansible_role_name": role.name,
    }
    if role.parents:
        found["ansible_parent_role_names"] = list(role.parents)
        found["ansible_parent_role_paths"] = [str(path.absolute()) for path in role.directories[1:]]
    return found


def names_of_roles(play: Play) -> dict[str, list[str]]:
    """The variables that name a play's roles: those it names itself, those they depend on, and both."""
    own = [role.name for role in play.all_roles]
    needed = list(dict.fromkeys(role.name for top in play.all_roles for role in _all(top.dependencies)))
    return {
        "ansible_play_role_names": own,
        "ansible_dependent_role_names": needed,
        "ansible_role_names": list(dict.fromkeys((*own, *needed))),
        "role_names": own,
    }
