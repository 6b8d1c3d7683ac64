"""Which commit a playbook belongs to, for manifests and the journal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from runner.errors import SentraPlayError
from runner.hosts.contract import Host, command

PATIENCE_SECONDS: Final = 5.0


def commit_of(playbook: Path, controller: Host) -> str:
    """The 40 digits of HEAD, with `-dirty` if tracked files were changed; empty outside a repository.

    Nothing git does can hold up a run: no prompt, no pager, no lock taken, and at most 5 seconds. It is not
    even started where there is no repository.
    """
    directory = playbook.resolve().parent
    if "GIT_DIR" not in os.environ and not any((place / ".git").exists() for place in (directory, *directory.parents)):
        return ""
    asked = command(
        *("git", "-C", str(directory)),
        *("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"),
        env={"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
    )
    try:
        result = controller.query(asked, timeout=PATIENCE_SECONDS, check=False)
    except SentraPlayError:
        return ""
    return result.stdout.strip() if result.ok else ""
