"""Where SentraPlay keeps what it must remember on the controller."""

from __future__ import annotations

import os
from pathlib import Path


def state_directory() -> Path:
    """`$XDG_STATE_HOME/sentraplay`, else `~/.local/state/sentraplay`. Not created here."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state") / "sentraplay"


def default_journal() -> Path:
    """The journal of every run, unless --journal says otherwise."""
    return state_directory() / "journal.db"
