"""A playbook in which one variable, `v`, is defined on any of the levels of Ansible's order of precedence."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

LEVELS = (
    "role defaults",
    "group_vars of all",
    "group_vars of a group",
    "host variables of the inventory",
    "host_vars",
    "play vars",
    "vars_files",
    "role vars",
    "block vars",
    "task vars",
    "set_fact",
    "role params",
    "include params",
    "extra vars",
)
"""Every level there is here, the later winning."""


def write(directory: Path, levels: Collection[str], read: str) -> tuple[str, dict[str, str]]:
    """Write the files of a playbook that defines `v` on these levels, to the level's name, and reads it with the
    task `read`; the playbook's text, and the extra variables it needs."""

    def put(name: str, text: str) -> None:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def on(level: str, text: str) -> str:
        return text.replace("VALUE", f"'{level}'") if level in levels else ""

    host = on("host variables of the inventory", "v: VALUE")
    put("inventory.yml", f"all: {{children: {{some: {{hosts: {{a: {{{host}}}}}}}}}}}\n")
    put("group_vars/all.yml", on("group_vars of all", "v: VALUE\n") or "other: 1\n")
    put("group_vars/some.yml", on("group_vars of a group", "v: VALUE\n") or "other: 1\n")
    put("host_vars/a.yml", on("host_vars", "v: VALUE\n") or "other: 1\n")
    put("files.yml", on("vars_files", "v: VALUE\n") or "other: 1\n")
    put("roles/r/defaults/main.yml", on("role defaults", "v: VALUE\n") or "other: 1\n")
    put("roles/r/vars/main.yml", on("role vars", "v: VALUE\n") or "other: 1\n")
    block = on("block vars", "  vars: {v: VALUE}\n")
    params = on("include params", "      vars: {v: VALUE}\n")
    fact = on("set_fact", "- set_fact: {v: VALUE}\n")
    put("roles/r/tasks/main.yml", f"{fact}- block:\n    - include_tasks: read.yml\n{params}{block}")
    put("roles/r/tasks/read.yml", f"- {read}\n" + on("task vars", "  vars: {v: VALUE}\n"))
    given = on("role params", ", v: VALUE")
    own = on("play vars", "v: VALUE")
    head = f"- hosts: a\n  gather_facts: false\n  vars: {{{own}}}\n  vars_files: files.yml\n"
    playbook = f"{head}  roles: [{{role: r{given}}}]\n"
    return playbook, {"v": "extra vars"} if "extra vars" in levels else {}
