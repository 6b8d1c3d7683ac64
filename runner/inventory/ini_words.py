"""A line of an INI inventory -> its words, each with its column, by the rules a POSIX shell quotes by."""

from __future__ import annotations

from typing import Final

from runner.frozen import frozen

COMMENT: Final = "#"
_KEEPS_BACKSLASH: Final = '"\\'


class IniSyntaxError(ValueError):
    """A line cannot be read; `column` counts from 1."""

    def __init__(self, message: str, column: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.hint = hint


@frozen
class Word:
    """A word without its quotes. `columns` has the place of each of its characters, counted from 1."""

    text: str
    column: int
    columns: tuple[int, ...]

    def column_of(self, index: int) -> int:
        """Where the character at `index` stands; behind the word if it has no such character."""
        return self.columns[index] if index < len(self.columns) else self.columns[-1] + 1


def words_of(line: str) -> list[Word]:
    """The words of a line up to its comment. IniSyntaxError for quotes without an end and a comment inside a word."""
    reader = _Reader(line)
    found = []
    while (word := reader.word()) is not None:
        found.append(word)
    return found


class _Reader:
    def __init__(self, line: str) -> None:
        self.line = line
        self.at = 0

    def word(self) -> Word | None:
        while self.at < len(self.line) and self.line[self.at].isspace():
            self.at += 1
        if self.at >= len(self.line) or self.line[self.at] == COMMENT:
            return None
        start = self.at
        pieces: list[tuple[str, int]] = []
        while self.at < len(self.line) and not self.line[self.at].isspace():
            character = self.line[self.at]
            if character == COMMENT:
                hint = "put the value in quotes if the '#' belongs to it, else a space before the comment"
                raise IniSyntaxError("a '#' inside a word begins a comment for Ansible", self.at + 1, hint)
            pieces += self._quoted(character) if character in "'\"" else [self._plain(character)]
        return Word(
            "".join(text for text, _ in pieces), start + 1, tuple(column for _, column in pieces) or (start + 1,)
        )

    def _plain(self, character: str) -> tuple[str, int]:
        if character == "\\":
            self.at += 1
            if self.at >= len(self.line):
                raise IniSyntaxError("nothing stands behind the backslash", self.at, "write two for one")
        self.at += 1
        return self.line[self.at - 1], self.at

    def _quoted(self, quote: str) -> list[tuple[str, int]]:
        opened = self.at
        pieces = []
        self.at += 1
        while self.at < len(self.line) and self.line[self.at] != quote:
            escaped = quote == '"' and self.line[self.at] == "\\" and self.line[self.at + 1 : self.at + 2]
            if escaped and escaped in _KEEPS_BACKSLASH:
                self.at += 1
            pieces.append((self.line[self.at], self.at + 1))
            self.at += 1
        if self.at >= len(self.line):
            raise IniSyntaxError("the quotes begun here have no end", opened + 1, "add the closing quote")
        self.at += 1
        return pieces
