"""A task's arguments as written -> the frozen `Args` its module works with.

Rendered (but for what the schema leaves to the module), secrets registered, checked against the
schema, defaults filled in, built. Arguments without any template are built once for all hosts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from runner.engine.gaps import refuse_gaps
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.arguments import build
from runner.modules.contract import Module
from runner.playbook import Task
from runner.schema import argument_problems, module_schema, with_defaults
from runner.secret import Redactor, Secret
from runner.template import Templar

Schema = Mapping[str, Any]
NOTHING: Final[Schema] = {}


@frozen
class Raw:
    """A value the engine does not render: neither text nor a container, so the templar lets it pass."""

    value: object


class Preparer:
    """Makes `Args` for one task on any host. Thread-safe."""

    def __init__(self, task: Task, module: Module[Any], templar: Templar, redactor: Redactor) -> None:
        self._task = task
        self._module = module
        self._templar = templar
        self._redactor = redactor
        self._schema = module_schema(task.module)
        self._written = _without_raw(task.args, self._schema)
        self._is_static = not templar.is_template(self._written)
        self._static: Any = None

    @property
    def facts(self) -> tuple[str, ...]:
        """The variables the task sets whatever their values turn out to be (set_fact: one per argument)."""
        own = self._schema.get("properties", NOTHING)
        return tuple(name for name in self._task.args if name not in own) if _says(self._schema, "x-facts") else ()

    def args(self, variables: Mapping[str, Any]) -> Any:
        """The `Args` for these variables; TaskFailed if they do not fit the schema once rendered."""
        if self._static is not None:
            return self._static
        rendered = _with_raw(self._written if self._is_static else self._templar.render(self._written, variables))
        self._register(rendered, self._schema)
        refuse_gaps(rendered)
        built = self._built(rendered)
        if self._is_static:
            self._static = built
        return built

    def _built(self, rendered: Any) -> Any:
        problems = argument_problems(self._task.module, rendered, True)
        if problems:
            raise TaskFailed(
                "; ".join(problem.message for problem in problems),
                why=f"rendered, the arguments of {self._task.module} are not what it takes",
                hint=next((problem.hint for problem in problems if problem.hint), ""),
            )
        return build(self._module.Args, with_defaults(self._task.module, rendered))

    def _register(self, value: object, schema: Schema) -> None:
        """Before anything can fail and show them: every value the schema calls a secret."""
        if _says(schema, "x-secret"):
            for text in _texts(value):
                self._redactor.register(text)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self._register(item, _child(schema, key))
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._register(item, _items(schema))


def _without_raw(value: object, schema: Schema) -> Any:
    if _says(schema, "x-raw") or _says(schema, "x-expression"):
        return Raw(value)
    if isinstance(value, Mapping):
        return {key: _without_raw(item, _child(schema, key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_raw(item, _items(schema)) for item in value]
    return value


def _with_raw(value: Any) -> Any:
    if isinstance(value, Raw):
        return value.value
    if type(value) is dict:
        return {key: _with_raw(item) for key, item in value.items()}
    if type(value) is list:
        return [_with_raw(item) for item in value]
    return value


def _texts(value: object) -> list[str | Secret]:
    if isinstance(value, (str, Secret)):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def _says(schema: Schema, annotation: str) -> bool:
    return schema.get(annotation) is True


def _branches(schema: Schema) -> list[Schema]:
    """The schema and its alternatives: an annotation in any of them counts."""
    found = [schema]
    for word in ("oneOf", "anyOf", "allOf"):
        found += [branch for branch in schema.get(word, ()) if isinstance(branch, Mapping)]
    return found


def _child(schema: Schema, key: object) -> Schema:
    for branch in _branches(schema):
        properties = branch.get("properties", NOTHING)
        if key in properties:
            return properties[key]  # type: ignore[no-any-return]  # schemas are JSON
        for pattern, found in branch.get("patternProperties", NOTHING).items():
            if re.search(pattern, str(key)):
                return found  # type: ignore[no-any-return]  # schemas are JSON
    rest = next((b["additionalProperties"] for b in _branches(schema) if "additionalProperties" in b), NOTHING)
    return rest if isinstance(rest, Mapping) else NOTHING


def _items(schema: Schema) -> Schema:
    for branch in _branches(schema):
        items = branch.get("items", NOTHING)
        if isinstance(items, Mapping) and items:
            return items
    return NOTHING
