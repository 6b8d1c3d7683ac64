"""`serial`: how many hosts a play works on at a time."""

from __future__ import annotations

from collections.abc import Sequence


def batches(hosts: Sequence[str], serial: Sequence[int | str]) -> tuple[tuple[str, ...], ...]:
    """The hosts in batches: of the sizes of `serial` in turn, the last one repeating. Percentages are of all hosts."""
    if not hosts:
        return ()
    sizes = [_size(entry, len(hosts)) for entry in serial] or [len(hosts)]
    result: list[tuple[str, ...]] = []
    start = 0
    while start < len(hosts):
        size = sizes[min(len(result), len(sizes) - 1)]
        result.append(tuple(hosts[start : start + size]))
        start += size
    return tuple(result)


def _size(entry: int | str, total: int) -> int:
    text = str(entry).strip()
    size = int(total * int(text[:-1]) / 100) if text.endswith("%") else int(text)
    return max(size, 1)
