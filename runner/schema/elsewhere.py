"""Words that have a meaning in Ansible, or in another place, and none where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from runner.rules import Rule
from runner.schema.files import Kind, keyword_schema, module_names

UNSUPPORTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("sudo", "sudo_user"), "use become and become_user"),
    "become_method": "leave it out: sudo is the only way",
    "become_flags": "leave it out",
    "local_action": "write the module, and delegate_to: localhost",
    "action": "write the module's name as the key",
    "remote_user": "set ansible_user in the inventory",
    "port": "set ansible_port in the inventory",
    "connection": "set ansible_connection in the inventory",
    "collections": "leave it out: modules have no collections here",
    "debugger": "leave it out",
}
"""Ansible's keywords that have no meaning here yet, and what to do instead."""


def known_elsewhere(key: str, kind: Kind) -> tuple[Rule, str, str] | None:
    """Rule, message and hint for a word that has a meaning, but not here."""
    short = key.rpartition(".")[2]
    if key in UNSUPPORTED:
        return Rule.UNSUPPORTED, f"'{key}' is not supported", UNSUPPORTED[key]
    if key in module_names():
        message = f"the module '{key}' cannot stand in a {kind}"
        return Rule.UNKNOWN_KEYWORD, message, "put it into a task of `tasks`"
    if short in module_names() and kind in ("task", "handler"):
        return Rule.UNKNOWN_MODULE, f"'{key}' is not a module's name here", f"write '{short}'"
    for other in ("task", "play", "block", "handler"):
        if key in keyword_schema(other)["properties"]:
            article = "an" if kind.startswith("i") else "a"
            return Rule.UNKNOWN_KEYWORD, f"'{key}' is a keyword of a {other}, not of {article} {kind}", ""
    return None
