"""Files and text -> documents, with the reader's own errors put in words."""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from runner.document.build import DEEPEST, MAPPING, PLAIN, SEQUENCE, TEXT, Builder
from runner.document.encrypted import cipher_of
from runner.document.model import Document, Examined
from runner.errors import InvalidInput, Location, Problem
from runner.rules import Rule

LARGEST: Final = 16 * 1024 * 1024

# As alternatives: one class over all of Unicode takes ten times as long to compile, and every start does.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|[\ud800-\udfff]|[\ufeff\ufffe\uffff]")
_TEMPLATE: Final = re.compile(r"\{\{[^{}]*\}\}")
_UNQUOTED: Final = re.compile(r"(?::|-)\s+\{\{")


class _Loader(yaml.CSafeLoader):
    """Says of each scalar only whether it was plain or quoted; scalars.py decides what it means."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return PLAIN if implicit[0] else TEXT
        return MAPPING if kind is yaml.MappingNode else SEQUENCE


def load(path: FilePath, shown_as: str | None = None) -> Document:
    """The document in a file, named `shown_as` in every message. InvalidInput carries all problems."""
    return _whole(examine(path, shown_as))


def load_text(text: str, file: str) -> Document:
    """The document in `text`, which is said to come from `file`. InvalidInput carries all problems."""
    return _whole(examine_text(text, file))


def load_all(text: str, file: str) -> list[Document]:
    """The documents in `text`, separated by `---`. InvalidInput carries all problems."""
    return [load_text(part, file) for part in _parts(text, file)]


def examine(path: FilePath, shown_as: str | None = None, *, allow_empty: bool = False) -> Examined:
    """As `load`, but gives what could be read together with the problems, so that more can be found.

    With `allow_empty` a file without content is a document whose data is None. What is encrypted as a whole is not
    opened here (see vault): it is `sealed`.
    """
    file = shown_as or str(path)
    content = content_of(path, file)
    if isinstance(content, Problem):
        return _unreadable(content)
    if cipher_of(content):
        return Examined(None, (sealed_problem(file),), sealed=True)
    return examine_content(content, file, allow_empty=allow_empty)


def sealed_problem(file: str) -> Problem:
    """What there is to say where a file is read for which there is no key."""
    hint = "give --vault-password-file for Ansible's format, --identity for age"
    return Problem("the file is encrypted, and no key was given", Location(file, 1, 1), hint, rule=Rule.ENCRYPTED)


def content_of(path: FilePath, file: str) -> bytes | Problem:
    """The bytes of a file that is called `file` in messages, or why there are none."""
    place = Location(file, 1, 1)
    try:
        if path.is_dir():
            return Problem(f"{file} is a directory, not a file", place, rule=Rule.UNREADABLE_FILE)
        if path.is_file() and path.stat().st_size > LARGEST:
            return Problem(f"the file is larger than {LARGEST >> 20} MiB", place, rule=Rule.UNREADABLE_FILE)
        return path.read_bytes()
    except FileNotFoundError:
        return Problem("there is no such file", place, "check the path", rule=Rule.UNREADABLE_FILE)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Problem(f"the file cannot be read: {reason}", place, rule=Rule.UNREADABLE_FILE)


def examine_text(text: str, file: str, *, allow_empty: bool = False) -> Examined:
    """As `load_text`, but gives what could be read together with the problems."""
    text = text.removeprefix("\ufeff")
    try:
        root = composed(text, file)
    except InvalidInput as error:
        return _unreadable(*error.problems)
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == PLAIN and root.value == ""):
        if allow_empty:
            return Examined(Document(None, {}, {}, file), ())
        return _unusable("the file is empty", Location(file, 1, 1))
    builder = Builder(file)
    document = builder.document(root)
    problems = tuple(sorted(builder.problems, key=lambda problem: problem.location or Location(file, 1, 1)))
    return Examined(document, problems)


def _parts(text: str, file: str) -> list[str]:
    """The text of each document, with empty lines before it so that its lines keep their numbers."""
    try:
        events = yaml.parse(text, Loader=_Loader)
        starts = [_place(event.start_mark, file).line for event in events if isinstance(event, yaml.DocumentStartEvent)]
    except yaml.YAMLError as error:
        raise InvalidInput([_syntax_problem(error, text, file)]) from None
    lines = text.splitlines(keepends=True)
    ends = [start - 1 for start in starts[1:]] + [len(lines)]
    return ["\n" * (start - 1) + "".join(lines[start - 1 : end]) for start, end in zip(starts, ends, strict=True)]


def composed(text: str, file: str) -> yaml.Node | None:
    """The nodes of a YAML text that can be read, with their marks; None if it is empty. InvalidInput if it cannot."""
    if forbidden := _FORBIDDEN.search(text):
        raise InvalidInput([_forbidden_character(text, forbidden, file)])
    try:
        _refuse_depth(text, file)
        root: yaml.Node | None = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        raise InvalidInput([_syntax_problem(error, text, file)]) from None
    return root


def _whole(examined: Examined) -> Document:
    if examined.problems:
        raise InvalidInput(examined.problems)
    assert examined.document is not None
    return examined.document


def _unreadable(*problems: Problem) -> Examined:
    return Examined(None, problems)


def _unusable(message: str, place: Location, hint: str = "") -> Examined:
    return _unreadable(Problem(message, place, hint, rule=Rule.UNREADABLE_FILE))


def examine_content(content: bytes, file: str, *, allow_empty: bool = False) -> Examined:
    """As `examine_text`, for bytes that should be UTF-8."""
    text = decoded(content, file)
    return _unreadable(text) if isinstance(text, Problem) else examine_text(text, file, allow_empty=allow_empty)


def decoded(content: bytes, file: str) -> str | Problem:
    """The text of a file's bytes, or where they are none."""
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = _place_after(content[: error.start].decode("utf-8"), file)
        return Problem("the file is not UTF-8 text here", place, "save the file as UTF-8", rule=Rule.UNREADABLE_FILE)


def _place_after(before: str, file: str) -> Location:
    lines = re.split(r"\r\n|\r|\n", before)
    return Location(file, len(lines), len(lines[-1]) + 1)


def _place(mark: Any, file: str) -> Location:
    return Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1, 1)


def _forbidden_character(text: str, found: re.Match[str], file: str) -> Problem:
    return Problem(
        f"the character U+{ord(found[0]):04X} is not allowed in YAML",
        _place_after(text[: found.start()], file),
        "remove it, or write it as an escape in double quotes",
        rule=Rule.YAML_SYNTAX,
    )


def _refuse_depth(text: str, file: str) -> None:
    """The C parser recurses without a limit, so what could be deep is measured first, event by event."""
    brackets = _TEMPLATE.sub("", text)
    openings = brackets.count("[") + brackets.count("{")
    if openings < 1000 and max((len(line) for line in text.splitlines()), default=0) < 1000:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            message = f"nested more than {DEEPEST} levels deep"
            raise InvalidInput([Problem(message, _place(event.start_mark, file), rule=Rule.YAML_SYNTAX)])


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(f"not readable as YAML: {error}", Location(file, 1, 1), rule=Rule.YAML_SYNTAX)
    place = _place(error.problem_mark or error.context_mark, file)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if unquoted := _UNQUOTED.search(line):
        place = Location(file, place.line, unquoted.end() - 1)
        message = "a value that begins with '{{' must be in quotes as a whole"
        return Problem(message, place, 'write "{{ … }}…"', rule=Rule.YAML_SYNTAX)
    message, hint = _in_words(error, line, place)
    context = error.context_mark
    if context and context.line + 1 != place.line and "begun" in message:
        message = message.replace("begun", f"begun in line {context.line + 1}")
    return Problem(message, place, hint, rule=Rule.YAML_SYNTAX)


def _in_words(error: yaml.MarkedYAMLError, line: str, place: Location) -> tuple[str, str]:
    said, context = str(error.problem or ""), str(error.context or "")
    if said == "found character that cannot start any token":
        return _bad_start(line, place)
    for words, message, hint in _EXPLAINED:
        if words in said or words in context:
            return message, hint
    return f"not readable as YAML: {' '.join((context, said)).strip()}", ""


def _bad_start(line: str, place: Location) -> tuple[str, str]:
    character = line[place.column - 1 : place.column]
    if character == "\t":
        return "a tab stands where the indentation is", "indent with spaces"
    return f"a value cannot begin with '{character}'", "put the value in quotes"


_EXPLAINED: Final = (
    ("a tab character", "a tab stands where the indentation is", "indent with spaces"),
    ("<document start>", "the text goes on behind its end", "check the indentation and the brackets before this line"),
    (
        "mapping values are not allowed",
        "a ':' stands where no key can be",
        "put a value that holds ': ' in quotes, or check the indentation of this line",
    ),
    (
        "expected a single document",
        "a second document begins here",
        "keep one document per file; remove the '---' line",
    ),
    ("found undefined alias", "this alias has no anchor", "put a value that begins with '*' in quotes"),
    ("while scanning an alias", "a value that begins with '*' is an alias", "put the value in quotes"),
    ("while scanning an anchor", "a value that begins with '&' is an anchor", "put the value in quotes"),
    ("second occurrence", "this anchor's name is already taken", "give every anchor a name of its own"),
    (
        "while scanning a simple key",
        "the text here has no ':' and is no key",
        "check for a missing ':' or '-', or for quotes that don't end",
    ),
    ("while scanning a quoted scalar", "the quotes begun here have no end", "add the closing quote"),
    ("found unknown escape character", "unknown escape in double quotes", "write \\\\ for a backslash"),
    (
        "while parsing a flow sequence",
        "the list begun with '[' goes wrong here",
        "check for a missing ',' or ']'",
    ),
    (
        "while parsing a flow mapping",
        "the mapping begun with '{' goes wrong here",
        "check for a missing ',' or '}'",
    ),
    (
        "while parsing a block mapping",
        "this line does not fit the mapping it stands in",
        "indent it like the keys around it, or put the value before it in quotes",
    ),
    (
        "while parsing a block collection",
        "this line does not fit the list it stands in",
        "begin it with '- ' in the column of the other items",
    ),
    ("did not find expected node content", "a value is missing here", "check for a bracket or quote that doesn't end"),
    ("undefined tag handle", "this tag is not known", "put a value that begins with '!' in quotes"),
)
