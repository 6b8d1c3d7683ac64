"""Inventory scripts, run on the controller."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.hosts.contract import Result


def run_script(argv: tuple[str, ...], seconds: float) -> Result:
    """Run a program on the controller; TimedOut after so many seconds. Any exit status is a result.

    What starts processes is loaded only when there is a script.
    """
    from runner.hosts.contract import Command
    from runner.hosts.local import open_local

    with closing(open_local()) as controller:
        return controller.run(Command(argv), timeout=seconds, check=False)
