"""What is made of a secret is a secret: its hash, its encoding, a part of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from runner.secret import Redactor


class Taint:
    """Watches over functions that templates call. Thread-safe.

    If text with a known secret in it goes in, text that comes out is a secret too, unless the masked input shows it
    anyway: `'postgres://app:' ~ password` gives nothing away by its first eight letters.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, watched."""

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if self._redactor.knows_any:
                self.note((*args, *kwargs.values()), result)
            return result

        return watched

    def note(self, inputs: Iterable[object], result: object) -> None:
        """Make known to the redactor what of `result` was made of a secret among `inputs`."""
        texts = [text for text in inputs if isinstance(text, str)]
        masked = [self._redactor.text(text) for text in texts]
        if masked == texts:
            return
        visible = "\0".join(masked)
        for leaf in _leaves(result):
            if isinstance(leaf, str):
                if leaf not in visible and self._redactor.text(leaf) == leaf:
                    self._redactor.register_derived(leaf)
            elif str(leaf) in "\0".join(texts) and str(leaf) not in visible:
                self._redactor.register_derived(str(leaf))


def _leaves(value: object) -> Iterator[str | int]:
    """The texts and numbers in plain data; what is only made when it is read is looked at when it is used."""
    if isinstance(value, str) or type(value) is int:
        yield value
    elif type(value) is dict:
        yield from _leaves(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
