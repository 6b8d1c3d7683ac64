"""Variables that are set and that nothing reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Final

from runner.errors import Location, Problem, Severity
from runner.plan.facts import PlayFacts
from runner.plan.texts import texts_of_keywords, texts_of_step
from runner.plan.tree import Step, levels_of_play
from runner.playbook import first_file
from runner.rules import Rule
from runner.schema import module_schema, schema
from runner.template import is_template

Found = Sequence[tuple[PlayFacts, Sequence[Step]]]
"""Every play with its tasks."""

_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_BY_A_NAME_THAT_IS_A_VALUE: Final = re.compile(
    r"\bvars\s*\[|\b(?:lookup|query|q)\(\s*['\"]vars['\"]\s*,(?!\s*['\"]\w+['\"]\s*[,)])|\bhostvars\s*\[[^\]]*\]\s*\[\s*[^'\"\s]"
)
_LARGEST: Final = 1 << 20


def unused_problems(found: Found) -> Iterator[Problem]:
    """A warning for each variable of the playbook that no template and no condition anywhere reads.

    Says nothing if what reads variables is not known, or to the run alone. Roles and files of tasks may be used by
    others, so what they set is left alone.
    """
    if not all(facts.world.has_inventory and not (facts.world.open_ended or facts.world.is_open) for facts, _ in found):
        return
    texts = list(_texts(found))
    tasks = [step for _, steps in found for step in steps]
    if any(_BY_A_NAME_THAT_IS_A_VALUE.search(text) for text in texts) or not all(map(_is_decided, tasks)):
        return
    read = frozenset(word for text in texts for word in _WORD.findall(text))
    for name, place, how in _set(found):
        if name not in read and not _is_for_others(name):
            hint = f"remove it, or call it '_{name}' to say that it is meant"
            yield Problem(f"nothing reads '{name}'{how}", place, hint, Severity.WARNING, rule=Rule.UNUSED_VARIABLE)
    for facts, _ in found:
        yield from _of_files(facts, read)


def _set(found: Found) -> Iterator[tuple[str, Location, str]]:
    """What the plays themselves set: names with their places."""
    for facts, steps in found:
        (*_, play) = levels_of_play(facts.world.document, facts.index)
        file = play.place().file
        levels = {level.key: level for step in steps for level in step.levels if level.kind != "role"}
        for level in (play, *levels.values()):
            for name in (level.raw.get("vars") or {}) if level.place().file == file else ():
                yield name, level.document.key_at((*level.at, "vars", name)), ""
        for step in steps:
            if step.own.place().file != file:
                continue
            if step.task.register:
                yield step.task.register, step.own.place("register"), ", which is registered here"
            if step.task.module == "set_fact":
                for name in step.task.args:
                    yield name, step.document.key_at((*step.at, "set_fact", name)), ""


def _of_files(facts: PlayFacts, read: frozenset[str]) -> Iterator[Problem]:
    """Unused variables of `vars_files`, which other playbooks of the directory may use too."""
    unused = {name for name in facts.files.values if name not in read and not _is_for_others(name)}
    if not unused:
        return
    around = [path for pattern in ("*.yml", "*.yaml") for path in facts.play.directory.glob(pattern)]
    unused -= {word for path in around for word in _WORD.findall(_content(path))}
    for name in sorted(unused):
        place = facts.files.values[name][1].key_at((name,))
        hint = "remove it, or begin its name with '_' to say that it is meant"
        yield Problem(f"nothing reads '{name}'", place, hint, Severity.WARNING, rule=Rule.UNUSED_VARIABLE)


def _texts(found: Found) -> Iterator[str]:
    """Every text that may read a variable."""
    directories: dict[FilePath, None] = {}
    for world in {id(facts.world): facts.world for facts, _ in found}.values():
        yield from _templates(world.document.data)
        yield from _templates(world.options.extra_vars)
        for host in world.inventory.hosts.values():
            yield from _templates(host.variables)
    for facts, steps in found:
        yield from _templates([value for value, _ in facts.files.values.values()])
        taken_in = {id(step.document): step.document for step in steps if step.document is not facts.world.document}
        yield from _templates([document.data for document in taken_in.values()])
        directories[facts.play.directory] = None
        for step in steps:
            levels = (text for level in step.around for text in texts_of_keywords(level))
            yield from (text.value for text in (*levels, *texts_of_step(step)) if text.is_expression)
            yield from _bare(step.raw)
            directories.update(dict.fromkeys(step.search.bases))
            yield from (_content(path) for path in _rendered_files(step))
    for directory in directories:
        yield from (_content(path) for path in (*directory.glob("*.j2"), *(directory / "templates").rglob("*")))


def _templates(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if is_template(value):
            yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _templates(item)


def _bare(raw: Mapping[str, object]) -> Iterator[str]:
    """Names that older loops take without braces."""
    for key, value in raw.items():
        if key.startswith("with_"):
            yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))


def _file_arguments(step: Step) -> Iterable[str]:
    for name, described in module_schema(step.task.module).get("properties", {}).items():
        value = step.task.args.get(name)
        if described.get("x-file") == "templates" and isinstance(value, str):
            yield value


def _rendered_files(step: Step) -> Iterator[FilePath]:
    for value in _file_arguments(step):
        if path := first_file(step.search.candidates("templates", value)):
            yield path


def _is_decided(step: Step) -> bool:
    """Whether it is known what a task reads: no tasks or templates that only the run finds."""
    return step.task.module != "include_vars" and not any(map(is_template, _file_arguments(step)))


def _is_for_others(name: str) -> bool:
    """Whether a variable may be there for its own sake, or is read by what carries tasks out."""
    known = schema("inventory.json")["definitions"]["variables"]["properties"]
    return name.startswith(("_", "ansible_")) or name in known


def _content(path: FilePath) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size <= _LARGEST else ""
    except (OSError, ValueError):
        return ""
