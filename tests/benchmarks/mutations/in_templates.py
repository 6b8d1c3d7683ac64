"""Templates, expressions and the variables they read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from tests.benchmarks.mutations.mutant import Breaking, Change
from tests.benchmarks.mutations.source import NAME, Entry, Pair, Source, pairs_of, scalars

_GUARD: Final = re.compile(r"default|defined|\bif\b|\bor\b|\band\b|\{%|\bd\(|omit")
_OPERATOR: Final = re.compile(r" == ")
_TEST: Final = re.compile(r"\bis (?:not )?(defined|changed|failed|succeeded|match|search)\b")
_WORDS: Final = frozenset({"lookup", "range", "omit", "true", "false"})
_CONDITIONS: Final = ("when", "until", "failed_when", "changed_when")


def undefined_variable(source: Source) -> Iterator[Change]:
    for scalar in _certain_templates(source):
        for found in NAME.finditer(_text(source, scalar)):
            if found[1] not in _WORDS:
                at = scalar.start_mark.index + found.end(1)
                yield Change(source.replaced(at, at, "_q"))


def undefined_in_a_condition(source: Source) -> Iterator[Change]:
    for scalar in _conditions(source):
        found = re.match(r"[\"']?(?:not )?([A-Za-z_]\w*)", _text(source, scalar))
        if found and not _GUARD.search(scalar.value) and found[1] not in ("true", "false", "not"):
            at = scalar.start_mark.index + found.end(1)
            yield Change(source.replaced(at, at, "_q"))


def undefined_in_a_template_file(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        src = next((pair for pair in entry.arguments if pair.key == "src"), None)
        if not entry.module or entry.module.key != "template" or src is None or "{{" in (src.scalar or "{{"):
            continue
        file = _template_file(source, src.scalar or "")
        text = (source.root / file).read_text(encoding="utf-8")
        for found in NAME.finditer(text):
            if not re.search(rf"for {found[1]} in", text):
                yield Change(text[: found.end(1)] + "_q" + text[found.end(1) :], file)


def _template_file(source: Source, name: str) -> Path:
    """Where the template of a task lies: of a role beside its tasks, else beside the playbook."""
    role = source.file.parent.parent
    return (role if role.parent.name == "roles" else Path()) / "templates" / Path(name).name


def undefined_behind_a_variable(source: Source) -> Iterator[Change]:
    """A variable of the play needs one that nobody defines, and a task without conditions reads it."""
    for play in source.of_kind("play"):
        variables = play.get("vars")
        read = " ".join(_text(source, scalar) for scalar in _certain_templates(source, play))
        for pair in pairs_of(variables.value) if variables else ():
            found = NAME.search(_text(source, pair.value)) if pair.scalar else None
            certain = found and not _GUARD.search(pair.scalar or "") and f"{{{{ {pair.key} " in read
            if found and certain and found[1] not in _WORDS:
                at = pair.value_start + found.end(1)
                yield Change(source.replaced(at, at, "_q"))


def unknown_filter(source: Source) -> Iterator[Change]:
    for scalar in _templates(source):
        for found in re.finditer(r"(?<=\w) \}\}", _text(source, scalar)):
            at = scalar.start_mark.index + found.start()
            yield Change(source.replaced(at, at, " | polished"))


def unknown_test(source: Source) -> Iterator[Change]:
    for scalar in _conditions(source):
        for found in _TEST.finditer(_text(source, scalar)):
            start, end = scalar.start_mark.index + found.start(1), scalar.start_mark.index + found.end(1)
            yield Change(source.replaced(start, end, "shiny"))


def unknown_lookup(source: Source) -> Iterator[Change]:
    for found in re.finditer(r"lookup\('(\w+)'", source.text):
        yield Change(source.replaced(found.start(1), found.end(1), "look_there"))


def brace_lost(source: Source) -> Iterator[Change]:
    for scalar in _templates(source):
        for found in re.finditer(r"\}\}", _text(source, scalar)):
            at = scalar.start_mark.index + found.start()
            yield Change(source.replaced(at, at + 1, ""))


def word_too_much(source: Source) -> Iterator[Change]:
    for scalar in _templates(source):
        for found in NAME.finditer(_text(source, scalar)):
            at = scalar.start_mark.index + found.end(1)
            yield Change(source.replaced(at, at, " here"))


def block_without_end(source: Source) -> Iterator[Change]:
    for scalar in _certain_templates(source):
        if scalar.style == '"':
            at = scalar.start_mark.index + 1
            yield Change(source.replaced(at, at, "{% if true %}"))


def condition_in_braces(source: Source) -> Iterator[Change]:
    for scalar in _conditions(source):
        if '"' not in scalar.value:
            new = '"{{ ' + scalar.value + ' }}"'
            yield Change(source.replaced(scalar.start_mark.index, scalar.end_mark.index, new))


def assignment(source: Source) -> Iterator[Change]:
    for scalar in _conditions(source):
        for found in _OPERATOR.finditer(_text(source, scalar)):
            at = scalar.start_mark.index + found.start()
            yield Change(source.replaced(at, at + 4, " = "))


def sentence(source: Source) -> Iterator[Change]:
    for scalar in _conditions(source):
        new = "the host was seen before"
        yield Change(source.replaced(scalar.start_mark.index, scalar.end_mark.index, new))


def condition_that_is_text(source: Source) -> Iterator[Change]:
    for scalar in _conditions(source):
        for new in ("inventory_hostname", "\"'yes'\"", "groups | length"):
            yield Change(source.replaced(scalar.start_mark.index, scalar.end_mark.index, new))


def condition_that_ends_too_early(source: Source) -> Iterator[Change]:
    for scalar in _conditions(source):
        if scalar.style is None:
            yield Change(source.replaced(scalar.end_mark.index, scalar.end_mark.index, " and"))


def loop_lost(source: Source) -> Iterator[Change]:
    """The loop is gone, the arguments still read its item."""
    for entry in source.tasks:
        loop = entry.get("loop")
        control = entry.get("loop_control")
        name = "item"
        for pair in pairs_of(control.value) if control else ():
            name = (pair.scalar or name) if pair.key == "loop_var" else name
        texts = " ".join(_text(source, scalar) for pair in entry.arguments for scalar in scalars(pair.value))
        if loop and source.is_first_on_line(loop.start) and f"{{{{ {name}" in texts and not entry.get("when"):
            yield Change(source.without(loop))


def register_lost(source: Source) -> Iterator[Change]:
    """Nothing is registered any more, a later task still reads it."""
    for entry in source.tasks:
        register = entry.get("register")
        if register and source.is_first_on_line(register.start) and _read_by(register, source, entry):
            yield Change(source.without(register))


def read_before_it_is_registered(source: Source) -> Iterator[Change]:
    """Two tasks of a list change places."""
    for entry in source.tasks:
        register = entry.get("register")
        readers = _read_by(register, source, entry) if register and not entry.is_flow else []
        for reader in readers[:1]:
            (first, middle), (second, last) = _lines(source, entry), _lines(source, reader)
            if middle <= second:
                text = source.text
                parts = (text[:first], text[second:last], text[middle:second], text[first:middle], text[last:])
                yield Change("".join(parts))


def _read_by(register: Pair, source: Source, own: Entry) -> list[Entry]:
    """The tasks of the same list that cannot do without what is registered; none if somebody else may set it too."""
    name = register.scalar or ""
    others = [entry for entry in source.tasks if (pair := entry.get("register")) and pair.scalar == name]
    used = re.compile(rf"(?:\{{\{{ *{name}\b)|(?:^[\"']?(?:not )?{name}\b)")
    found = []
    for entry in source.tasks if len(others) == 1 else ():
        conditions = [scalar for key in ("when",) if (pair := entry.get(key)) for scalar in scalars(pair.value)]
        arguments = [scalar for pair in entry.arguments for scalar in scalars(pair.value)]
        first = conditions[:1] or arguments
        texts = [_text(source, scalar) for scalar in first if not _GUARD.search(scalar.value)]
        if entry is not own and entry.outer[-1] is own.outer[-1] and any(used.search(text) for text in texts):
            found.append(entry)
    return found


def _lines(source: Source, entry: Entry) -> tuple[int, int]:
    """The lines of a task in a list, its dash included."""
    start = source.line_start(entry.node.start_mark.index)
    end = entry.node.end_mark.index
    return start, source.line_start(end) if end < len(source.text) else len(source.text)


def _text(source: Source, node: yaml.Node) -> str:
    return source.text[node.start_mark.index : node.end_mark.index]


def _templates(source: Source) -> Iterator[yaml.ScalarNode]:
    for entry in source.tasks:
        for pair in entry.arguments:
            yield from (scalar for scalar in scalars(pair.value) if "{{" in scalar.value)


def _certain_templates(source: Source, play: Entry | None = None) -> Iterator[yaml.ScalarNode]:
    """Templates in the arguments of tasks that no condition keeps from being carried out."""
    made = {one.value for entry in source.tasks for one in _groups_made_by(entry)}
    for entry in source.tasks:
        hosts = entry.outer[0].get("hosts")
        if hosts and hosts.scalar in made:
            continue  # Only the run knows what its hosts know.
        free = not any(level.get("when") for level in (*entry.outer, entry))
        if free and (play is None or entry.outer[0] is play):
            for pair in entry.arguments:
                yield from (one for one in scalars(pair.value) if "{{" in one.value and not _GUARD.search(one.value))


def _groups_made_by(entry: Entry) -> Iterator[yaml.ScalarNode]:
    if entry.module and entry.module.key == "add_host":
        for pair in entry.arguments:
            if pair.key == "groups":
                yield from scalars(pair.value)


def _conditions(source: Source) -> Iterator[yaml.ScalarNode]:
    """The first condition of every keyword that takes some; a later one may never be read."""
    for entry in source.tasks:
        for pair in entry.pairs:
            if pair.key in _CONDITIONS:
                first = next(scalars(pair.value))
                if first.value not in ("true", "false"):
                    yield first


KINDS: Final[Mapping[str, Breaking]] = {
    "undefined variable": undefined_variable,
    "undefined variable in a condition": undefined_in_a_condition,
    "undefined variable in a template file": undefined_in_a_template_file,
    "undefined variable behind a variable": undefined_behind_a_variable,
    "unknown filter": unknown_filter,
    "unknown test": unknown_test,
    "unknown lookup": unknown_lookup,
    "lost brace": brace_lost,
    "word too much in a template": word_too_much,
    "block of a template without end": block_without_end,
    "condition in braces": condition_in_braces,
    "assignment in a condition": assignment,
    "sentence as a condition": sentence,
    "condition that is text or a number": condition_that_is_text,
    "condition that ends too early": condition_that_ends_too_early,
    "loop lost": loop_lost,
    "register lost": register_lost,
    "read before it is registered": read_before_it_is_registered,
}
