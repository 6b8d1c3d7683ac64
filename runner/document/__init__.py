"""YAML text -> plain data and the place of everything in it.

The only room that knows YAML. It reads the YAML 1.2 core schema, strictly: what two readers could
understand differently is an error with a hint, never a guess.
"""

from __future__ import annotations

from runner.document.encrypted import Cipher, Encrypted, cipher_of
from runner.document.graft import grafted, listed, part_of
from runner.document.model import Document, Examined, Path, SecretTemplate, TemplateText, trusted
from runner.document.read import (
    content_of,
    decoded,
    examine,
    examine_content,
    examine_text,
    load,
    load_all,
    load_text,
    sealed_problem,
)
from runner.document.write import dump

__all__ = [
    "Cipher",
    "Document",
    "Encrypted",
    "Examined",
    "Path",
    "SecretTemplate",
    "TemplateText",
    "cipher_of",
    "content_of",
    "decoded",
    "dump",
    "examine",
    "examine_content",
    "examine_text",
    "grafted",
    "listed",
    "load",
    "load_all",
    "load_text",
    "part_of",
    "sealed_problem",
    "trusted",
]
