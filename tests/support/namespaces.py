"""A private view of this machine for the thread of a test: own mounts, own host name, own network settings.

What a test does to them is gone with the view; nothing outside sees it. Root only.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

CLONE_FS: Final = 0x200
KINDS: Final = {"mnt": 0x20000, "uts": 0x4000000, "net": 0x40000000}
MS_PRIVATE_RECURSIVE: Final = (1 << 18) | (1 << 14)
MS_BIND: Final = 1 << 12
LIBC: Final = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def bind(source: Path, place: str) -> None:
    """Show a directory at another place too, in this view."""
    _checked(LIBC.mount(str(source).encode(), place.encode(), None, MS_BIND, None))


@contextmanager
def private() -> Iterator[None]:
    """Everything this thread does and starts in the context is in a view of its own."""
    where = Path.cwd()
    with ExitStack() as opened:
        old = {kind: opened.enter_context(Path(f"/proc/thread-self/ns/{kind}").open()) for kind in KINDS}
        _checked(LIBC.unshare(CLONE_FS))
        for flag in KINDS.values():
            _checked(LIBC.unshare(flag))
        try:
            _checked(LIBC.mount(b"none", b"/", None, MS_PRIVATE_RECURSIVE, None))
            yield
        finally:
            for kind, file in old.items():
                _checked(LIBC.setns(file.fileno(), KINDS[kind]))
            os.chdir(where)
