"""The command line: one file per command, one place that prints errors and ends the process."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """What the `sentraplay` script runs."""
    from runner.cli.app import execute

    sys.exit(execute(tuple(sys.argv[1:])))
