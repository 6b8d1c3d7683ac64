"""Tests: what may stand behind `is`. Those of Jinja2 itself are there too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from runner.template.tests.places import PLACE_TESTS
from runner.template.tests.results import RESULT_TESTS
from runner.template.tests.values import VALUE_TESTS
from runner.template.tests.versions import VERSION_TESTS

TESTS: Final[Mapping[str, Callable[..., bool]]] = {**RESULT_TESTS, **VALUE_TESTS, **VERSION_TESTS, **PLACE_TESTS}

UNSTEADY_TESTS: Final = frozenset(PLACE_TESTS)
"""Tests that can come out differently the next time: they look at files of the controller."""
