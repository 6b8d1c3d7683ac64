"""The way every event of the engine takes: published first, and only then taken into the state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from runner.engine.results import CENSORED
from runner.engine.state import RunState
from runner.events import AttemptFailed, Event, ItemFinished, TaskFinished
from runner.secret import MASK, Redactor

KNOWN_LATER = ("result", "facts", "delegated_facts", "added")
"""What later tasks learn from an end."""

KEPT_WHEN_CENSORED = ("changed", "failed", "skipped", "unreachable", "attempts")


class Unrecorded(Exception):  # noqa: N818 it carries the error, which has the name
    """An event could not be recorded. Not an error a task may have: it ends the run, whatever catches those."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Chronicle:
    """Publishes events with secrets masked and remembers them unmasked. Thread-safe.

    If publishing raises (the journal cannot be written), the state does not change and Unrecorded is raised.
    """

    def __init__(self, publish: Callable[..., None], redactor: Redactor, state: RunState) -> None:
        self._publish = publish
        self._redactor = redactor
        self._lock = threading.Lock()
        self._thread = threading.local()
        self.state = state

    def tell(self, *events: Event, no_log: bool = False) -> None:
        """Publish what this thread holds and `events`, together, and take them in.

        With `no_log` others see that they happened, not what.
        """
        self._publish_all([*self._held(), *self._fit_to_show(events, no_log)])
        self._take_in(events)

    def hold(self, *events: Event, no_log: bool = False) -> None:
        """Take `events` in; they are published with what this thread tells next.

        Only for what that follows at once: nothing may have an effect before it is told of, so all that
        happened before is then recorded too. Whoever waits for something else calls `release` first.
        """
        self._thread.held = [*self._held(), *self._fit_to_show(events, no_log)]
        self._take_in(events)

    def release(self) -> None:
        """Publish what this thread holds."""
        if held := self._held():
            self._publish_all(held)

    def _held(self) -> list[Event]:
        held: list[Event] = getattr(self._thread, "held", [])
        self._thread.held = []
        return held

    def _fit_to_show(self, events: Sequence[Event], no_log: bool) -> list[Event]:
        return [self._masked(_censored(event) if no_log else event) for event in events]

    def _publish_all(self, events: Sequence[Event]) -> None:
        try:
            self._publish(*events)
        except Exception as error:
            raise Unrecorded(error) from error

    def _take_in(self, events: Sequence[Event]) -> None:
        with self._lock:
            for event in events:
                self.state.apply(event)

    def watch(self, event: Event) -> None:
        """Publish what is only for those watching."""
        self._publish(event)

    def _masked(self, event: Event) -> Event:
        if not (isinstance(event, TaskFinished) and self._redactor.knows_any):
            return event
        shown = {name: self._redactor.redact(getattr(event, name)) for name in KNOWN_LATER}
        if all(value == getattr(event, name) for name, value in shown.items()):
            return event
        return replace(event, **shown, withheld=True)


def _censored(event: Event) -> Event:
    match event:
        case TaskFinished():
            kept = {key: event.result[key] for key in KEPT_WHEN_CENSORED if key in event.result}
            facts = dict.fromkeys(event.facts, MASK)
            elsewhere = {host: dict.fromkeys(facts, MASK) for host, facts in event.delegated_facts.items()}
            shown = replace(event, message=CENSORED if event.message else "", hint="", diff="", facts=facts)
            shown = replace(shown, delegated_facts=elsewhere)
            return replace(shown, result={"censored": CENSORED, **kept}, withheld=True)
        case ItemFinished():
            return replace(event, label="(hidden)", result={"censored": CENSORED})
        case AttemptFailed():
            return replace(event, message=CENSORED)
        case _:
            return event
