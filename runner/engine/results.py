"""How something ended, in the shape Ansible's users know from `register`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import date, datetime, time
from typing import Any, Final

from runner.errors import ExitCode, HostUnreachable, SentraPlayError, TaskFailed
from runner.events import AddedHost, IncludedVariables, Status
from runner.frozen import frozen
from runner.hosts.contract import CommandFailed
from runner.modules.contract import Change, Diff, Outcome
from runner.secret import MASK, Secret

CENSORED: Final = "the output has been hidden because 'no_log: true' was specified for this result"


@frozen
class Ended:
    """How a task, one item of its loop or one attempt ended. `result` is plain data."""

    status: Status
    result: Mapping[str, Any]
    message: str = ""
    hint: str = ""
    exit_code: int = 0
    diff: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    delegated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    included: tuple[IncludedVariables, ...] = ()
    added: tuple[AddedHost, ...] = ()
    partial: bool = False
    unknown_facts: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return self.status is Status.FAILED


def acted(outcome: Outcome, show_diff: bool) -> Ended:
    """The end of an `apply`."""
    data = _data(outcome.data)
    result = {"changed": outcome.changed, "failed": False, **_lines(data), **data}
    status = Status.CHANGED if outcome.changed else Status.OK
    if outcome.skipped:
        status, result = Status.SKIPPED, {**result, "skipped": True}
    return Ended(
        status,
        result,
        diff=_text(outcome.diff, show_diff),
        facts=_data(outcome.facts),
        included=_those(outcome.included),
        added=(outcome.added,) if outcome.added else (),
    )


def previewed(change: Change, show_diff: bool) -> Ended:
    """The end of a `preview`. What is not needed is known in full; of the rest, only what is said."""
    data = _data(change.data)
    known = {} if change.needed is None else {"changed": change.needed, "failed": False}
    result = {**known, **_lines(data), **data}
    status = {True: Status.CHANGED, False: Status.OK, None: Status.UNKNOWN}[change.needed]
    if change.skipped:
        status, result = Status.SKIPPED, {**result, "skipped": True}
    return Ended(
        status,
        result,
        message=change.summary,
        diff=_text(change.diff, show_diff),
        facts=_data(change.facts),
        included=_those(change.included),
        added=(change.added,) if change.added else (),
        partial=change.needed is not False,
    )


def of_job(job: str, place: str) -> dict[str, Any]:
    """What Ansible tells of a job besides its result."""
    return {"ansible_job_id": job, "results_file": place, "started": True, "finished": True}


def of_started_job(job: str, place: str) -> Ended:
    """The end of a task whose job goes on alone."""
    return Ended(Status.CHANGED, {"changed": True, "failed": False, **of_job(job, place), "finished": False})


def unknown(error: SentraPlayError) -> Ended:
    """In check mode, it depends on something that is not known."""
    return Ended(Status.UNKNOWN, {}, message=error.message, hint=error.hint, partial=True)


def would_fail(ended: Ended) -> Ended:
    """In check mode, it fails now, but might not after the steps before it."""
    message = f"now it would fail: {ended.message}; but a step before it was not carried out"
    return Ended(Status.UNKNOWN, {}, message=message, hint=ended.hint, partial=True)


def skipped(reason: str, condition: object = None) -> Ended:
    """It was not its turn."""
    result = {"changed": False, "failed": False, "skipped": True, "skip_reason": reason}
    if condition is not None:
        result["false_condition"] = plain(condition)
    return Ended(Status.SKIPPED, result, message=reason)


def failed(error: SentraPlayError) -> Ended:
    """It raised `error`."""
    data = {**_of_command(error), **(_data(error.data) if isinstance(error, TaskFailed) else {})}
    result = {"changed": False, "msg": error.message, **_lines(data), **data, "failed": True}
    message = f"{error.message} ({error.why})" if error.why else error.message
    return Ended(Status.FAILED, result, message=message, hint=error.hint, exit_code=int(error.exit_code))


def unreachable(error: HostUnreachable) -> Ended:
    """The host, or the one the task was delegated to, could not be reached."""
    result = {"changed": False, "failed": False, "unreachable": True, "msg": error.message}
    return Ended(Status.UNREACHABLE, result, message=str(error), hint=error.hint, exit_code=ExitCode.UNREACHABLE)


def refused_by(ended: Ended, condition: object) -> Ended:
    """`failed_when` says it failed."""
    result = {**ended.result, "failed": True, "failed_when_result": True}
    message = ended.message or f"failed_when: {condition}"
    return replace(ended, status=Status.FAILED, result=result, message=message, exit_code=ended.exit_code or 2)


def accepted(ended: Ended) -> Ended:
    """`failed_when` says it did not fail."""
    result = {**ended.result, "failed": False, "failed_when_result": False}
    return with_changed(replace(ended, result=result, message="", hint="", exit_code=0), bool(result.get("changed")))


def with_changed(ended: Ended, changed: bool) -> Ended:
    """The same end, with `changed` as `changed_when` (or the module) says."""
    status = ended.status
    if ended.result.get("failed") is not True:
        status = Status.CHANGED if changed else Status.OK
    return replace(ended, status=status, result={**ended.result, "changed": changed})


def of_loop(items: Iterable[Ended]) -> Ended:
    """The end of a loop from the ends of its items: failed if one failed, skipped if all were."""
    ended = tuple(items)
    statuses = {item.status for item in ended}
    worst = next((status for status in WORST_FIRST if status in statuses), Status.OK)
    results = [dict(item.result) for item in ended]
    result: dict[str, Any] = {"results": results, "failed": worst is Status.FAILED, "msg": LOOP_MESSAGES.get(worst, "")}
    if not any(item.status is Status.UNKNOWN for item in ended):
        result["changed"] = any(bool(one.get("changed")) for one in results)
    if worst is Status.SKIPPED:
        result["skipped"] = True
    if worst is Status.UNREACHABLE:
        result["unreachable"] = True
    first_bad = next((item for item in ended if item.status is worst), None)
    facts = {name: value for item in ended for name, value in item.facts.items()}
    return Ended(
        worst,
        result,
        message=first_bad.message if first_bad and worst in LOOP_MESSAGES else "",
        hint=first_bad.hint if first_bad else "",
        exit_code=max((item.exit_code for item in ended), default=0) if worst in LOOP_MESSAGES else 0,
        diff="\n".join(item.diff for item in ended if item.diff),
        facts=facts,
        delegated=_joined(item.delegated for item in ended),
        included=tuple(one for item in ended for one in item.included),
        added=tuple(one for item in ended for one in item.added),
        partial=any(item.partial for item in ended),
        unknown_facts=tuple(name for item in ended for name in item.unknown_facts),
    )


def _those(included: IncludedVariables | None) -> tuple[IncludedVariables, ...]:
    return (included,) if included and included.paths else ()


def delegated(ended: Ended, host: str) -> Ended:
    """The same end, its facts being those of `host`."""
    return replace(ended, facts={}, delegated={host: ended.facts}) if ended.facts else ended


def _joined(found: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    joined: dict[str, dict[str, Any]] = {}
    for by_host in found:
        for host, facts in by_host.items():
            joined.setdefault(host, {}).update(facts)
    return joined


WORST_FIRST: Final = (Status.UNREACHABLE, Status.FAILED, Status.UNKNOWN, Status.CHANGED, Status.OK, Status.SKIPPED)
LOOP_MESSAGES: Final[Mapping[Status, str]] = {
    Status.FAILED: "One or more items failed",
    Status.UNREACHABLE: "One or more items failed",
}


def plain(value: object) -> Any:
    """`value` as plain data that JSON can hold; what has no such form becomes its text."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value)


def _data(data: Mapping[str, object]) -> dict[str, Any]:
    return {str(key): plain(item) for key, item in data.items()}


def _of_command(error: SentraPlayError) -> dict[str, Any]:
    if not isinstance(error, CommandFailed):
        return {}
    ended = error.result
    return {"rc": ended.exit_code, "stdout": ended.stdout, "stderr": ended.stderr, "cmd": list(ended.argv)}


def _lines(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{name}_lines": data[name].splitlines() for name in ("stdout", "stderr") if isinstance(data.get(name), str)
    }


def _text(diff: Diff | None, wanted: bool) -> str:
    if diff is None or not wanted:
        return ""
    lines = difflib.unified_diff(
        diff.before.splitlines(), diff.after.splitlines(), f"before: {diff.title}", f"after: {diff.title}", lineterm=""
    )
    return "\n".join(lines)
