"""The demo's SSH server: OpenSSH's where there is one, else asyncssh's from the extra."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Final, Literal

from runner.demo.place import NEW, OLD, Place, answers, free_port, own_name, wait_until
from runner.errors import UsageError
from runner.frozen import frozen

Kind = Literal["auto", "openssh", "asyncssh"]
ADDRESSES: Final = (OLD, NEW)

CONFIG: Final = """
{listen}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
AllowUsers {user}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 50:30:100
PrintMotd no
PrintLastLog no
SetEnv HOME={folder}
"""


@frozen
class SshServer:
    """A server that is several hosts: one per address. `host_key` is what an inventory pins."""

    kind: str
    port: int
    user: str
    client_key: Path
    host_key: str


def start_ssh(place: Place, kind: Kind = "auto") -> SshServer:
    """A server on loopback that lets exactly one new key in, as the user who started the demo.

    `kind` "auto" is OpenSSH's if this machine has it; UsageError if it is asked for and there is none.
    """
    daemon = _find_openssh(kind)
    folder = place.path / "ssh"
    folder.mkdir(mode=0o700)
    host_key = _make_key(folder / "host_key")
    (folder / "authorized_keys").write_text(_make_key(folder / "client_key") + "\n")
    port = free_port(OLD)
    if daemon:
        _start_openssh(place, daemon, folder, port)
    else:
        argv = [sys.executable, "-m", "runner.demo.ssh_server", str(folder), str(port), *ADDRESSES]
        place.start(argv, "ssh.log")
    ready = lambda: all(answers(address, port) for address in ADDRESSES)  # noqa: E731  (one use, one line)
    wait_until("The SSH server", ready, place.path / "ssh.log")
    return SshServer("OpenSSH" if daemon else "asyncssh", port, own_name(), folder / "client_key", host_key)


def _find_openssh(kind: Kind) -> str | None:
    if kind == "asyncssh":
        return None
    found = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ["PATH"])
    if kind == "openssh" and found is None:
        raise UsageError("There is no sshd on this machine.", hint="Install OpenSSH's server, or take asyncssh.")
    return found


def _start_openssh(place: Place, daemon: str, folder: Path, port: int) -> None:
    listen = "\n".join(f"ListenAddress {address}:{port}" for address in ADDRESSES)
    (folder / "sshd_config").write_text(CONFIG.format(listen=listen, folder=folder, user=own_name()))
    if os.geteuid() == 0:
        # Made by the package's service at boot; without it the server refuses to start.
        with contextlib.suppress(FileExistsError):
            Path("/run/sshd").mkdir(mode=0o755)
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    place.start([daemon, "-D", "-e", "-f", str(folder / "sshd_config")], "ssh.log", env=env)


def _make_key(path: Path) -> str:
    try:
        import asyncssh
    except ImportError as error:
        raise UsageError(
            "The demo's SSH tools are not installed.", hint="Install the extra: pip install 'sentraplay[demo]'"
        ) from error
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key())
    return " ".join(key.export_public_key().decode().split()[:2])
