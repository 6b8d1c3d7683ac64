"""Handlers: found by name or topic, run at most once per flush, in the order they are defined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from runner.engine import keywords
from runner.engine.blocks import Falls, Scope, Walk
from runner.engine.chronicle import Chronicle
from runner.engine.step import Step
from runner.errors import TaskFailed
from runner.events import HandlersFlushed
from runner.frozen import frozen
from runner.playbook import Entry, Keywords, Play, Role, Task, inside


@frozen
class Handler:
    """A handler, and the keywords of what surrounds it, but for those of the play."""

    task: Task
    outer: Keywords

    @property
    def keywords(self) -> Keywords:
        return keywords.inside(self.outer, self.task.keywords)

    @property
    def path(self) -> str:
        return self.task.path

    @property
    def is_named(self) -> bool:
        return self.task.name != self.task.module

    @property
    def names(self) -> tuple[str, ...]:
        """What it can be notified by, but for what it listens to."""
        role = self.keywords.role
        return (self.task.name, f"{role.name} : {self.task.name}") if role else (self.task.name,)


class Handlers:
    """The handlers of a play."""

    def __init__(self, play: Play, chronicle: Chronicle, clock: Callable[[], float]) -> None:
        self._play = play
        self._all = [
            *_of_roles(play.roles, Keywords()),
            *_handlers(play.handlers, Keywords()),
            *_of_roles([entry for entry in chain(*play.sections) if entry not in play.roles], Keywords()),
        ]
        self._chronicle = chronicle
        self._state = chronicle.state
        self._clock = clock

    def add(self, role: Role, outer: Keywords) -> None:
        """Take in the handlers of a role that is included. If it was before, they stand in for those of then,
        under their paths: a handler notified before and after runs once."""
        for handler in _of_roles([role], outer):
            before = [one for one in self._all if one.task.location == handler.task.location]
            if before:
                self._all.remove(before[-1])
                handler = replace(handler, task=replace(handler.task, path=before[-1].path))
            self._all.append(handler)

    def named(self, name: str) -> tuple[str, ...]:
        """The paths of the handlers a notification is for: the last one of that name, and all that listen to it,
        of those that share a name the last."""
        by_name = [handler.path for handler in self._all if name in handler.names][-1:]
        listening: dict[str, str] = {}
        for handler in self._all:
            if name in handler.task.listen:
                listening[handler.task.name if handler.is_named else handler.path] = handler.path
        if not by_name and not listening:
            raise TaskFailed(
                f"no handler of this play is called {name!r} or listens to it",
                hint="handlers stand under `handlers:` of the same play or of one of its roles",
            )
        return (*by_name, *listening.values())

    def flush(self, walk: Walk, point: str, hosts: Sequence[str], scope: Scope) -> Falls:
        """Run what is pending on `hosts`. `point` names the flush for ever: there each handler runs once.

        A handler notified by a later one stays pending for the next flush, as in Ansible.
        """
        fallen: Falls = {}
        if not self._all:
            return fallen
        for handler in tuple(self._all):
            standing = [host for host in hosts if host not in fallen]
            fallen |= self._run(walk, handler, point, standing, scope)
            if walk.stopped and not scope.must_run:
                break
        due = tuple(host for host in hosts if host not in fallen and (point, host) not in self._state.flushed)
        if due and not walk.stopped:
            self._chronicle.tell(HandlersFlushed(point, due, at=self._clock()))
        return fallen

    def _run(self, walk: Walk, handler: Handler, point: str, hosts: Sequence[str], scope: Scope) -> Falls:
        path = point + handler.path.removeprefix(self._play.path)
        notified = tuple(host for host in hosts if self._is_due(handler, point, path, host))
        if not notified:
            return {}
        own = keywords.inside(scope.keywords, handler.keywords)
        doubtful = frozenset(host for host in notified if not self._state.pending.get(host, {}).get(handler.path, True))
        step = Step(handler.task, path, own, scope.rescuable, is_handler=True, doubtful=doubtful)
        return walk.step(step, notified, replace(scope, keywords=keywords.inside(scope.keywords, handler.outer)))

    def _is_due(self, handler: Handler, point: str, path: str, host: str) -> bool:
        """Whether it ran at this point before the run was resumed, or is to run there now."""
        if (path, host) in self._state.ends:
            return True
        return (point, host) not in self._state.flushed and handler.path in self._state.pending.get(host, {})


def _handlers(entries: Sequence[Entry], outer: Keywords) -> Iterator[Handler]:
    """Each handler, those of imported files too, in order."""
    for entry in entries:
        if isinstance(entry, Task):
            yield Handler(entry, outer)
        else:
            yield from _handlers(inside(entry), keywords.inside(outer, entry.keywords))


def _of_roles(entries: Iterable[Entry], outer: Keywords) -> Iterator[Handler]:
    """The handlers of the roles among `entries` and inside them, those of the roles they depend on first."""
    for entry in entries:
        own = keywords.inside(outer, entry.keywords)
        if isinstance(entry, Role):
            yield from _of_roles(entry.dependencies, own)
            folder = entry.scope.directory / "handlers"
            yield from _handlers(entry.handlers, replace(own, directory=folder))
            yield from _of_roles(entry.tasks, own)
        else:
            yield from _of_roles(inside(entry), own)
