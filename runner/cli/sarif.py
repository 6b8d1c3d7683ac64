"""Problems as SARIF 2.1.0, which GitHub's code scanning and editors read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from runner import __version__
from runner.errors import Location, Problem
from runner.rules import MEANINGS, Rule

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ORDER: Final = {rule: index for index, rule in enumerate(Rule)}


def sarif(problems: Sequence[Problem]) -> dict[str, object]:
    """A log with one run; `problems` in their order, each with its rule and its place."""
    driver = {"name": "SentraPlay", "version": __version__, "rules": [_rule(rule) for rule in Rule]}
    results = [_result(problem) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, object]:
    meaning = {"text": MEANINGS[rule]}
    return {"id": rule.value, "shortDescription": meaning, "help": meaning}


def _result(problem: Problem) -> dict[str, object]:
    text = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    place = {"locations": [_location(problem.location)]} if problem.location else {}
    return {
        "ruleId": problem.rule.value,
        "ruleIndex": _ORDER[problem.rule],
        "level": problem.severity.value,
        "message": {"text": text},
        **place,
    }


def _location(location: Location) -> dict[str, object]:
    region = {"startLine": location.line, "startColumn": location.column}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(location.file)}, "region": region}}


def _uri(file: str) -> str:
    """Relative to the working directory, as a repository's own files must be named; absolute for others."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
