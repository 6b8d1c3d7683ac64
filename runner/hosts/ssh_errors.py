"""What can go wrong on the way to a host, said so that somebody can act on it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

from paramiko import PKey
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    BadHostKeyException,
    IncompatiblePeer,
    NoValidConnectionsError,
    PasswordRequiredException,
    SSHException,
)

from runner.errors import HostUnreachable

# The second when the time for the whole handshake is over a moment before that for the greeting.
_GREETING: Final = (
    "Error reading SSH protocol banner",
    "Indecipherable protocol version",
    "Invalid SSH banner",
    "No existing session",
)


class UnknownHostKey(SSHException):
    """The host shows a key nobody has vouched for."""

    def __init__(self, name: str, key: PKey, known_hosts: str) -> None:
        super().__init__(f"unknown host key for {name}")
        self.name, self.key, self.known_hosts = name, key, known_hosts


class ChangedHostKey(SSHException):
    """The host shows another key than the one we know, or one that was revoked."""

    def __init__(self, name: str, key: PKey, *, revoked: bool = False) -> None:
        super().__init__(f"changed host key for {name}")
        self.name, self.key, self.revoked = name, key, revoked


class LockedKey(SSHException):
    """A private key that cannot be opened; `why` is for people."""

    def __init__(self, path: str, why: str, hint: str) -> None:
        super().__init__(f"private key {path}: {why}")
        self.path, self.why, self.hint = path, why, hint


def fingerprint(key: PKey) -> str:
    """Type and SHA256 fingerprint as ssh-keygen -l shows them."""
    return f"{key.get_name()} {key.fingerprint}"


def unreachable(host: str, address: str, user: str, error: Exception) -> HostUnreachable:
    """The error for the user, from what paramiko or the operating system raised."""
    if isinstance(error, HostUnreachable):
        return error
    explain = next((told for kind, told in _EXPLANATIONS if isinstance(error, kind)), _unexplained)
    # paramiko has no class of its own for this, only words.
    if type(error) is SSHException and str(error).startswith(_GREETING):
        explain = _no_greeting
    message, why, hint = explain(error, address, user)
    return HostUnreachable(message, where=host, why=why, hint=hint)


Explanation = tuple[str, str, str]


def _unknown_key(error: UnknownHostKey, address: str, user: str) -> Explanation:
    return (
        f"the host key of {error.name} is not known: it shows {fingerprint(error.key)}",
        f"without a known key nobody can tell this host from an impostor (looked in {error.known_hosts})",
        "compare the fingerprint with the one on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then "
        f'set host_key: "{error.key.get_name()} {error.key.get_base64()}" in the inventory '
        "or add the key to known_hosts; host_key_checking: accept-new trusts the first key seen",
    )


def _changed_key(error: ChangedHostKey, address: str, user: str) -> Explanation:
    happened = "has been revoked" if error.revoked else "is not the one that is known"
    return (
        f"the host key of {error.name} {happened}: it shows {fingerprint(error.key)}",
        "the host was reinstalled, another machine has its address, or somebody is in between",
        f"if the host was reinstalled, remove the old key (ssh-keygen -R '{error.name}', or host_key in the "
        "inventory) after comparing fingerprints",
    )


def _changed_key_of_paramiko(error: BadHostKeyException, address: str, user: str) -> Explanation:
    return _changed_key(ChangedHostKey(address, error.key), address, user)


def _locked(error: LockedKey, address: str, user: str) -> Explanation:
    return f"the private key {error.path} cannot be used: {error.why}", "", error.hint


def _locked_found(error: PasswordRequiredException, address: str, user: str) -> Explanation:
    return (
        f"no key opens {address} for {user}, and a key that was found is locked by a passphrase",
        "",
        "set private_key_passphrase, or load the key into ssh-agent",
    )


def _no_such_method(error: BadAuthenticationType, address: str, user: str) -> Explanation:
    return (
        f"{address} does not let {user} in: it allows {', '.join(error.allowed_types)}",
        "",
        "set ansible_ssh_private_key_file or ansible_password to what the host allows",
    )


def _not_let_in(error: AuthenticationException, address: str, user: str) -> Explanation:
    return (
        f"{address} does not let {user} in: {error}",
        "the host refused every key and password it was offered",
        "check ansible_user, ansible_ssh_private_key_file or ansible_password, and authorized_keys on the host",
    )


def _refused(error: Exception, address: str, user: str) -> Explanation:
    return (
        f"nothing listens at {address}: connection refused",
        "",
        "check that sshd runs there, and ansible_host and ansible_port",
    )


def _no_name(error: socket.gaierror, address: str, user: str) -> Explanation:
    return f"the name in {address} cannot be resolved: {error.strerror}", "", "check ansible_host and the resolver"


def _too_slow(error: Exception, address: str, user: str) -> Explanation:
    return (
        f"{address} did not answer in time",
        "the host is down, or a firewall drops what is sent to it",
        "check the address and the network; connect_timeout sets how long to wait",
    )


def _no_greeting(error: Exception, address: str, user: str) -> Explanation:
    return (
        f"{address} took the connection but did not greet as an SSH server does",
        "another program listens there, or the host is too busy or too broken to answer in time",
        "check ansible_host and ansible_port, and sshd on the host; connect_timeout sets how long to wait",
    )


def _unexplained(error: Exception, address: str, user: str) -> Explanation:
    return (
        f"cannot connect to {address}: {error or type(error).__name__}",
        "",
        f"see what `ssh -v` says of {address}, and the log of sshd on the host",
    )


def _no_common_ground(error: Exception, address: str, user: str) -> Explanation:
    return f"{address} speaks no algorithm that can be agreed on: {error}", "", "update the SSH server"


# In this order: the more special kinds come first.
_EXPLANATIONS: tuple[tuple[type[Exception], Callable[..., Explanation]], ...] = (
    (UnknownHostKey, _unknown_key),
    (ChangedHostKey, _changed_key),
    (BadHostKeyException, _changed_key_of_paramiko),
    (LockedKey, _locked),
    (PasswordRequiredException, _locked_found),
    (BadAuthenticationType, _no_such_method),
    (AuthenticationException, _not_let_in),
    (IncompatiblePeer, _no_common_ground),
    (NoValidConnectionsError, _refused),
    (ConnectionRefusedError, _refused),
    (socket.gaierror, _no_name),
    (TimeoutError, _too_slow),
)
