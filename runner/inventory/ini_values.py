"""Values of INI inventories: a Python literal is what it says, everything else is text, as in Ansible."""

from __future__ import annotations

import ast
import math
import re
import warnings
from typing import Final

from runner.document import trusted

_LOST_ZERO: Final = re.compile(r"[-+]?\d+\.\d+0")
_NO_LITERAL: Final = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


def value_of(text: str) -> object:
    """What a value means."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return trusted(_plain(ast.literal_eval(text)))
    except _NO_LITERAL:
        return trusted(text)


def loses_a_zero(value: object, text: str) -> bool:
    """Whether a number is not what was written: 1.10 is the number 1.1, and no longer a version."""
    return isinstance(value, float) and _LOST_ZERO.fullmatch(text) is not None


def _plain(value: object) -> object:
    """Plain data of a literal; ValueError for what data cannot hold."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise ValueError("no plain data")
