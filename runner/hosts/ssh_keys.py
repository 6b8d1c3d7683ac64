"""Host keys we trust and private keys we have: each file is read once."""

from __future__ import annotations

import base64
import binascii
import os
import threading
from fnmatch import fnmatchcase
from pathlib import Path

from fabric import Config
from paramiko import ECDSAKey, Ed25519Key, HostKeys, PKey, RSAKey, SSHClient, SSHConfig
from paramiko.client import MissingHostKeyPolicy
from paramiko.ssh_exception import PasswordRequiredException, SSHException

from runner.hosts.ssh_errors import ChangedHostKey, UnknownHostKey
from runner.secret import Secret, reveal


class SshFiles:
    """The files of a user's SSH set-up, parsed at most once each. Thread-safe; shared by all hosts of a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Path, KnownHosts] = {}
        self._keys: dict[tuple[Path, str], PKey] = {}
        self._configs: dict[Path | None, Config] = {}

    def known_hosts(self, path: Path) -> KnownHosts:
        """The known_hosts file at `path`; an empty one if there is none."""
        with self._lock:
            if path not in self._known:
                self._known[path] = KnownHosts(path)
            return self._known[path]

    def private_key(self, path: Path, passphrase: Secret | None) -> PKey:
        """The key, with the certificate beside it if there is one.

        Raises OSError, PasswordRequiredException if it is locked, SSHException if it cannot be read.
        """
        with self._lock:
            wanted = (path, reveal(passphrase or ""))
            if wanted not in self._keys:
                self._keys[wanted] = _load_key(path, wanted[1])
            return self._keys[wanted]

    def config(self, path: Path | None) -> Config:
        """Fabric's settings with ssh_config at `path`; without one, ~/.ssh/config and /etc/ssh/ssh_config, if there.

        Connections share it: they only read it, and making one costs as much as connecting.
        """
        with self._lock:
            if path not in self._configs:
                self._configs[path] = Config(lazy=True, ssh_config=_load_config(path))
            return self._configs[path]


class KnownHosts:
    """One known_hosts file: plain, hashed and wildcard names, several keys for a host, revoked keys.

    Lines for certificate authorities and lines that cannot be read are passed over, as if not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._plain: dict[str, list[_KeyText]] = {}
        self._patterns: list[tuple[tuple[str, ...], _KeyText]] = []
        self._revoked: set[str] = set()
        if path.exists():
            for line in path.read_text("utf-8", "replace").splitlines():
                self._take(line.split())

    def keys_for(self, name: str) -> list[PKey]:
        """The keys `name` ("host" or "[host]:port") may show, revoked ones left out."""
        with self._lock:
            texts = list(self._plain.get(name, ()))
            texts += [key for patterns, key in self._patterns if _matches(name, patterns)]
        return [key for text in texts if text[1] not in self._revoked and (key := _public(text)) is not None]

    def is_revoked(self, key: PKey) -> bool:
        """Whether an @revoked line names this key."""
        return key.get_base64() in self._revoked

    def add(self, name: str, key: PKey) -> None:
        """Trust `key` for `name` from now on, and write that down."""
        with self._lock:
            self._plain.setdefault(name, []).append((key.get_name(), key.get_base64()))
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # One write of one line in append mode: several runs may do it at once.
            line = f"{name} {key.get_name()} {key.get_base64()}\n".encode()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)

    def _take(self, fields: list[str]) -> None:
        if fields[:1] == ["@revoked"]:
            self._revoked.update(fields[3:4])
        if len(fields) < 3 or fields[0][0] in "#@":
            return
        names, key = fields[0].split(","), (fields[1], fields[2])
        if any(name[0:1] in "|!" or "*" in name or "?" in name for name in names):
            self._patterns.append((tuple(names), key))
        else:
            for name in names:
                self._plain.setdefault(name, []).append(key)


_KeyText = tuple[str, str]
"""Type and base64 of a public key, decoded only when its host is connected to."""


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    if any(pattern.startswith("!") and fnmatchcase(name, _literal_brackets(pattern[1:])) for pattern in patterns):
        return False
    return any(_matches_one(name, pattern) for pattern in patterns)


def _matches_one(name: str, pattern: str) -> bool:
    if pattern.startswith("|1|"):
        return HostKeys.hash_host(name, pattern) == pattern
    return fnmatchcase(name, _literal_brackets(pattern))


def _literal_brackets(pattern: str) -> str:
    return pattern.replace("[", "[[]")


def _public(text: _KeyText) -> PKey | None:
    try:
        return pinned_key(" ".join(text))
    except ValueError:
        return None


class StrictPolicy(MissingHostKeyPolicy):
    """Asked for a host without a known key: refuses, or with `accept_new` trusts and writes it down."""

    def __init__(self, known: KnownHosts, *, accept_new: bool) -> None:
        self._known = known
        self._accept_new = accept_new

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:
        """UnknownHostKey or ChangedHostKey, unless the key may be trusted."""
        if self._known.is_revoked(key):
            raise ChangedHostKey(hostname, key, revoked=True)
        if not self._accept_new:
            raise UnknownHostKey(hostname, key, str(self._known.path))
        self._known.add(hostname, key)


def pinned_key(text: str) -> PKey:
    """A public key from "ssh-ed25519 AAAA… [comment]"; ValueError if it is not one."""
    kind, _, rest = text.strip().partition(" ")
    try:
        key = PKey.from_type_string(kind, base64.b64decode(rest.split()[0], validate=True))
    except (SSHException, binascii.Error, IndexError, ValueError) as error:
        raise ValueError(f"{text!r} is not a public key") from error
    if key.get_name() != kind:
        raise ValueError(f"the key is of type {key.get_name()}, not {kind}")
    return key


def _load_key(path: Path, passphrase: str) -> PKey:
    # The type does not show in the file's name or first line, so each is tried.
    error: SSHException | None = None
    for kind in (Ed25519Key, ECDSAKey, RSAKey):
        try:
            key = kind.from_private_key_file(str(path), passphrase or None)
            break
        except PasswordRequiredException:
            raise
        except SSHException as wrong:
            error = wrong
    else:
        raise error or SSHException("not a private key")
    certificate = Path(f"{path}-cert.pub")
    if certificate.exists():
        key.load_certificate(str(certificate))
    return key


def _load_config(path: Path | None) -> SSHConfig:
    config = SSHConfig()
    for file in [path] if path else [Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config")]:
        if path or file.exists():
            with file.open(encoding="utf-8") as stream:
                config.parse(stream)
    return config
