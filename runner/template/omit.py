"""`omit`: how a template takes an argument or an item away."""

from __future__ import annotations

from typing import Final


class _Omit:
    """Stands for an argument or item that is to be left out."""

    def __repr__(self) -> str:
        return "omit"


OMIT: Final = _Omit()
