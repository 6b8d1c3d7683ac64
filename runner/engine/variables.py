"""What a task sees on a host, in Ansible's order of precedence (the later wins):

role defaults < inventory < play `vars` < `vars_prompt` < `vars_files` < role vars < block and task `vars` <
`include_vars` < facts and registered results < parameters of roles, variables given to includes < extra variables <
magic variables < loop variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from runner.engine.state import RunState
from runner.errors import TaskFailed
from runner.inventory import Inventory
from runner.localfiles import is_file
from runner.modules.contract import RunInfo
from runner.plan import Plan, PlannedPlay
from runner.playbook import Keywords, RoleScope, exported_by, magic_of, names_of_roles
from runner.template import Templar, UndefinedVariable

Variables = Mapping[str, Any]
NOTHING: Final = Keywords()


class Templated(Mapping[str, Any]):
    """Variables whose values are rendered when they are read."""

    def __init__(self, templar: Templar, variables: Variables) -> None:
        self._templar = templar
        self._variables = variables

    def __getitem__(self, name: str) -> Any:
        value = self._variables[name]
        return self._templar.evaluate(name, self._variables) if name.isidentifier() else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


class PlayVariables:
    """The variables of one batch of a play. What does not change during a batch is put together once per host."""

    def __init__(
        self,
        plan: Plan,
        planned: PlannedPlay,
        *,
        state: RunState,
        templar: Templar,
        run: RunInfo,
        standing: Callable[[], tuple[tuple[str, ...], tuple[str, ...]]],
        inventory: Callable[[], Inventory],
    ) -> None:
        """`standing` tells the hosts of the play, and of the batch, that have not failed; `inventory`, what it is."""
        self._plan = plan
        self._planned = planned
        self._state = state
        self._templar = templar
        self._standing = standing
        self._current = inventory
        self._inventory = inventory()
        self._run = run
        self._directory = planned.play.directory
        self._base: dict[str, dict[str, Any]] = {}
        self._files: dict[Path, Mapping[str, Any]] = {}
        self._roles = [role.scope for role in planned.play.all_roles if role.public]
        self._exported = exported_by(self._roles)
        self._magic = self._constant()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of the play."""
        return self._planned.hosts

    @property
    def lost(self) -> tuple[str, ...]:
        """The hosts of the play that failed, or could not be reached."""
        of_play, _ = self._standing()
        return tuple(host for host in self._planned.hosts if host not in of_play)

    def of(self, host: str, keywords: Keywords = NOTHING) -> dict[str, Any]:
        """Everything `host` sees in a task with these keywords, inherited ones included."""
        self._keep_up()
        role = keywords.role
        return {
            **self._exported.defaults.values,
            **(role.defaults.values if role else {}),
            **self._base_of(host),
            **self._exported.vars.values,
            **(role.vars.values if role else {}),
            **keywords.vars,
            **self._included(host),
            **self._state.values.get(host, {}),
            **keywords.params,
            **self._plan.options.extra_vars,
            **self._magic_of(host),
            **(magic_of(role) if role else {}),
        }

    def _keep_up(self) -> None:
        """Forget what was made from an inventory that has grown since."""
        inventory = self._current()
        if inventory is not self._inventory:
            self._inventory = inventory
            self._magic = self._constant()
            self._base.clear()

    def export(self, role: RoleScope) -> None:
        """Let the whole play see the variables of a role that was included."""
        if role not in self._roles:
            self._roles.append(role)
            self._exported = exported_by(self._roles)

    def _base_of(self, host: str) -> dict[str, Any]:
        found = self._base.get(host)
        if found is None:
            found = self._of_inventory(host)
            if host in self._planned.hosts:
                found.update(self._planned.play.keywords.vars)
                found.update(self._plan.prompted.get(self._planned.play.path, {}))
                found.update(self._of_files(host, found))
            self._base[host] = found
        return found

    def _of_inventory(self, host: str) -> dict[str, Any]:
        self._inventory.refuse_sealed(host)
        known = self._inventory.hosts.get(host)
        return dict(known.variables) if known else {}

    def _of_files(self, host: str, so_far: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for names in self._planned.play.vars_files:
            seen = {**so_far, **found, **self._plan.options.extra_vars, **self._magic_of(host)}
            found.update(self._file(self._first_of(names, seen)))
        return found

    def _first_of(self, names: tuple[str, ...], seen: Variables) -> Path:
        """The first of these files that is there; a single one, and the last, must be."""
        for name in names[:-1]:
            with suppress(UndefinedVariable):
                path = self._directory / self._templar.render_text(name, seen)
                if is_file(path):
                    return path
        return self._directory / self._templar.render_text(names[-1], seen)

    def _included(self, host: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for included in self._state.included.get(host, ()):
            own = {name: value for path in included.paths for name, value in self._file(Path(path)).items()}
            found.update({included.name: own} if included.name else own)
        return found

    def _file(self, path: Path) -> Mapping[str, Any]:
        if path not in self._files:
            data = self._templar.keys.load_variables(path).data
            if not isinstance(data, Mapping):
                raise TaskFailed(f"{path} does not hold variables", hint="write `name: value` lines")
            self._files[path] = data
        return self._files[path]

    def _constant(self) -> dict[str, Any]:
        inventory, options, run = self._inventory, self._plan.options, self._run
        return {
            "groups": {name: list(hosts) for name, hosts in inventory.groups.items()},
            "hostvars": self._templar.hostvars(tuple(inventory.hosts), self.of, listed=inventory.groups["all"]),
            "playbook_dir": str(self._directory.absolute()),
            "ansible_play_name": self._planned.play.name,
            "ansible_play_hosts_all": list(self._planned.hosts),
            "run": {"id": run.id, "started_at": self._state.started_at},
            **options.magic,
            **names_of_roles(self._planned.play),
        }

    def _magic_of(self, host: str) -> dict[str, Any]:
        of_play, of_batch = self._standing()
        known = self._inventory.hosts.get(host)
        return {
            **self._magic,
            "inventory_hostname": host,
            "inventory_hostname_short": host.partition(".")[0],
            "group_names": sorted(known.groups) if known else [],
            "ansible_play_hosts": list(of_play),
            "ansible_play_batch": list(of_batch),
            "play_hosts": list(of_batch),
        }
