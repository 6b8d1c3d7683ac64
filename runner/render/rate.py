"""How fast a transfer goes and when it will end, from what was reported of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

WINDOW_SECONDS: Final = 15.0


@dataclass(slots=True)
class Estimate:
    """Measures over the last `WINDOW_SECONDS`, so that a stalled transfer shows as stalled."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def observe(self, at: float, done: int) -> None:
        """`done` units were through at the time `at` (seconds); going backwards starts the measuring anew."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((at, done))
        while len(self._seen) > 2 and self._seen[1][0] <= at - WINDOW_SECONDS:
            self._seen.popleft()

    def per_second(self, now: float) -> float | None:
        """Units per second up to `now`; None before there are two observations."""
        if len(self._seen) < 2:
            return None
        first_at, first_done = self._seen[0]
        elapsed = max(now, self._seen[-1][0]) - first_at
        return (self._seen[-1][1] - first_done) / elapsed if elapsed > 0 else None

    def remaining(self, total: int | None, now: float) -> float | None:
        """Seconds until `total` is reached; None if that cannot be told."""
        rate = self.per_second(now)
        if total is None or not rate:
            return None
        return max(0.0, (total - self._seen[-1][1]) / rate)
