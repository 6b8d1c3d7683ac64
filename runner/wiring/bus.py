"""The way of every event: secrets masked once, then the journal, then those who watch.

The journal decides: what it cannot record does not happen. A watcher decides nothing: one that went
away (`| head`, a closed terminal, a full disk under its file) or broke is left out from then on, for
a recovery must not stop half-way because nobody looks at it any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Final

from runner.events import Event
from runner.render import Renderer
from runner.secret import Redactor

# Names the program itself gave, or that the inventory and the playbook's structure give. A weak secret
# that happens to equal one ("postgres") must not make the journal unreadable to resume.
STRUCTURE: Final = frozenset(
    {"at", "run", "fingerprint", "path", "host", "hosts", "module", "status", "stream", "registered", "recap", "unit"}
)


class Bus:
    """Publishes events from any thread; renderers get them one at a time."""

    def __init__(self, redactor: Redactor, record: Callable[..., None], renderers: Sequence[Renderer]) -> None:
        self._redactor = redactor
        self._record = record
        self._renderers = list(renderers)
        self._lock = threading.Lock()
        self._broken: Exception | None = None

    def publish(self, *events: Event) -> None:
        """Record `events` durably, all or none, then show them. Raises what the journal raises, with nothing shown."""
        masked = [self.masked(event) for event in events]
        # Outside the lock: the journal writes what several threads bring together in one go.
        self._record(*masked)
        for event in masked:
            self._shown(event)

    def show(self, event: Event) -> None:
        """Show `event` without recording it: for what concerns only those who watch right now."""
        self._shown(self.masked(event))

    def masked(self, event: Event) -> Event:
        """`event`, or a copy of it, in which no free text holds a known secret."""
        if not self._redactor.knows_any:
            return event
        written = {field.name: getattr(event, field.name) for field in fields(event) if field.name not in STRUCTURE}
        masked = self._redactor.redact(written)
        return event if masked == written else replace(event, **masked)

    def _shown(self, masked: Event) -> None:
        with self._lock:
            for renderer in tuple(self._renderers):
                self._show(renderer, masked)

    def _show(self, renderer: Renderer, event: Event) -> None:
        try:
            renderer(event)
        except OSError:
            self._renderers.remove(renderer)
        except Exception as error:  # noqa: BLE001 a watcher's bug is told at the end; the run goes on
            self._broken = self._broken or error
            self._renderers.remove(renderer)

    def close(self) -> None:
        """Let the renderers leave; raises the bug that broke one of them, if there was one."""
        with self._lock:
            for renderer in self._renderers:
                try:
                    renderer.close()
                except OSError:
                    continue
            self._renderers.clear()
        if self._broken:
            raise self._broken
