"""What one call of the program knows from its first moment to its last."""

from __future__ import annotations

from dataclasses import field

from runner.frozen import frozen
from runner.secret import Redactor


@frozen
class Invocation:
    """The words after `sentraplay`, and the secrets met so far: whatever is printed at the end passes them."""

    argv: tuple[str, ...]
    redactor: Redactor = field(default_factory=Redactor)
