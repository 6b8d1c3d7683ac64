"""An inventory's structure: groups, hosts, children and the variables that have a meaning of their own."""

from __future__ import annotations

from typing import Any, Final

from runner.document import Document, Path
from runner.errors import Location, Problem, Severity
from runner.rules import Rule
from runner.schema.files import schema
from runner.schema.structure import Structure
from runner.schema.validation import located, value_problems
from runner.suggestions import did_you_mean

_GROUP_KEYS: Final = ("hosts", "vars", "children")

_NO_CUSTOM_SSH: Final = "write it into ssh_config, or use proxy_jump, known_hosts_file, connect_timeout"
_REPLACED: Final = {
    "ansible_ssh_common_args": _NO_CUSTOM_SSH,
    "ansible_ssh_extra_args": _NO_CUSTOM_SSH,
    "ansible_ssh_args": _NO_CUSTOM_SSH,
    "ansible_ssh_host": "write ansible_host",
    "ansible_ssh_port": "write ansible_port",
    "ansible_ssh_user": "write ansible_user",
    "ansible_ssh_pass": "write ansible_password",
    "ansible_ssh_password": "write ansible_password",
    "ansible_become_pass": "write ansible_become_password",
    "ansible_sudo_pass": "write ansible_become_password",
    "ansible_become_method": "leave it out: sudo is the only way",
    "ansible_become_exe": "leave it out: sudo is found by PATH",
    "ansible_host_key_checking": "write host_key_checking: strict or accept-new",
    "ansible_ssh_host_key_checking": "write host_key_checking: strict or accept-new",
    "ansible_ssh_private_key": "write ansible_ssh_private_key_file",
    "ansible_private_key_file": "write ansible_ssh_private_key_file",
}


_UNNAMABLE: Final = frozenset(" \t,&!~*?@=[]:'\"#;(){}")
_TRUE: Final = frozenset({"yes", "on", "1", "true", "y", "t"})
_FALSE: Final = frozenset({"no", "off", "0", "false", "n", "f"})


def inventory_problems(document: Document) -> list[Problem]:
    """Every way in which a document does not fit the schema of inventories, but for the names of hosts."""
    walk = _Walk(document)
    data = document.data
    if not isinstance(data, dict):
        hint = "begin with 'all:' and 'hosts:' below it"
        walk.note(Rule.WRONG_STRUCTURE, (), "an inventory in YAML is a mapping of groups", hint)
    elif isinstance(data.get("plugin"), str):
        hint = f"give a script with -i instead that prints what `ansible-inventory -i {document.file} --list` prints"
        walk.note(Rule.UNSUPPORTED, ("plugin",), "this configures an inventory plugin of Ansible's", hint, on_key=True)
    else:
        for name, group in data.items():
            walk.group(group, (name,))
    return walk.problems


def variable_problems(variables: object, document: Document, under: Path) -> list[Problem]:
    """What is wrong with variables (of a host, a group, a vars file): names, and values that have a fixed meaning."""
    walk = _Walk(document)
    walk.variables(variables, under)
    return walk.problems


def variables_structure(document: Document, _: frozenset[str] = frozenset()) -> Structure:
    """What is wrong with a file of variables, and what can be used nevertheless; one without content has none."""
    if document.data is None:
        return Structure((), document)
    found = tuple(variable_problems(document.data, document, ()))
    return Structure(found, document if isinstance(document.data, dict) else None)


def name_problem(name: str, kind: str, place: Location) -> Problem | None:
    """What is wrong, or odd, with the name of a host or a group (`kind`) that stands at `place`."""
    unnamable = _UNNAMABLE - {":"} if kind == "host" else _UNNAMABLE
    if not name or unnamable.intersection(name) or name.startswith("-"):
        message = f"'{name}' cannot be the name of a {kind}: patterns could not mean it"
        return Problem(message, place, "use letters, digits, '_', '-' and '.'", rule=Rule.BAD_NAME)
    if kind == "group" and not name.isidentifier():
        message = f"the group '{name}' has a name that Ansible calls invalid"
        hint = "use letters, digits and '_', not beginning with a digit"
        return Problem(message, place, hint, Severity.WARNING, rule=Rule.BAD_NAME)
    return None


def as_described(name: str, value: object, text: str) -> object:
    """The value of a variable that was written as bare `text`, where nobody can write types as YAML has them.

    `yes` is a boolean for a variable that must be one, and digits are text for one that must be text.
    """
    wanted = schema("inventory.json")["definitions"]["variables"]["properties"].get(name, {}).get("type")
    if wanted == "boolean" and isinstance(value, (str, int)):
        word = str(value).lower()
        return True if word in _TRUE else False if word in _FALSE else value
    if wanted == "string" and isinstance(value, (int, float)):
        return text
    if wanted == "integer" and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value


class _Walk:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def note(self, rule: Rule, path: Path, message: str, hint: str = "", on_key: bool = False) -> None:
        place = self.document.key_at(path) if on_key else self.document.at(path)
        self.problems.append(Problem(message, place, hint, rule=rule))

    def group(self, group: object, path: Path) -> None:
        if problem := name_problem(str(path[-1]), "group", self.document.key_at(path)):
            self.problems.append(problem)
        if group is None:
            return
        if not isinstance(group, dict):
            self.note(
                Rule.WRONG_STRUCTURE,
                path,
                f"the group '{path[-1]}' must be a mapping",
                "it holds hosts, vars and children",
            )
            return
        for key, value in group.items():
            if key not in _GROUP_KEYS:
                hint = did_you_mean(key, _GROUP_KEYS, "a group holds hosts, vars and children")
                self.note(
                    Rule.UNKNOWN_KEY, (*path, key), f"unknown key '{key}' of the group '{path[-1]}'", hint, on_key=True
                )
            elif value is not None:
                self._section(key, value, (*path, key))

    def _section(self, key: str, value: object, path: Path) -> None:
        if key == "vars":
            self.variables(value, path)
        elif not isinstance(value, dict):
            hint = f"write each with a ':' behind it, indented below {key}"
            self.note(Rule.WRONG_STRUCTURE, path, f"'{key}' must be a mapping of names, not {_kind(value)}", hint)
        else:
            for name, item in value.items():
                if key == "children":
                    self.group(item, (*path, name))
                else:
                    self.variables(item, (*path, name))

    def variables(self, variables: object, path: Path) -> None:
        if variables is None:
            return
        if not isinstance(variables, dict):
            self.note(
                Rule.WRONG_STRUCTURE,
                path,
                f"variables must be a mapping, not {_kind(variables)}",
                "write them as 'name: value'",
            )
            return
        described: dict[str, Any] = schema("inventory.json")["definitions"]["variables"]
        for name in variables:
            if hint := _REPLACED.get(name):
                self.note(Rule.UNSUPPORTED, (*path, name), f"'{name}' is not supported", hint, on_key=True)
            elif name.startswith("ansible_") and name not in described["properties"]:
                hint = did_you_mean(name, described["properties"], "names that begin with ansible_ are reserved")
                self.note(Rule.UNKNOWN_KEY, (*path, name), f"unknown connection variable '{name}'", hint, on_key=True)
        for problem in value_problems(described, variables, rendered=False, noun="variable"):
            self.problems.append(located(problem, self.document, path))


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "text" if isinstance(value, str) else "a single value"
