"""The command line: one file per command, one place that prints errors and ends the process."""

from __future__ import annotations

import gc
import sys
from typing import Final, NoReturn

_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000


def main() -> NoReturn:
    """What the `sentraplay` script runs."""
    # What is loaded at the start stays: looking through it for garbage again and again was a tenth of a short run.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    from runner.cli.app import execute

    sys.exit(execute(tuple(sys.argv[1:])))
