"""Filters, with Ansible's names and meaning. Those of Jinja2 itself are there too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from runner.template.filters.collections import COLLECTION_FILTERS
from runner.template.filters.encodings import ENCODING_FILTERS
from runner.template.filters.mappings import MAPPING_FILTERS
from runner.template.filters.numbers import NUMBER_FILTERS
from runner.template.filters.paths import PATH_FILTERS
from runner.template.filters.texts import TEXT_FILTERS
from runner.template.filters.values import VALUE_FILTERS

FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    **VALUE_FILTERS,
    **ENCODING_FILTERS,
    **TEXT_FILTERS,
    **PATH_FILTERS,
    **NUMBER_FILTERS,
    **COLLECTION_FILTERS,
    **MAPPING_FILTERS,
}

UNSTEADY_FILTERS: Final = frozenset({"random", "shuffle", "strftime", "fileglob", "realpath", "relpath", "expandvars"})
"""Filters that can give another value the next time they are asked."""
