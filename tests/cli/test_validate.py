"""`sentraplay validate` and `doc`: answers without a host, and without what talks to hosts."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.program import Program
from tests.cli.test_run import GOOD

HEAVY = ("fabric", "paramiko", "invoke", "boto3", "botocore", "psycopg", "rich", "cryptography")
SHOW_IMPORTS = f"""
import sys
from runner.cli.app import execute
code = execute(tuple(sys.argv[1:]))
print("loaded:", *[name for name in {HEAVY!r} if name in sys.modules])
sys.exit(code)
"""


def loaded_by(sentraplay: Program, *argv: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SHOW_IMPORTS, *argv],
        cwd=sentraplay.directory,
        env=sentraplay.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()[-1].split()[1:]


def test_a_good_playbook_is_valid(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    sentraplay.write("inventory.yml", "all:\n  hosts:\n    db1:\n")
    ended = sentraplay("validate", "good.yml", "good.yml", "-i", "inventory.yml")
    assert (ended.code, ended.out, ended.err) == (0, "good.yml: valid\ngood.yml: valid\n", "")


def test_validating_loads_nothing_that_talks_to_hosts(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    sentraplay.write("inventory.yml", "all:\n  hosts:\n    db1: {ansible_host: 192.0.2.1}\n")
    assert loaded_by(sentraplay, "validate", "good.yml", "-i", "inventory.yml") == []


def test_help_and_doc_load_nothing_heavy(sentraplay: Program) -> None:
    for argv in (["doc"], ["doc", "pg_dump"], ["runs", "list"]):
        assert loaded_by(sentraplay, *argv) == []


def test_a_local_run_loads_no_ssh_and_no_object_store(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    assert loaded_by(sentraplay, "run", "good.yml") == []


def test_validate_touches_no_host_and_leaves_nothing(sentraplay: Program) -> None:
    mark = sentraplay.directory / "mark"
    sentraplay.write("p.yml", f"- hosts: localhost\n  tasks: [{{command: touch {mark}}}]\n")
    assert sentraplay("validate", "p.yml").code == 0
    assert {path.name for path in sentraplay.directory.iterdir()} == {"p.yml"}


def test_doc_lists_every_module_and_shows_one_in_full(sentraplay: Program) -> None:
    listed = sentraplay("doc")
    assert listed.code == 0
    assert any(line.startswith("pg_dump ") for line in listed.out.splitlines())
    shown = sentraplay("doc", "copy")
    assert shown.code == 0
    assert "dest" in shown.out


def test_an_inventory_beside_the_playbook_is_used_without_being_named(sentraplay: Program) -> None:
    sentraplay.write("play.yml", "- hosts: web\n  tasks:\n    - debug: {msg: '{{ gone }}'}\n")
    assert sentraplay("validate", "play.yml").code == 0
    sentraplay.write("inventory.yml", "web: {hosts: {web1: }}\n")
    ended = sentraplay("validate", "play.yml")
    assert ended.code == 6
    assert "'gone' is undefined" in ended.err
