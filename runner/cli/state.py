"""Where SentraPlay keeps what it must remember on the controller."""

from __future__ import annotations

from pathlib import Path


def state_directory() -> Path:
    """`$XDG_STATE_HOME/sentraplay`, else `~/.local/state/sentraplay`. Not created here."""
    from runner.journal import default_path

    return default_path().parent
