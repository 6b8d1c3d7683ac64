"""A Fabric connection that never trusts a stranger and never waits without a limit."""

from __future__ import annotations

import getpass
import queue
import socket
import threading
import time
from pathlib import Path
from typing import Any

from fabric import Connection
from paramiko.ssh_exception import PasswordRequiredException, SSHException

from runner.hosts.ssh_errors import LockedKey
from runner.hosts.ssh_keys import KnownHosts, SshFiles, StrictPolicy, pinned_key
from runner.hosts.ssh_settings import SshSettings
from runner.hosts.ssh_transport import FastTransport, make_transport
from runner.secret import reveal


class StrictConnection(Connection):  # type: ignore[misc]  # fabric has no types
    """`fabric.Connection` with our host keys, gateway, algorithms and limits.

    Fabric alone adds unknown host keys, ignores known_hosts, and builds the gateway of ssh_config the same way.
    """

    _known: KnownHosts
    _settings: SshSettings
    _files: SshFiles

    def __init__(self, settings: SshSettings, files: SshFiles) -> None:
        config = files.config(settings.ssh_config_file)
        self._set(_settings=settings, _files=files)
        super().__init__(settings.address, user=settings.user, port=settings.port, config=config)
        self.user = settings.user or self.ssh_config.get("user") or getpass.getuser()
        # Fabric would round the limit down to whole seconds; `open` sets ours.
        self.connect_timeout = None
        self._set(_known=files.known_hosts(self._known_hosts_path()))

    def __setattr__(self, name: str, value: Any) -> None:
        """An attribute; Invoke would look through all its settings first whether one is meant."""
        object.__setattr__(self, name, value)

    def get_gateway(self) -> Any:
        """The gateway of the settings, else of ssh_config: always one of these strict connections."""
        settings = self._settings
        if settings.gateway is not None:
            return StrictConnection(settings.gateway, self._files)
        jump = settings.proxy_jump or self.ssh_config.get("proxyjump", "")
        if jump and jump.lower() != "none":
            return StrictConnection(_hop(settings, jump), self._files)
        command = self.ssh_config.get("proxycommand", "none")
        return None if command.lower() == "none" else command

    @property
    def shown_address(self) -> str:
        """Name and port, for messages."""
        return f"{self.host}:{self.port}"

    def open_strictly(self, deadline: float) -> FastTransport:
        """Connect and authenticate; raises what paramiko, the operating system and ssh_errors raise."""
        limit = min(self._settings.connect_timeout, deadline - time.monotonic())
        if limit <= 0:
            raise TimeoutError
        self.client.set_missing_host_key_policy(
            StrictPolicy(self._known, accept_new=self._settings.host_key_checking == "accept-new")
        )
        self._trust()
        self.connect_kwargs = {
            **self._credentials(),
            "timeout": limit,
            "banner_timeout": limit,
            "auth_timeout": limit,
            "channel_timeout": limit,
            "transport_factory": make_transport,
        }
        if isinstance(self.gateway, StrictConnection) and not self.gateway.is_connected:
            self.gateway.open_strictly(deadline)
        elif not self.gateway:
            self.connect_kwargs["sock"] = dial(self.host, int(self.port), limit)
        self.open()
        transport = self.transport
        assert isinstance(transport, FastTransport)
        return transport

    def _trust(self) -> None:
        """Give the client exactly the keys this host may show."""
        name = self.host if int(self.port) == 22 else f"[{self.host}]:{self.port}"
        if self._settings.host_key is not None:
            keys = [pinned_key(self._settings.host_key)]
        else:
            keys = self._known.keys_for(name)
        trusted = self.client.get_host_keys()
        trusted.clear()
        for key in keys:
            trusted.add(name, key.get_name(), key)

    def _known_hosts_path(self) -> Path:
        if self._settings.known_hosts_file is not None:
            return self._settings.known_hosts_file.expanduser()
        named = self.ssh_config.get("userknownhostsfile", "~/.ssh/known_hosts").split()[0]
        return Path(named).expanduser()

    def _credentials(self) -> dict[str, Any]:
        settings = self._settings
        files = [settings.private_key_file] if settings.private_key_file else []
        if settings.password is not None and not files:
            # Offering every key first could use up the attempts a server allows.
            return {"password": reveal(settings.password), "allow_agent": False, "look_for_keys": False}
        found: dict[str, Any] = {"look_for_keys": not files, "allow_agent": not files}
        if settings.password is not None:
            found["password"] = reveal(settings.password)
        if files:
            found["pkey"] = self._private_key(files[0])
        elif "identityfile" in self.ssh_config:
            found["key_filename"] = [path for path in self.ssh_config["identityfile"] if Path(path).exists()]
            found["passphrase"] = reveal(settings.private_key_passphrase or "") or None
        return found

    def _private_key(self, path: Path) -> Any:
        passphrase = self._settings.private_key_passphrase
        try:
            return self._files.private_key(path.expanduser(), passphrase)
        except PasswordRequiredException:
            raise LockedKey(
                str(path), "it is locked by a passphrase", "set private_key_passphrase, or use ssh-agent"
            ) from None
        except OSError as error:
            raise LockedKey(str(path), str(error.strerror), "check ansible_ssh_private_key_file") from None
        except (SSHException, ValueError) as error:
            if passphrase is not None:
                raise LockedKey(str(path), "the passphrase does not open it", "check private_key_passphrase") from None
            raise LockedKey(str(path), str(error), "give the private key, not the .pub file") from None


def _hop(settings: SshSettings, jump: str) -> SshSettings:
    """Settings for the last hop of "a,b": it is itself reached through the hops before it."""
    before, _, last = jump.rpartition(",")
    user, _, place = last.strip().rpartition("@")
    host, colon, port = place.rpartition(":")
    numbered = bool(colon) and port.isdigit() and "]" not in port
    return SshSettings(
        name=settings.name,
        address=(host if numbered else place).strip("[]"),
        port=int(port) if numbered else None,
        user=user or None,
        private_key_file=settings.private_key_file,
        private_key_passphrase=settings.private_key_passphrase,
        password=settings.password,
        host_key_checking=settings.host_key_checking,
        known_hosts_file=settings.known_hosts_file,
        ssh_config_file=settings.ssh_config_file,
        proxy_jump=before or "none",
        connect_timeout=settings.connect_timeout,
    )


def dial(host: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection with TCP_NODELAY, within `seconds` in all, resolving the name included."""
    deadline = time.monotonic() + seconds
    error: OSError | None = None
    for family, kind, protocol, _, address in _resolve(host, port, seconds):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            sock.connect(address)
            # Without it a round trip of small messages costs 40 ms (Nagle against delayed acknowledgement).
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as failure:
            sock.close()
            error = failure
    raise error or ConnectionError(f"{host} has no address")


def _resolve(host: str, port: int, seconds: float) -> list[Any]:
    """getaddrinfo knows no time limit, so where it may ask the network it runs in a thread of its own."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name=f"resolve {host}").start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"the name {host} was not resolved in time") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
