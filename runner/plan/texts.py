"""Every text of a playbook that is a template or an expression, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from runner.document import Document, Path
from runner.errors import Location
from runner.frozen import frozen
from runner.plan.tree import Raw, Step
from runner.schema import keyword_schema, module_schema
from runner.template import is_template

Kind = Literal["play", "block", "task", "handler"]


@frozen
class Text:
    """`part` is the keyword it belongs to, or "args"."""

    value: str
    at: Path
    part: str
    is_expression: bool = False
    file: str = ""
    """The file on the controller whose content it is, if it does not stand in the document."""

    def place(self, document: Document, line: int = 1) -> Location:
        """Where it stands; `line` counts in a file's content."""
        return Location(self.file, line, 1) if self.file else document.at(self.at)


def texts_of_step(step: Step) -> Iterator[Text]:
    """The texts of a task: its keywords' and its arguments'."""
    yield from texts_of_keywords(step.raw, step.at, "handler" if "listen" in step.raw else "task")
    yield from _texts_of_arguments(step)


def texts_of_keywords(raw: Raw, at: Path, kind: Kind) -> Iterator[Text]:
    """The texts of an entry's keywords, without those of the tasks inside it."""
    known = keyword_schema(kind)["properties"]
    for key, value in raw.items():
        described = known.get(key)
        if described is None or key == "args" or "x-tasks" in described:
            continue
        inner = described.get("properties", {})
        if inner and isinstance(value, Mapping):
            for name, item in value.items():
                expression = bool(inner.get(name, {}).get("x-conditions"))
                yield from _texts(item, (*at, key, name), key, expression)
        else:
            yield from _texts(value, (*at, key), key, expression=bool(described.get("x-conditions")))


def argument_place(step: Step, path: Path) -> Path:
    """Where in the document the argument at `path` stands."""
    written = step.raw[step.task.module]
    if isinstance(written, Mapping) and path and path[0] in written:
        return (*step.at, step.task.module, *path)
    extra = step.raw.get("args")
    if isinstance(extra, Mapping) and path and path[0] in extra:
        return (*step.at, "args", *path)
    return (*step.at, step.task.module)


def _texts_of_arguments(step: Step) -> Iterator[Text]:
    schema = module_schema(step.task.module)
    for name, value in step.task.args.items():
        for text in _described_texts(value, (name,), _property(schema, name)):
            yield Text(text.value, argument_place(step, text.at), "args", text.is_expression)


def _described_texts(value: object, at: Path, described: Mapping[str, Any]) -> Iterator[Text]:
    """The texts in an argument: `x-expression` holds expressions, `x-raw` is the module's own business."""
    if described.get("x-raw"):
        return
    if described.get("x-expression"):
        yield from _texts(value, at, "args", expression=True)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _described_texts(item, (*at, key), _property(described, key))
    elif isinstance(value, list):
        items = described.get("items")
        for index, item in enumerate(value):
            yield from _described_texts(item, (*at, index), items if isinstance(items, Mapping) else {})
    else:
        yield from _texts(value, at, "args", expression=False)


def _texts(value: object, at: Path, part: str, expression: bool) -> Iterator[Text]:
    if isinstance(value, str):
        if expression or is_template(value):
            yield Text(value, at, part, expression)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*at, key), part, expression)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*at, index), part, expression)


def _property(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for branch in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        found = branch.get("properties", {}).get(name)
        if isinstance(found, Mapping):
            return found
    return {}
