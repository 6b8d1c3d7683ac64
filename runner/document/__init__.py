"""YAML text -> plain data and the place of everything in it.

The only room that knows YAML. It reads the YAML 1.2 core schema, strictly: what two readers could
understand differently is an error with a hint, never a guess.
"""

from __future__ import annotations

from runner.document.graft import grafted, listed, part_of
from runner.document.model import Document, Examined, Path, TemplateText, trusted
from runner.document.read import examine, examine_text, load, load_all, load_text
from runner.document.write import dump

__all__ = [
    "Document",
    "Examined",
    "Path",
    "TemplateText",
    "dump",
    "examine",
    "examine_text",
    "grafted",
    "listed",
    "load",
    "load_all",
    "load_text",
    "part_of",
    "trusted",
]
