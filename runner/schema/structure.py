"""What checking a whole file gives."""

from __future__ import annotations

from runner.document import Document
from runner.errors import Problem
from runner.frozen import frozen


@frozen
class Structure:
    """A file's structure: every problem, and what is left of the document without what is wrong.

    `usable` can be parsed and keeps every path, so that what is right can be checked further. It is None
    if the document is something else altogether. A play whose `hosts` cannot be used has none there.
    """

    problems: tuple[Problem, ...]
    usable: Document | None
