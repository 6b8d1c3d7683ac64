"""For whom something is encrypted: public keys, given one by one or in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runner.errors import UsageError
from runner.vault.age import recipient

USUAL_FILE: Final = ".age-recipients"


def recipients(given: Sequence[str], files: Sequence[Path], beside: Path) -> tuple[str, ...]:
    """Those given and those in `files`; without any, those of the nearest `.age-recipients` at or above `beside`.

    UsageError if that is nobody, or if one of them is none.
    """
    if not given and not files:
        directory = beside.absolute()
        files = [place / USUAL_FILE for place in (directory, *directory.parents) if (place / USUAL_FILE).is_file()][:1]
    found = dict.fromkeys([*given, *(line for file in files for line in _lines(file))])
    if not found:
        hint = f"give --recipient age1… or ssh-ed25519 …, or write the public keys into {USUAL_FILE}, one a line"
        raise UsageError("nobody is named who shall be able to read it", hint=hint)
    for one in found:
        recipient(one)
    return tuple(found)


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"the recipients in {file} cannot be read: {reason}") from None
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
