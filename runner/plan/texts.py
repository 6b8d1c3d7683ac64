"""Every text of a playbook that is a template or an expression, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from runner.document import Document, Path
from runner.errors import Location
from runner.frozen import frozen
from runner.plan.tree import Key, Level, Step
from runner.schema import keyword_schema, module_schema, spelled
from runner.template import is_template


@frozen
class Text:
    """`part` is the keyword it belongs to, or "args". `is_condition`: it must be true or false."""

    value: str
    at: Path
    document: Document
    part: str
    is_expression: bool = False
    is_condition: bool = False
    file: str = ""
    """The file on the controller whose content it is, if it does not stand in the document."""
    hosts: tuple[str, ...] = ()
    """Those for which it is rendered, if not for all of the play."""

    @property
    def key(self) -> Key:
        return id(self.document), self.at

    def place(self, line: int = 1) -> Location:
        """Where it stands; `line` counts in a file's content."""
        return Location(self.file, line, 1) if self.file else self.document.at(self.at)


def texts_of_step(step: Step) -> Iterator[Text]:
    """The texts of a task: its keywords' and its arguments'."""
    yield from texts_of_keywords(step.own)
    yield from _texts_of_arguments(step)


def texts_of_keywords(level: Level) -> Iterator[Text]:
    """The texts of an entry's keywords, without those of the tasks inside it."""
    known = keyword_schema(level.kind)["properties"]
    for key, value in level.raw.items():
        described = known.get(key)
        if described is None or key == "args" or "x-tasks" in described:
            continue
        inner = described.get("properties", {})
        condition = bool(described.get("x-conditions"))
        like = Text("", (*level.at, key), level.document, key, condition, condition)
        if inner and isinstance(value, Mapping):
            for name, item in value.items():
                expression = bool(inner.get(name, {}).get("x-conditions"))
                yield from _texts(item, replace(_inside(like, name), is_expression=expression, is_condition=expression))
        else:
            yield from _texts(value, like)


def argument_place(step: Step, path: Path) -> Path:
    """Where in the document the argument at `path` stands."""
    for where in (step.task.module, "args"):
        written = step.raw.get(where)
        if isinstance(written, Mapping) and path:
            first: Any = spelled(step.task.module, path[0], written)
            if first in written:
                return (*step.at, where, first, *path[1:])
    return (*step.at, step.task.module)


def _texts_of_arguments(step: Step) -> Iterator[Text]:
    schema = module_schema(step.task.module)
    for name, value in step.task.args.items():
        for text in _described_texts(value, Text("", (name,), step.document, "args"), _property(schema, name)):
            yield replace(text, at=argument_place(step, text.at))


def _described_texts(value: object, like: Text, described: Mapping[str, Any]) -> Iterator[Text]:
    """The texts in an argument: `x-expression` holds expressions, `x-raw` is the module's own business."""
    if described.get("x-raw"):
        return
    if described.get("x-expression"):
        yield from _texts(value, replace(like, is_expression=True, is_condition=bool(described.get("x-conditions"))))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _described_texts(item, _inside(like, key), _property(described, key))
    elif isinstance(value, list):
        items = described.get("items")
        for index, item in enumerate(value):
            yield from _described_texts(item, _inside(like, index), items if isinstance(items, Mapping) else {})
    else:
        yield from _texts(value, like)


def _texts(value: object, like: Text) -> Iterator[Text]:
    """The texts in `value`, each otherwise like `like`."""
    if isinstance(value, str):
        if like.is_expression or is_template(value):
            yield replace(like, value=value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, _inside(like, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, _inside(like, index))


def _inside(text: Text, step: str | int) -> Text:
    return replace(text, at=(*text.at, step))


def _property(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for branch in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        found = branch.get("properties", {}).get(name)
        if isinstance(found, Mapping):
            return found
    return {}
