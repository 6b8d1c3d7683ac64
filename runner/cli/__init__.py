"""The command line: one file per command, one place that prints errors and ends the process."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import Final, NoReturn

_OBJECTS_BETWEEN_COLLECTIONS: Final = 200_000
_INTERRUPTED: Final = 130


def main() -> NoReturn:
    """What the `sentraplay` script runs."""
    # What is loaded at the start stays: looking through it for garbage again and again was a tenth of a short run.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        from runner.cli.app import execute

        code = execute(tuple(sys.argv[1:]))
    except KeyboardInterrupt:  # while the program itself was being loaded
        sys.stderr.write("interrupted\n")
        code = _INTERRUPTED
    # Everything is closed and told: taking the interpreter apart, object by object, was another tenth.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)
