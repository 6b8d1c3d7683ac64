"""The hosts of an inventory, built from Ansible's connection variables and our own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Become, Host
from runner.hosts.ssh import Ssh
from runner.hosts.ssh_settings import SshSettings
from runner.inventory import Inventory, InventoryHost
from runner.secret import Redactor, Secret
from runner.template import Templar
from runner.units import seconds

NOT_SUPPORTED: Final = ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args")


@frozen
class Connection:
    """The connection variables of one host, rendered when they are asked for."""

    variables: Mapping[str, object]
    templar: Templar
    redactor: Redactor

    def value(self, name: str) -> Any:
        """The rendered value; None if it is not set."""
        written = self.variables.get(name)
        return self.templar.render(written, self.variables) if self.templar.is_template(written) else written

    def text(self, name: str) -> str | None:
        found = self.value(name)
        return None if found is None or found == "" else str(found)

    def secret(self, name: str) -> Secret | None:
        """A value nobody may read, known to the redactor from here on."""
        found = self.text(name)
        if found is None:
            return None
        self.redactor.register(found)
        return Secret(found)

    def file(self, name: str) -> Path | None:
        """A path on the controller, `~` being the home of who runs this."""
        found = self.text(name)
        return None if found is None else Path(found).expanduser()

    def seconds(self, name: str) -> float | None:
        found = self.value(name)
        try:
            return None if found is None else seconds(found)
        except ValueError as error:
            raise TaskFailed(f"{name}: {error}") from None


class InventoryHosts:
    """Every host of the inventory, made when first asked for, connected when first used. Thread-safe.

    Connection variables come from the inventory and from -e; those of plays and tasks are not asked.
    """

    def __init__(self, inventory: Inventory, extra: Mapping[str, object], templar: Templar, redactor: Redactor) -> None:
        self._inventory = inventory
        self._extra = extra
        self._templar = templar
        self._redactor = redactor
        self._lock = threading.Lock()
        self._open: dict[str, Host] = {}
        # One for all hosts: known_hosts, ssh_config and private keys are read once.
        self._ssh = Ssh()

    def get(self, name: str) -> Host:
        """The host of that name; TaskFailed if the inventory has none or its variables cannot be used."""
        with self._lock:
            if name not in self._open:
                self._open[name] = self._made(name)
            return self._open[name]

    def follow(self, inventory: Inventory) -> None:
        """From now on this is the inventory. Hosts that are open stay as they are."""
        self._inventory = inventory

    def reset(self, name: str) -> None:
        """See the contract."""
        with self._lock:
            host = self._open.pop(name, None)
        if host is not None:
            host.close()

    def load_ahead(self, names: Iterable[str]) -> None:
        """Load in the background what SSH needs, if one of the hosts is reached by it: the disk, on which the start
        of a run is being recorded, leaves the time."""
        if any(self._is_reached_by_ssh(name) for name in names):
            threading.Thread(target=self._ssh.files, name="load ssh", daemon=True).start()

    def all_open(self) -> Sequence[Host]:
        with self._lock:
            return tuple(self._open.values())

    def close(self) -> None:
        for host in self.all_open():
            host.close()

    def as_inventory_says(self, name: str) -> Host:
        """A host as the user `ansible_become` and `ansible_become_user` name, for work no task says anything about."""
        connection = self._connection(self._known(name))
        if connection.value("ansible_become") is not True:
            return self.get(name)
        user = connection.text("ansible_become_user") or "root"
        return self.get(name).view(become=Become(user, connection.secret("ansible_become_password")))

    def _known(self, name: str) -> InventoryHost:
        known = self._inventory.hosts.get(name)
        if known is None:
            raise TaskFailed(f"the inventory has no host {name}", hint="add it to the inventory given with -i")
        self._inventory.refuse_sealed(name)
        return known

    def _connection(self, host: InventoryHost) -> Connection:
        magic = {
            "inventory_hostname": host.name,
            "group_names": sorted(host.groups),
            "groups": {name: list(members) for name, members in self._inventory.groups.items()},
        }
        return Connection({**host.variables, **self._extra, **magic}, self._templar, self._redactor)

    def _is_reached_by_ssh(self, name: str) -> bool:
        known = self._inventory.hosts.get(name)
        # One that is a template is not read for this: it may speak of what only the run will know.
        return known is not None and {**known.variables, **self._extra}.get("ansible_connection", "ssh") == "ssh"

    def _made(self, name: str) -> Host:
        known = self._known(name)
        connection = self._connection(known)
        kind = connection.text("ansible_connection") or "ssh"
        if kind == "local":
            return _local(name, connection)
        if kind == "ssh":
            return self._reached_by_ssh(name, connection)
        raise TaskFailed(f"{name}: ansible_connection is {kind}", hint="hosts are reached by ssh or local")

    def _reached_by_ssh(self, name: str, connection: Connection) -> Host:
        for variable in NOT_SUPPORTED:
            if connection.text(variable):
                raise TaskFailed(f"{variable} is not supported", where=name, hint="use ssh_config_file, or proxy_jump")
        return self._ssh.open(ssh_settings(name, connection))


def _local(name: str, connection: Connection) -> Host:
    from runner.hosts.local import open_local

    timeout = connection.seconds("command_timeout")
    return open_local(name) if timeout is None else open_local(name, command_timeout=timeout)


def ssh_settings(name: str, connection: Connection) -> SshSettings:
    """What the inventory says about reaching a host; what it does not say is left to SshSettings."""
    given: dict[str, Any] = {
        "port": connection.value("ansible_port"),
        "user": connection.text("ansible_user"),
        "password": connection.secret("ansible_password"),
        "private_key_file": connection.file("ansible_ssh_private_key_file"),
        "private_key_passphrase": connection.secret("private_key_passphrase"),
        "host_key": connection.text("host_key"),
        "host_key_checking": connection.text("host_key_checking"),
        "known_hosts_file": connection.file("known_hosts_file"),
        "ssh_config_file": connection.file("ssh_config_file"),
        "proxy_jump": connection.text("proxy_jump"),
        "connect_timeout": connection.seconds("connect_timeout"),
        "command_timeout": connection.seconds("command_timeout"),
    }
    said = {key: value for key, value in given.items() if value is not None}
    return SshSettings(name, connection.text("ansible_host") or name, **said)
