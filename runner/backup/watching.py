"""How far a file on a host has grown, told to whoever watches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from runner.errors import SentraPlayError
from runner.hosts.contract import Reader

Moved = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in all or None while that is not known)."""

_INTERVAL: Final = 1.0


@contextmanager
def watching(reader: Reader, path: str, progress: Moved, total: int | None = None) -> Iterator[None]:
    """While the context is open, tell `progress` once a second how large the file `path` is."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_INTERVAL):
            try:
                found = reader.stat(path)
            except SentraPlayError:
                # Whatever broke the link breaks the transfer itself, which says so.
                return
            if found is not None:
                progress(found.size, total)

    thread = threading.Thread(target=watch, name="transfer progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
