"""What modules for buckets have in common: a bucket as it is beside the bucket as it is to be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runner.modules.contract import Change, Diff

State = Mapping[str, Any]
"""What is known of a bucket, by the names of the arguments; empty if there is none."""


def change(name: str, before: State, after: State) -> Change:
    """What has to be done, for people."""
    if after == before:
        return Change(False, f"bucket {name} is as wanted", data={"name": name})
    verb = "changes" if before and after else "creates" if after else "removes"
    return Change(True, f"{verb} bucket {name}", diff(name, before, after), data={"name": name})


def diff(name: str, before: State, after: State) -> Diff:
    """The two, as text that can be compared line by line."""

    def text(state: State) -> str:
        return json.dumps(state, indent=2, sort_keys=True) + "\n" if state else ""

    return Diff(f"bucket {name}", text(before), text(after))
