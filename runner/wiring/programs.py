"""Programs of the controller, for templates that ask them something."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from runner.hosts.contract import CommandFailed, Script
from runner.hosts.local import open_local
from runner.template import TemplateError

PATIENCE_SECONDS: Final = 300.0


def output_of(line: str, directory: Path) -> str:
    """What a line of shell writes to its standard output in `directory`; TemplateError if it does not end with 0."""
    with closing(open_local()) as controller:
        try:
            asked = Script(line, cwd=str(directory.absolute()))
            return controller.run(asked, timeout=PATIENCE_SECONDS).stdout
        except CommandFailed as failed:
            said = failed.result.stderr.strip().splitlines()
            raise TemplateError(
                f"the program of lookup('pipe') ended with {failed.result.exit_code}",
                why=said[-1] if said else "it wrote nothing to its standard error",
            ) from failed
