"""Names of handlers, hosts, groups, repositories, tags and files that nobody has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tests.benchmarks.mutations.mutant import Breaking, Change
from tests.benchmarks.mutations.source import Pair, Source, pairs_of, scalars

_TAKEN_IN: Final = re.compile(r"(?:import_tasks|import_playbook|role|file|name): ([\w/]+)(\.yml)?$", re.MULTILINE)
_SOURCES: Final = frozenset({"copy", "template"})


def unknown_handler(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        if notify := entry.get("notify"):
            for scalar in scalars(notify.value):
                yield Change(source.replaced(scalar.end_mark.index, scalar.end_mark.index, " all"))


def handler_renamed(source: Source) -> Iterator[Change]:
    for play in source.of_kind("play"):
        tasks = [entry for entry in source.tasks if entry.outer[0] is play]
        notified = {one.value for task in tasks if (pair := task.get("notify")) for one in scalars(pair.value)}
        handlers = [entry for entry in source.of_kind("handler") if entry.outer[0] is play]
        heard = [one.value for entry in handlers if (pair := entry.get("listen")) for one in scalars(pair.value)]
        for entry in handlers:
            name = entry.get("name")
            if name and name.scalar in notified and name.scalar not in heard:
                yield Change(source.replaced(name.value_end, name.value_end, " all"))


def duplicate_handler(source: Source) -> Iterator[Change]:
    for play in source.of_kind("play"):
        handlers = play.get("handlers")
        names = [entry.get("name") for entry in source.of_kind("handler") if entry.outer[0] is play]
        if handlers and names and names[0] and source.text.endswith("\n"):
            end = source.line_start(handlers.value_end) if handlers.value_end < len(source.text) else len(source.text)
            indent = " " * handlers.value.start_mark.column
            yield Change(source.replaced(end, end, f"{indent}- name: {names[0].scalar}\n{indent}  ping:\n"))


def missing_source(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        if entry.module and entry.module.key in _SOURCES:
            for pair in entry.arguments:
                if pair.key == "src" and "{{" not in (pair.scalar or ""):
                    yield Change(_renamed(source, pair))


def missing_vars_file(source: Source) -> Iterator[Change]:
    for play in source.of_kind("play"):
        if files := play.get("vars_files"):
            for scalar in scalars(files.value):
                yield Change(source.replaced(scalar.start_mark.index, scalar.start_mark.index, "not_"))


def missing_looked_up_file(source: Source) -> Iterator[Change]:
    for found in re.finditer(r"lookup\('file', '(\S+)'", source.text):
        yield Change(source.replaced(found.end(1), found.end(1), ".old"))


def missing_part(source: Source) -> Iterator[Change]:
    """A file of tasks, a playbook, a role, or a file of variables that is taken in is not there."""
    for found in re.finditer(
        r"(?:import_tasks|import_playbook|role|file|- ?name): ([\w/]+)(\.yml)?$", source.text, re.M
    ):
        if source.file == source.playbook and (found[2] or (source.root / "roles" / found[1]).is_dir()):
            yield Change(source.replaced(found.end(1), found.end(1), "x"))


def unknown_hosts(source: Source) -> Iterator[Change]:
    for play in source.of_kind("play"):
        hosts = play.get("hosts")
        if hosts and hosts.scalar:
            yield Change(source.replaced(hosts.value_start, hosts.value_end, f"{hosts.scalar}x"))
            yield Change(source.replaced(hosts.value_start, hosts.value_end, f"{hosts.scalar}:&nobody"))


def unknown_delegate(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        delegate = entry.get("delegate_to")
        if delegate and "{{" not in (delegate.scalar or ""):
            yield Change(_renamed(source, delegate))
            yield Change(source.replaced(delegate.value_start, delegate.value_end, "databases"))


def unknown_group_in_a_template(source: Source) -> Iterator[Change]:
    for found in re.finditer(r"groups\['(\w+)'\]", source.text):
        yield Change(source.replaced(found.end(1), found.end(1), "x"))


def unknown_host_in_a_template(source: Source) -> Iterator[Change]:
    for found in re.finditer(r"hostvars\['(\w+)'\](?![^}]*default)", source.text):
        yield Change(source.replaced(found.end(1), found.end(1), "x"))


def unknown_repository(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        for pair in entry.arguments:
            if pair.key == "repository":
                yield Change(source.replaced(pair.value_start, pair.value_end, "nowhere"))


def host_of_a_repository(source: Source) -> Iterator[Change]:
    for play in source.of_kind("play"):
        repositories = play.get("repositories")
        for repository in pairs_of(repositories.value) if repositories else ():
            for pair in pairs_of(repository.value):
                if pair.key == "host":
                    yield Change(_renamed(source, pair))


def unknown_tag(source: Source) -> Iterator[Change]:
    yield Change(source.text, tags=("not_there",))


def _renamed(source: Source, pair: Pair) -> str:
    inside = pair.value_end - 1 if pair.style else pair.value_end
    return source.replaced(inside, inside, "x")


KINDS: Final[Mapping[str, Breaking]] = {
    "unknown handler": unknown_handler,
    "handler renamed": handler_renamed,
    "two handlers of one name": duplicate_handler,
    "missing file to copy or render": missing_source,
    "missing file of variables": missing_vars_file,
    "missing file to look up": missing_looked_up_file,
    "missing file or role to take in": missing_part,
    "unknown hosts": unknown_hosts,
    "unknown host to delegate to": unknown_delegate,
    "unknown group in a template": unknown_group_in_a_template,
    "unknown host in a template": unknown_host_in_a_template,
    "unknown repository": unknown_repository,
    "unknown host of a repository": host_of_a_repository,
    "tag that no task has": unknown_tag,
}
