"""What tests of the command line on real servers share: a small playbook, its inventory, and what a run said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from tests.cli.program import Ended, Program

MARK: Final = (
    "- hosts: all\n  gather_facts: false\n  tasks:\n    - command: touch {mark}-{{{{ inventory_hostname }}}}\n"
)
UNREACHABLE: Final = re.compile(r"^unreachable: \[(\w+)\] => (.+)$", re.MULTILINE)


def knows(sentraplay: Program, **hosts: Mapping[str, object]) -> None:
    """Write inventory.yml with these hosts."""
    sentraplay.write("inventory.yml", json.dumps({"all": {"hosts": hosts}}))


def marks(sentraplay: Program) -> set[str]:
    """The hosts on which the play made by `MARK` did its work."""
    return {path.name.partition("-")[2] for path in sentraplay.directory.glob("mark-*")}


def play(sentraplay: Program, *words: str, stdin: str = "") -> Ended:
    """`sentraplay run play.yml -i inventory.yml`; play.yml is MARK unless the test wrote one."""
    if not (sentraplay.directory / "play.yml").exists():
        sentraplay.write("play.yml", MARK.format(mark=sentraplay.directory / "mark"))
    return sentraplay("run", "play.yml", "-i", "inventory.yml", *words, stdin=stdin)


def recap(ended: Ended) -> dict[str, dict[str, int]]:
    """The numbers of the PLAY RECAP by host."""
    found = re.findall(r"^(\w+) : (ok=.*)$", ended.out, re.MULTILINE)
    return {host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", rest)} for host, rest in found}


def calm(ended: Ended, code: int) -> None:
    """It ended with `code`, and nobody was shown a traceback or a library's own words."""
    assert ended.code == code, ended.everything
    for noise in ("Traceback", "Socket exception", "paramiko", "Exception in thread", "botocore", "psycopg"):
        assert noise not in ended.everything, ended.everything
