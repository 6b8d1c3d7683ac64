"""How to reach a host by SSH, as the inventory says it. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from runner.frozen import frozen
from runner.secret import Secret


@frozen
class SshSettings:
    """The connection variables of one host; None means: as ssh_config or OpenSSH's defaults say.

    `name` is the inventory's, `address` a name or an IP address (or an alias of ssh_config). `host_key`
    is a pinned key ("ssh-ed25519 AAAA…"): then known_hosts is not asked. `host_key_checking` "accept-new"
    writes the key of a host never seen before into the known_hosts file; a changed key is always refused.
    `proxy_jump` is "[user@]host[:port][,…]", reached with the same keys; `gateway` is the same with settings
    of its own and comes first. All times are in seconds; `dead_after` is how long a peer may say nothing
    at all, though asked, before the link counts as lost.
    """

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    password: Secret | None = None
    private_key_file: Path | None = None
    private_key_passphrase: Secret | None = None
    host_key: str | None = None
    host_key_checking: Literal["strict", "accept-new"] = "strict"
    known_hosts_file: Path | None = None
    ssh_config_file: Path | None = None
    proxy_jump: str | None = None
    gateway: SshSettings | None = None
    connect_timeout: float = 15.0
    command_timeout: float = 4 * 3600.0
    dead_after: float = 30.0
