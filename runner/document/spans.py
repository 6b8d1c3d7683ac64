"""Where the values of a YAML text stand, so that one can be replaced and every other byte stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from runner.document.encrypted import TAGS, Cipher, variable_names
from runner.document.model import Path, holds_template
from runner.document.read import composed
from runner.document.write import in_quotes
from runner.errors import Location
from runner.frozen import frozen

_ANCHOR: Final = re.compile(r"(?:!\S*\s+)?(&\S+)")
_COMMENT: Final = re.compile(r"([ \t]+#[^\r\n]*)")
_BLOCK_COMMENT: Final = re.compile(r"(?:[!&]\S*[ \t]+)*[|>]\S*([ \t]+#[^\r\n]*)")
_STEP: Final = 2


@frozen
class Span:
    """A value that is text: where it begins and ends in its document's text, and what it says.

    `cipher` tells how it is encrypted, if it is.
    """

    path: Path
    place: Location
    start: int
    end: int
    value: str
    cipher: Cipher | None
    indent: int
    in_flow: bool
    in_block: bool
    anchor: str
    comment: str
    """What follows in the line where its text begins or ends: not a part of it."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the variable at this place may be called."""
        return variable_names(self.path)


def spans(text: str, file: str) -> list[Span]:
    """Every value of a YAML text that is neither mapping nor list, each once, in its order.

    InvalidInput if the text cannot be read.
    """
    root = composed(text, file)
    seen: set[int] = set()
    return list(_below(root, (), text, file, 0, False, seen)) if root else []


def replaced(text: str, new: Mapping[Span, str]) -> str:
    """`text` with each of these values written as the YAML it is mapped to."""
    for span in sorted(new, key=lambda span: span.start, reverse=True):
        text = text[: span.start] + new[span] + text[span.end + len(span.comment) * (not span.in_block) :]
    return text


def as_age(span: Span, ciphertext: str, text: str) -> str:
    """YAML for an age value in the place of `span` in `text`."""
    if span.in_flow:
        return f"{span.anchor}!age {json.dumps(ciphertext)}{span.comment}"
    end = "\r\n" if "\r\n" in text else "\n"
    lines = [f"{span.anchor}!age |{span.comment}", *(" " * span.indent + line for line in ciphertext.splitlines())]
    return end.join(lines)


def as_plain(span: Span, value: str) -> str:
    """YAML for text in the place of `span`. What was encrypted is never a template, so neither is this."""
    tag = "!unsafe " if holds_template(value) else ""
    return f"{span.anchor}{tag}{in_quotes(value)}{span.comment}"


def _below(
    node: yaml.Node, path: Path, text: str, file: str, column: int, in_flow: bool, seen: set[int]
) -> Iterator[Span]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield _span(node, path, text, file, column, in_flow)
        return
    flow, column = in_flow or (isinstance(node, yaml.CollectionNode) and bool(node.flow_style)), node.start_mark.column
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _below(value, (*path, str(key.value)), text, file, column, flow, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _below(item, (*path, index), text, file, column, flow, seen)


def _span(node: yaml.ScalarNode, path: Path, text: str, file: str, column: int, in_flow: bool) -> Span:
    start = node.start_mark.index
    written = text[start : node.end_mark.index].rstrip()
    anchor = _ANCHOR.match(written)
    in_block = node.style in ("|", ">")
    comment = _BLOCK_COMMENT.match(written) if in_block else _COMMENT.match(text, start + len(written))
    return Span(
        path=path,
        place=Location(file, node.start_mark.line + 1, node.start_mark.column + 1),
        start=start,
        end=start + len(written),
        value=node.value,
        cipher=TAGS.get(node.tag),
        indent=column + _STEP,
        in_flow=in_flow,
        in_block=in_block,
        anchor=f"{anchor[1]} " if anchor else "",
        comment=comment[1] if comment else "",
    )
