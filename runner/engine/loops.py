"""What an item of a loop sees besides its task's variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from runner.playbook import LoopControl

VARIABLES: Final = ("ansible_loop_var", "ansible_index_var", "ansible_loop")
"""The variables of a loop whose names it does not choose."""


def item_variables(control: LoopControl, items: Sequence[Any], index: int) -> dict[str, Any]:
    """The variables of `loop_control` for the item at `index`, under Ansible's names."""
    seen = {control.loop_var: items[index], "ansible_loop_var": control.loop_var}
    if control.index_var:
        seen[control.index_var] = index
        seen["ansible_index_var"] = control.index_var
    if control.extended:
        seen["ansible_loop"] = _extended(control, items, index)
    return seen


def _extended(control: LoopControl, items: Sequence[Any], index: int) -> dict[str, Any]:
    length = len(items)
    told: dict[str, Any] = {
        "index": index + 1,
        "index0": index,
        "first": index == 0,
        "last": index + 1 == length,
        "length": length,
        "revindex": length - index,
        "revindex0": length - index - 1,
    }
    if control.extended_allitems:
        told["allitems"] = list(items)
    if index + 1 < length:
        told["nextitem"] = items[index + 1]
    if index:
        told["previtem"] = items[index - 1]
    return told
