"""Where reports of bugs are kept."""

from __future__ import annotations

import os
from pathlib import Path


def reports_directory() -> Path:
    """`bugs` beside the journal. Worked out here, because whatever is broken may be what the journal needs."""
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "sentraplay" / "bugs"
