"""What --limit says: patterns, and files of patterns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from runner.errors import Location, UsageError
from runner.frozen import frozen


@frozen
class Limit:
    """One pattern for all that was given, and where those parts of it stand that come from files."""

    pattern: str | None = None
    places: Mapping[str, Location] = field(default_factory=dict)


def limit_of(texts: Sequence[str]) -> Limit:
    """What all --limit together say. `@FILE` stands for the patterns in a file, one to a line.

    UsageError for a file that is not there, and for one without a pattern: it must not mean every host.
    """
    parts: list[str] = []
    places: dict[str, Location] = {}
    for text in texts:
        for part in text.split(","):
            if part.strip().startswith("@"):
                found = dict(_lines(Path(part.strip()[1:])))
                parts += found
                places |= found
            elif part.strip():
                parts.append(part.strip())
    if texts and not parts:
        raise UsageError("--limit names no host", hint="give it a host, a group or another pattern, or leave it out")
    return Limit(",".join(parts) or None, places)


def _lines(path: Path) -> Iterator[tuple[str, Location]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"--limit: the file {path} cannot be read: {reason}") from None
    found = [
        (line.strip(), Location(str(path), number, len(line) - len(line.lstrip()) + 1))
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not found:
        raise UsageError(
            f"--limit: the file {path} names no host", hint="it holds one host, group or pattern to a line"
        )
    yield from found
