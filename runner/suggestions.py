""" "Did you mean …?" in one wording everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is most likely a slip of, if any is near enough."""
    by_lower = {candidate.lower(): candidate for candidate in sorted(known, reverse=True)}
    if same := by_lower.get(word.lower().replace("-", "_")):
        return same
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.66)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint: the nearest known word, else `otherwise`."""
    found = nearest(word, known)
    return f"did you mean '{found}'?" if found else otherwise


def listed(words: Iterable[str], last: str = "and") -> str:
    """ "a, b and c", in order of the alphabet."""
    *most, end = sorted(words) or [""]
    return f"{', '.join(most)} {last} {end}" if most else end


def some(words: Sequence[str]) -> str:
    """ "a, b and c" in the given order; of more than three "a, b and 7 more"."""
    if len(words) > 3:
        return f"{', '.join(words[:2])} and {len(words) - 2} more"
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
