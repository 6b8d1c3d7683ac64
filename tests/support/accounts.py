"""Temporary Unix accounts of this machine, with and without sudo."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.workplace import Workplace, one_at_a_time

Sudo = Literal["none", "free", "password"]


@dataclass(frozen=True, slots=True)
class Account:
    """A Unix account. `password` works for logging in and, where `sudo` is "password", for sudo."""

    name: str
    home: Path
    password: str
    sudo: Sudo


def create_account(workplace: Workplace, sudo: Sudo = "none", shell: str = "/bin/sh") -> Account:
    """A new account that is deleted with the workplace. `sudo`: not at all, without or with a password. Needs root.

    Its sudo shows the lecture the first time and forgets the password with the session, as on a real server.
    """
    name = f"sp{secrets.token_hex(4)}"
    password = f"pw-{secrets.token_hex(6)} '\"$x\\"
    home = workplace.path / f"home-{name}"
    with one_at_a_time("accounts"):
        _run("useradd", "--create-home", "--home-dir", str(home), "--shell", shell, "--user-group", name)
        workplace.undo_with("userdel", "--force", name)
        # A password, because sshd without PAM refuses an account whose password field is locked.
        subprocess.run(
            ["chpasswd"], input=f"{name}:{password}\n", text=True, check=True, capture_output=True, timeout=20
        )
    if sudo != "none":
        _allow_sudo(workplace, name, sudo)
    return Account(name, home, password, sudo)


def _allow_sudo(workplace: Workplace, name: str, sudo: Sudo) -> None:
    rule = Path("/etc/sudoers.d") / name
    workplace.undo_with("rm", "-rf", str(rule), f"/var/lib/sudo/lectured/{name}", f"/run/sudo/ts/{name}")
    rule.touch(mode=0o440)
    rule.write_text(f"{name} ALL=(ALL:ALL) {'NOPASSWD: ' if sudo == 'free' else ''}ALL\n")


def _run(*argv: str) -> None:
    program = shutil.which(argv[0]) or argv[0]
    subprocess.run([program, *argv[1:]], check=True, capture_output=True, text=True, timeout=20)
