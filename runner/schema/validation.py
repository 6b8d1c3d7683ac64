"""A value against a schema: every leaf that does not fit, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from runner.document import Document, Path
from runner.document.model import holds_template
from runner.errors import Problem
from runner.frozen import frozen
from runner.rules import Rule
from runner.schema import words
from runner.schema.files import Kind, Schema, keyword_schema, module_schema, schema
from runner.schema.quick import certainly_fits

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator


_UNKNOWN: Final = {"argument": Rule.UNKNOWN_ARGUMENT, "keyword": Rule.UNKNOWN_KEYWORD}
_BROKEN: Final = {
    "required": Rule.MISSING_KEY,
    "type": Rule.WRONG_TYPE,
    **dict.fromkeys(("not", "oneOf", "anyOf", "dependencies"), Rule.CONFLICTING_KEYS),
}
"""The kind of problem, by what of JSON Schema is broken."""


@frozen
class ArgumentProblem:
    """Something that does not fit, at `path` below the checked value; `on_key`: its key is wrong, not its value."""

    path: Path
    message: str
    hint: str = ""
    on_key: bool = False
    rule: Rule = Rule.WRONG_VALUE


def argument_problems(module: str, args: Mapping[str, object], rendered: bool) -> list[ArgumentProblem]:
    """What is wrong with a module's arguments.

    Before rendering (`rendered` false) text that holds a template may stand for anything.
    """
    return _found(module_schema(module), args, rendered, "argument")


def keyword_problems(kind: Kind, keywords: Mapping[str, object]) -> list[ArgumentProblem]:
    """What is wrong with the keywords of a play, block, task or handler, before templates are rendered."""
    return _found(keyword_schema(kind), keywords, False, "keyword")


def value_problems(schema: Schema, value: object, rendered: bool, noun: str = "key") -> list[ArgumentProblem]:
    """What is wrong with a value; unknown and missing keys are called `noun`."""
    return _found(schema, value, rendered, noun)


def problems(schema_name: str, document: Document, rendered: bool = True) -> list[Problem]:
    """What is wrong with a document, by the schema file of that name, each at its place."""
    found = _found(schema(schema_name), document.data, rendered, "key")
    return [located(problem, document) for problem in found]


def located(problem: ArgumentProblem, document: Document, under: Path = ()) -> Problem:
    """The problem with its place in the document, where the checked value stands at `under`."""
    path = (*under, *problem.path)
    place = document.key_at(path) if problem.on_key else document.at(path)
    return Problem(problem.message, place, problem.hint, rule=problem.rule)


@lru_cache(maxsize=1)
def _validator_class() -> Any:
    from jsonschema import Draft7Validator
    from jsonschema.validators import extend

    checker = Draft7Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return cast(Any, extend)(Draft7Validator, type_checker=checker)


def _validator(schema: Schema) -> Validator:
    validator: Validator = _validator_class()(schema)
    return validator


def _found(schema: Schema, value: object, rendered: bool, noun: str) -> list[ArgumentProblem]:
    return [] if certainly_fits(schema, value, rendered) else judged(schema, value, rendered, noun)


def judged(schema: Schema, value: object, rendered: bool, noun: str) -> list[ArgumentProblem]:
    """What jsonschema finds wrong, in our words."""
    result: dict[ArgumentProblem, None] = {}
    for error in _validator(schema).iter_errors(cast(Any, value)):
        for leaf in _leaves(error, rendered):
            for problem in _worded(_violation(leaf), noun):
                result.setdefault(problem)
    return list(result)


def _leaves(error: ValidationError, rendered: bool) -> Iterator[ValidationError]:
    """The errors that really matter: of alternatives, those of the one that was meant."""
    if not rendered and _may_become_right(error):
        return
    if error.validator not in ("anyOf", "oneOf") or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    remaining = [[leaf for inner in errors for leaf in _leaves(inner, rendered)] for errors in branches.values()]
    if not all(remaining):
        return
    fitting = [leaves for leaves in remaining if not any(_wrong_kind(leaf, error) for leaf in leaves)]
    if len(fitting) == 1 and not words.is_choice(_violation(error)):
        yield from fitting[0]
    else:
        yield error


def _may_become_right(error: ValidationError) -> bool:
    """Whether the value is a template where one may stand: `x-literal` says that it is never rendered."""
    literal = isinstance(error.schema, Mapping) and error.schema.get("x-literal")
    return isinstance(error.instance, str) and holds_template(error.instance) and not literal


def _wrong_kind(leaf: ValidationError, whole: ValidationError) -> bool:
    """Whether an alternative is for another type of value, or another constant (`type: s3`), altogether."""
    if leaf.validator == "const":
        return True
    return leaf.validator == "type" and len(leaf.absolute_path) == len(whole.absolute_path)


def _violation(error: ValidationError) -> words.Violation:
    return words.Violation(
        rule=str(error.validator),
        wanted=error.validator_value,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
        value=error.instance,
        path=tuple(error.absolute_path),
        said=error.message,
        none_fits=bool(error.context),
        is_name="propertyNames" in error.absolute_schema_path,
    )


def _worded(violation: words.Violation, noun: str) -> Iterable[ArgumentProblem]:
    path = violation.path
    if violation.rule == "additionalProperties":
        for key in words.unknown_keys(violation):
            message, hint = words.unknown_key(key, violation, noun)
            yield ArgumentProblem((*path, key), message, hint, on_key=True, rule=_UNKNOWN.get(noun, Rule.UNKNOWN_KEY))
    elif violation.is_name:
        message, hint = words.bad_name(violation)
        yield ArgumentProblem((*path, str(violation.value)), message, hint, on_key=True, rule=Rule.BAD_NAME)
    else:
        message, hint = words.of(violation, noun)
        on_key = words.is_about_the_whole(violation)
        yield ArgumentProblem(path, message, hint, on_key, _BROKEN.get(violation.rule, Rule.WRONG_VALUE))
