"""What programs read."""

from __future__ import annotations

import io
import json
from dataclasses import fields

import pytest

from runner import events
from runner.events import Event
from runner.render.jsonlines import JsonLines, kind_of
from runner.schema import data_dir
from tests.cli.sample import EVENTS

KINDS = {kind_of(kind): kind for kind in Event.__subclasses__() if vars(events)[kind.__name__] is kind}


def described() -> dict[str, dict[str, object]]:
    schema = json.loads((data_dir("schemas") / "events.json").read_text())
    return {one["properties"]["event"]["const"]: one for one in schema["oneOf"]}


def test_every_event_is_one_line_of_json() -> None:
    out = io.StringIO()
    renderer = JsonLines(out)
    for event in EVENTS:
        renderer(event)
    lines = out.getvalue().splitlines()
    assert [json.loads(line)["event"] for line in lines] == [kind_of(type(event)) for event in EVENTS]
    assert json.loads(lines[-1])["recap"]["db1"]["ok"] == 2


def test_bytes_that_are_no_utf8_survive_as_escapes() -> None:
    out = io.StringIO()
    JsonLines(out)(events.Warned(message="caf\udce9", at=1.0))
    assert out.getvalue().isascii()
    assert json.loads(out.getvalue())["message"] == "caf\udce9"


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_schema_describes_exactly_the_fields_of(name: str) -> None:
    entry = described()[name]
    properties = entry["properties"]
    assert isinstance(properties, dict)
    assert set(properties) == {"event"} | {field.name for field in fields(KINDS[name])}
    assert entry["required"] == list(properties)
    assert all(value.get("description") for value in properties.values())


def test_the_schema_describes_no_event_that_is_not() -> None:
    assert set(described()) == set(KINDS)


def test_real_events_fit_the_schema() -> None:
    from jsonschema import Draft7Validator

    validator = Draft7Validator(json.loads((data_dir("schemas") / "events.json").read_text()))
    out = io.StringIO()
    for event in EVENTS:
        JsonLines(out)(event)
    for line in out.getvalue().splitlines():
        validator.validate(json.loads(line))
