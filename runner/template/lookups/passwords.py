"""`lookup('password', …)`: a password made up once and kept in a file of the controller."""

from __future__ import annotations

import os
import random
import secrets
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from runner.localfiles import expanded
from runner.template.lookups.asked import Asked, Lookup

_KINDS: Final[Mapping[str, str]] = {
    "ascii_letters": string.ascii_letters,
    "ascii_lowercase": string.ascii_lowercase,
    "ascii_uppercase": string.ascii_uppercase,
    "digits": string.digits,
    "hexdigits": string.hexdigits,
    "octdigits": string.octdigits,
    "punctuation": string.punctuation,
}

_OPTIONS: Final[Mapping[str, object]] = {"length": 20, "chars": ("ascii_letters", "digits", ".,:-_"), "seed": None}


def _password(asked: Asked) -> list[object]:
    return [_kept(asked, term) for term in asked.names()]


def _kept(asked: Asked, term: str) -> str:
    name, *words = term.split(" ")
    options = {**asked.options, **dict(_option(word) for word in words if word)}
    path = asked.controller.directory / expanded(name)
    if path.is_file():
        return path.read_text(encoding="utf-8").split(" salt=")[0].rstrip("\n")
    password = _made_up(int(str(options["length"])), _characters(options["chars"]), options["seed"])
    if asked.controller.keeps and str(path) != os.devnull:
        return _written(path, password)
    return password


def _option(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or name not in _OPTIONS:
        raise ValueError(f"lookup('password') does not understand '{word}'; it knows {', '.join(_OPTIONS)}")
    return name, value


def _characters(chars: object) -> str:
    """The characters of `a,b,digits`, where two commas stand for a comma."""
    if isinstance(chars, str):
        parts = [part for part in chars.replace(",,", ",").split(",") if part] + ([","] if ",," in chars else [])
    else:
        parts = [str(part) for part in chars] if isinstance(chars, Sequence) else []
    found = "".join(_KINDS.get(part, part) for part in parts)
    if not found:
        raise ValueError("lookup('password') needs characters to choose from")
    return found


def _made_up(length: int, characters: str, seed: object) -> str:
    chance = secrets.SystemRandom() if seed is None else random.Random(str(seed))
    return "".join(chance.choice(characters) for _ in range(length))


def _written(path: Path, password: str) -> str:
    """The password, or what somebody else wrote there in the meantime."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{password}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return path.read_text(encoding="utf-8").split(" salt=")[0].rstrip("\n")
    finally:
        draft.unlink(missing_ok=True)
    return password


PASSWORD_LOOKUPS: Final[Mapping[str, Lookup]] = {"password": Lookup(_password, _OPTIONS, secret=True)}
