"""Composed YAML nodes -> plain data, the table of places, and every problem on the way."""

from __future__ import annotations

from typing import Final

import yaml

from runner.document.encrypted import TAGS, Encrypted, variable_names
from runner.document.model import Document, Path, TemplateText, UnsafeText
from runner.document.scalars import AmbiguousError, plain, quoted
from runner.errors import Location, Problem
from runner.rules import Rule
from runner.suggestions import did_you_mean

PLAIN: Final = "!plain"
TEXT: Final = "!text"
MAPPING: Final = "!mapping"
SEQUENCE: Final = "!sequence"

DEEPEST: Final = 100
MOST_ALIASED: Final = 100_000

_CORE: Final = "tag:yaml.org,2002:"
_MERGE: Final = "<<"
_UNSAFE: Final = "!unsafe"
_UNKNOWN: Final = TemplateText("{{ hostvars }}")
"""Stands for a template that cannot be read: something only a run could know."""

_TAGGED: Final[dict[str, tuple[type, ...]]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}


class TooMuchError(Exception):
    """Building was given up; the problem is recorded."""


class Builder:
    """Builds one document. What is wrong is noted in `problems` and replaced by something harmless."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._places: dict[Path, Location] = {}
        self._key_places: dict[Path, Location] = {}
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0
        self._inside_alias = 0
        self._inside_unsafe = 0

    def document(self, root: yaml.Node) -> Document | None:
        """The document under `root`; None if it had to be given up."""
        try:
            data = self._value(root, ())
        except TooMuchError:
            return None
        return Document(data, self._places, self._key_places, self.file)

    def note(self, node: yaml.Node, message: str, hint: str = "", rule: Rule = Rule.YAML_SYNTAX) -> None:
        self.problems.append(Problem(message, self._place(node), hint, rule=rule))

    def _place(self, node: yaml.Node) -> Location:
        mark = node.start_mark
        return Location(self.file, mark.line + 1, mark.column + 1)

    def _value(self, node: yaml.Node, path: Path) -> object:
        self._places.setdefault(path, self._place(node))
        if isinstance(node, yaml.ScalarNode):
            if self._inside_alias:
                self._count(node)
            return self._scalar(node, path)
        return self._collection(node, path)

    def _collection(self, node: yaml.Node, path: Path) -> object:
        if id(node) in self._open:
            self.note(node, "an alias stands inside the very thing it refers to", "write the value out")
            raise TooMuchError
        if len(path) >= DEEPEST:
            self.note(node, f"nested more than {DEEPEST} levels deep")
            raise TooMuchError
        again = id(node) in self._seen
        self._seen.add(id(node))
        self._open.add(id(node))
        self._inside_alias += again
        if self._inside_alias:
            self._count(node)
        unsafe = node.tag == _UNSAFE
        self._inside_unsafe += unsafe
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self._inside_unsafe -= unsafe
        self._inside_alias -= again
        self._open.discard(id(node))
        return value

    def _count(self, node: yaml.Node) -> None:
        self._aliased += 1
        if self._aliased > MOST_ALIASED:
            self.note(node, f"aliases expand to more than {MOST_ALIASED} values", "write fewer aliases of aliases")
            raise TooMuchError

    def _sequence(self, node: yaml.Node, path: Path) -> list[object]:
        if node.tag not in (SEQUENCE, _CORE + "seq", _UNSAFE):
            self._unknown_tag(node)
        return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, object] | str:
        if _is_braces(node):
            self.note(node, "a value that begins with '{{' must be in quotes", 'write "{{ … }}"')
            return _UNKNOWN
        if node.tag not in (MAPPING, _CORE + "map", _UNSAFE):
            self._unknown_tag(node)
        result: dict[str, object] = {}
        merges: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.value == _MERGE and key_node.tag == PLAIN:
                merges.append(value_node)
            elif (key := self._key(key_node)) is None:
                self._value(value_node, (*path, "?"))
            elif key in result:
                first = self._key_places[(*path, key)]
                self.note(
                    key_node,
                    f"the key '{key}' stands here a second time (first in line {first.line})",
                    "remove or rename one of the two; only one of them could take effect",
                    Rule.DUPLICATE_KEY,
                )
            else:
                self._key_places[(*path, key)] = self._place(key_node)
                result[key] = self._value(value_node, (*path, key))
        for merged in merges:
            self._merge(merged, path, result)
        return result

    def _merge(self, node: yaml.Node, path: Path, result: dict[str, object]) -> None:
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._merge(item, path, result)
            return
        if not isinstance(node, yaml.MappingNode):
            self.note(node, "'<<' merges mappings only", "give it an alias of a mapping, or a list of them")
            return
        merged = Builder(self.file)
        merged._aliased, merged._inside_alias, merged._open = self._aliased, 1, self._open
        try:
            values = merged._collection(node, path)
        finally:
            self._aliased = merged._aliased
            self.problems.extend(problem for problem in merged.problems if problem not in self.problems)
        for key, value in values.items() if isinstance(values, dict) else ():
            if key not in result:
                result[key] = value
                self._adopt(merged, (*path, key))

    def _adopt(self, merged: Builder, path: Path) -> None:
        length = len(path)
        for mine, theirs in ((self._places, merged._places), (self._key_places, merged._key_places)):
            mine.update({place: where for place, where in theirs.items() if place[:length] == path})

    def _key(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self.note(node, "a key must be text, not a list or a mapping")
            return None
        value = self._scalar(node, None)
        if isinstance(value, str):
            return value
        if value is not None or node.value in ("~", "null"):
            self.note(node, f"the key {node.value} is not text", f'write it in quotes: "{node.value}"')
        else:
            self.note(node, "a key is missing before ':'")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: Path | None) -> object:
        """The value of a scalar; `path` is None for a key."""
        if node.tag in TAGS:
            return self._encrypted(node, path)
        value = self._written(node)
        return UnsafeText(value) if self._inside_unsafe and isinstance(value, str) and path is not None else value

    def _encrypted(self, node: yaml.ScalarNode, path: Path | None) -> str:
        if path is None:
            self.note(node, "a key cannot be encrypted", "encrypt the value")
            return str(node.value)
        return Encrypted(TAGS[node.tag], node.value, variable_names(path), self._place(node))

    def _written(self, node: yaml.ScalarNode) -> object:
        if node.tag == TEXT:
            return quoted(node.value)
        if node.tag == PLAIN:
            try:
                return plain(node.value)
            except AmbiguousError as ambiguous:
                self.note(node, ambiguous.message, ambiguous.hint, Rule.AMBIGUOUS_VALUE)
                return node.value
        return self._tagged(node)

    def _tagged(self, node: yaml.ScalarNode) -> object:
        if node.tag == _UNSAFE:
            return UnsafeText(node.value)
        kind = node.tag.removeprefix(_CORE)
        if kind == "str":
            return quoted(node.value)
        wanted = _TAGGED.get(kind)
        if wanted is None:
            self._unknown_tag(node)
            return node.value
        try:
            value = plain(node.value)
        except AmbiguousError as ambiguous:
            self.note(node, ambiguous.message, ambiguous.hint, Rule.AMBIGUOUS_VALUE)
            return node.value
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "bool"):
            self.note(node, f"'{node.value}' is not what its tag !!{kind} says")
        return float(value) if kind == "float" and isinstance(value, int) else value

    def _unknown_tag(self, node: yaml.Node) -> None:
        if node.tag in TAGS:
            self.note(node, f"the tag {node.tag} is for encrypted text", "encrypt each value in it")
            return
        tag = node.tag.replace(_CORE, "!!")
        self.note(node, f"the tag {tag} is not known", did_you_mean(tag, (*TAGS, _UNSAFE), "remove the tag"))


def _is_braces(node: yaml.Node) -> bool:
    """Whether the node is what `{{ name }}` without quotes reads as: a flow mapping that is another one's key."""
    if not (isinstance(node, yaml.MappingNode) and node.flow_style and len(node.value) == 1):
        return False
    key = node.value[0][0]
    return isinstance(key, yaml.MappingNode) and bool(key.flow_style)
