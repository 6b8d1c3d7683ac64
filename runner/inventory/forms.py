"""In which form an inventory file is written."""

from __future__ import annotations

import os
import re
from enum import Enum, auto
from pathlib import Path
from typing import Final

from runner.errors import Location, Problem
from runner.localfiles import is_file
from runner.rules import Rule

_SHEBANG: Final = b"#!"
_ELF: Final = b"\x7fELF"
_YAML_NAMES: Final = (".yml", ".yaml", ".json")
_SECTION: Final = re.compile(r"\[[^\]]*\]?\s*(?:#.*)?")
_YAML_BEGINNING: Final = re.compile(r"---|%YAML|[{?]|-\s|[^\s=\[\]]+\s*:(?:\s|$)")


class Form(Enum):
    YAML = auto()
    INI = auto()


def is_script(path: Path) -> bool:
    """Whether a file is a program that prints an inventory: it is executable, and begins like a program.

    File systems that call everything executable do not turn inventories into scripts.
    """
    if not (is_file(path) and os.access(path, os.X_OK)):
        return False
    try:
        with path.open("rb") as file:
            return file.read(4).startswith((_SHEBANG, _ELF))
    except OSError:
        return False


def form_of(path: Path, text: str) -> Form | Problem:
    """The form of an inventory's text, by the file's name and the first line that says anything.

    A name that ends in .ini means INI. A `[section]` is INI whatever the name; a `key:` is YAML, and so is
    everything else in a file called .yml, .yaml or .json.
    """
    if text.startswith(_SHEBANG.decode()):
        hint = f"chmod +x {path}"
        return Problem("this is a script, but not executable", Location(str(path), 1, 1), hint, rule=Rule.SCRIPT_FAILED)
    if path.suffix == ".toml":
        hint = "write it in YAML or INI form"
        return Problem("inventories in TOML are not supported", Location(str(path), 1, 1), hint, rule=Rule.UNSUPPORTED)
    first = next((line for line in map(str.strip, text.splitlines()) if line and line[0] not in "#;"), "")
    if path.suffix == ".ini" or _SECTION.fullmatch(first):
        return Form.INI
    if not first or path.suffix in _YAML_NAMES or _YAML_BEGINNING.match(first):
        return Form.YAML
    return Form.INI
