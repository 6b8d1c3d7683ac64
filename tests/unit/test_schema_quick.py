"""The quick yes is never given to something that jsonschema refuses, whatever is done to what is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from runner.schema import keyword_schema, module_names, module_schema, schema, value_problems
from runner.schema.quick import certainly_fits
from runner.schema.validation import judged

ODD: Final = ("", "odd", "{{ x }}", "a {{ x }}", 0, -1, 1.5, True, None, [], {}, ["odd"], ["{{ x }}"], {"odd": 1})

NAMES: Final = (*sorted(module_names()), "play", "block", "task", "handler", "variables", "repository")
ONLY_JSONSCHEMA_KNOWS: Final = (
    ({"type": "string", "format": "date"}, "2026-11-23"),
    ({"items": [{"type": "string"}]}, ["text"]),
    ({"const": [1]}, [1]),
    ({"$ref": "#/definitions/text", "definitions": {"text": {"type": "string"}}}, "text"),
)


def described(name: str) -> Mapping[str, Any]:
    if name in module_names():
        return module_schema(name)
    if name in ("play", "block", "task", "handler"):
        return keyword_schema(name)  # type: ignore[arg-type]  # the names of its kinds
    if name == "variables":
        return schema("inventory.json")["definitions"]["variables"]  # type: ignore[no-any-return]  # it is JSON
    return schema("definitions.json")["definitions"][name]  # type: ignore[no-any-return]  # it is JSON


def examples(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the schema gives as examples, and for each of its properties the examples of that one."""
    needed = {
        name: known.get("examples", [[{}]])[0]
        for name, known in one.get("properties", {}).items()
        if name in one.get("required", ())
    }
    branches = [one, *one.get("oneOf", ()), *one.get("anyOf", ())]
    whole = [example for branch in branches for example in branch.get("examples", ()) if isinstance(example, dict)]
    singles = [
        {**needed, name: example}
        for branch in branches
        for name, known in branch.get("properties", {}).items()
        for example in known.get("examples", ())
    ]
    return whole + singles


def spoilt(value: Any) -> Iterator[Any]:
    """Every way to put something odd in the place of a part, to leave a key out, or to add one."""
    yield from ODD
    if isinstance(value, dict):
        yield {**value, "surplus": 1}
        for key, item in value.items():
            yield {name: kept for name, kept in value.items() if name != key}
            yield from ({**value, key: other} for other in spoilt(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], other, *value[index + 1 :]] for other in spoilt(item))


@pytest.mark.parametrize("rendered", [True, False], ids=["rendered", "written"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_accepted_quickly_is_accepted_by_jsonschema(name: str, rendered: bool) -> None:
    one = described(name)
    for value in (odd for example in examples(one) for odd in spoilt(example)):
        if certainly_fits(one, value, rendered):
            assert judged(one, value, rendered, "key") == [], value


@pytest.mark.parametrize("name", NAMES)
def test_what_is_right_is_accepted_quickly(name: str) -> None:
    one = described(name)
    right = [example for example in examples(one) if judged(one, example, False, "key") == []]
    assert right
    assert [example for example in right if not certainly_fits(one, example, False)] == []


@pytest.mark.parametrize(("one", "right"), ONLY_JSONSCHEMA_KNOWS)
def test_a_word_only_jsonschema_knows_is_left_to_jsonschema(one: dict[str, Any], right: object) -> None:
    assert not certainly_fits(one, right, rendered=True)
    assert value_problems(one, right, rendered=True) == []
