"""The real ansible-playbook, as installed beside the interpreter the tests run with, kept from everybody's settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = Path(sys.executable).with_name("ansible-playbook")
PLUGINS: Final = Path(__file__).with_name("ansible_plugins")


@dataclass(frozen=True, slots=True)
class Played:
    """How a playbook went: `told` holds the end of each task on each host, `recap` the counts of each host."""

    exit_code: int
    output: str
    told: list[Mapping[str, Any]] = field(default_factory=list)
    recap: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def is_there() -> bool:
    """Whether ansible-core is installed."""
    return PROGRAM.exists()


def play(playbook: Path, home: Path, *arguments: str, timeout: float = 120) -> Played:
    """Carry out a playbook with Ansible; `home` is an empty directory for whatever it keeps."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "told.jsonl"
    done = subprocess.run(
        [str(PROGRAM), *arguments, str(playbook)],
        env=_environment(home, log),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
        cwd=playbook.parent,
    )
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    recap = next((line["recap"] for line in lines if "recap" in line), {})
    return Played(done.returncode, done.stdout, [line for line in lines if "recap" not in line], recap)


def _environment(home: Path, log: Path) -> dict[str, str]:
    (home / "ansible.cfg").touch()
    return {
        "PATH": f"{PROGRAM.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_ASYNC_DIR": str(home / ".ansible_async"),
        "ANSIBLE_CALLBACK_PLUGINS": str(PLUGINS),
        "ANSIBLE_CALLBACKS_ENABLED": "told",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        "SENTRAPLAY_TOLD": str(log),
    }


def said(program: str, arguments: Sequence[str], home: Path, directory: Path) -> str:
    """What another program of Ansible's prints to standard output, called in `directory`; it must not fail."""
    done = subprocess.run(
        [str(PROGRAM.with_name(program)), *arguments],
        env=_environment(home, home / "told.jsonl"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=directory,
    )
    return done.stdout
