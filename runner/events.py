"""What happened, as frozen dataclasses. The engine publishes them; journal and renderers observe.

Every event holds plain data only (text, numbers, booleans, None, lists, string-keyed dicts), so
that it can be written as JSON and read back equal. Times are seconds since the epoch, UTC.
`path` names a play or task for ever: `plays[0].tasks[2].rescue[1]`, so that resume can find it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from runner.frozen import frozen


class Status(StrEnum):
    """How a task ended on a host, in the words of Ansible's recap.

    UNKNOWN exists only in check mode: what the task would do cannot be known without acting. The
    recap counts it as ok.
    """

    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@frozen
class Event:
    """Anything that happened in a run, at a time."""

    at: float = field(kw_only=True)


@frozen
class RunStarted(Event):
    """`options` are those that decide what is done (limit, tags, check, extra variables' names)."""

    run: str
    playbook: str
    fingerprint: str
    options: Mapping[str, object]
    resumed: bool = False


@frozen
class PlayStarted(Event):
    """A play begins on its hosts."""

    path: str
    name: str
    hosts: tuple[str, ...]


@frozen
class BatchStarted(Event):
    """One batch of `serial` begins: the play's hosts it will work on."""

    path: str
    index: int
    hosts: tuple[str, ...]


@frozen
class TaskStarted(Event):
    """Written durably before the task's effect starts on any of `hosts`."""

    path: str
    name: str
    module: str
    hosts: tuple[str, ...]
    is_handler: bool = False


@frozen
class OutputLine(Event):
    """One line a running command wrote; for people watching, not kept in the journal."""

    path: str
    host: str
    stream: str
    text: str


@frozen
class Progress(Event):
    """How far a long transfer is; `total` is None while it is not known. Not kept in the journal."""

    path: str
    host: str
    label: str
    done: int
    total: int | None
    unit: str = "bytes"


@frozen
class ItemFinished(Event):
    """One item of a loop ended on a host."""

    path: str
    host: str
    index: int
    label: str
    status: Status
    result: Mapping[str, object]


@frozen
class AttemptFailed(Event):
    """`until` was not met and the task will be tried again."""

    path: str
    host: str
    attempt: int
    retries: int
    message: str


@frozen
class IncludedVariables:
    """Files of variables on the controller (absolute): each variable by its own name, or all in one called `name`.

    Only the paths are told: what is a template in a file, or secret, is so whenever it is read.
    """

    paths: tuple[str, ...]
    name: str = ""


@frozen
class AddedHost:
    """What the inventory has besides from now on: a host with variables, and the groups it is in, new or not."""

    name: str
    groups: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)


@frozen
class TaskFinished(Event):
    """Durable before anything that follows it starts. `result` is what `register` holds.

    `exit_code` is that of the error a failed task ended with. `notified` holds the paths of handlers.
    `shared_with` are the other hosts of the batch that take over a `run_once` result. `to_rescue`: the task
    failed and an enclosing block's rescue section takes over. `partial`: in check mode, what `result`
    does not hold is unknown, and so are the facts named in `unknown_facts`. `delegated_facts` are facts of
    other hosts (delegate_facts), by host. `included`: the variables in
    these files the host sees from now on. `added` are hosts and
    groups the inventory has besides from now on. `withheld`: this copy of the
    event had a secret masked or was censored by no_log. `counts`: how often the recap counts it.
    """

    path: str
    host: str
    name: str
    status: Status
    result: Mapping[str, object]
    seconds: float
    message: str = ""
    hint: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    notified: tuple[str, ...] = ()
    registered: str = ""
    diff: str = ""
    exit_code: int = 0
    is_handler: bool = False
    shared_with: tuple[str, ...] = ()
    to_rescue: bool = False
    partial: bool = False
    unknown_facts: tuple[str, ...] = ()
    delegated_facts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    included: tuple[IncludedVariables, ...] = ()
    added: tuple[AddedHost, ...] = ()
    withheld: bool = False
    counts: int = 1


@frozen
class TaskInterrupted(Event):
    """A task was cut off by Ctrl-C or SIGTERM; it has no end, so resume does it again."""

    path: str
    host: str
    name: str


@frozen
class Confirmed(Event):
    """Somebody answered yes to the question of a task's `confirm`; a resumed run does not ask again."""

    path: str
    question: str


@frozen
class HandlersFlushed(Event):
    """Every handler notified so far has had its turn on these hosts; `path` names the flush point."""

    path: str
    hosts: tuple[str, ...]


@frozen
class FactsCleared(Event):
    """`meta: clear_facts`: what was gathered of these hosts is forgotten."""

    path: str
    hosts: tuple[str, ...]


@frozen
class HostsForgiven(Event):
    """`meta: clear_host_errors`: these hosts, which were lost, take part in later plays."""

    path: str
    hosts: tuple[str, ...]


@frozen
class HostRescued(Event):
    """A block's rescue section ran to its end for a host that had failed in it."""

    path: str
    host: str


@frozen
class BatchFinished(Event):
    """One batch of `serial` is done, however it ended."""

    path: str
    index: int


@frozen
class PlayFinished(Event):
    """A play is done on all its hosts, however it ended."""

    path: str


@frozen
class ObjectiveMeasured(Event):
    """An objective of a play (`rto`, `rpo`) against what was reached, both in seconds."""

    path: str
    objective: str
    target_seconds: float
    reached_seconds: float | None
    met: bool


@frozen
class Warned(Event):
    """Something people should know that ends nothing."""

    message: str
    where: str = ""
    hint: str = ""


@frozen
class HostRecap:
    """The counts of one host in the PLAY RECAP line."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0


@frozen
class RunFinished(Event):
    """The end of a run; what has none was broken off."""

    run: str
    exit_code: int
    recap: Mapping[str, HostRecap]
    seconds: float
