"""Lifecycle rules of a bucket of Google's: as playbooks say them, and as Google wants them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.cloud.lifecycle import TransitionArgs


@frozen
class GcsRuleArgs:
    prefix: str = ""
    expire_days: int | None = None
    noncurrent_days: int | None = None
    abort_uploads_days: int | None = None
    transitions: tuple[TransitionArgs, ...] = ()
    noncurrent_transitions: tuple[TransitionArgs, ...] = ()


def from_rules(rules: Sequence[GcsRuleArgs]) -> list[dict[str, Any]]:
    """Google's form: a rule for each thing to be done."""
    return normal([one for rule in rules for one in _rules(rule)])


def from_json(text: bytes, name: str) -> list[dict[str, Any]]:
    """The rules of a file as `gsutil lifecycle set` and `gcloud storage` take it; TaskFailed if it is none."""
    try:
        plain = json.loads(text)
        rules = plain.get("lifecycle", plain)["rule"]
        if not all(isinstance(one["action"], dict) and isinstance(one["condition"], dict) for one in rules):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = 'it must be JSON: {"rule": [{"action": …, "condition": …}]}; with {"Rules": …} it is for s3_bucket'
        raise TaskFailed(f"{name} holds no lifecycle rules", why=str(error), hint=hint) from error
    return normal(rules)


def normal(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules that mean the same, written the same, in the same order."""
    found = [
        {
            "action": dict(one["action"]),
            "condition": {key: value for key, value in one["condition"].items() if value not in (None, [])},
        }
        for one in rules
    ]
    return sorted(found, key=lambda rule: json.dumps(rule, sort_keys=True))


def _rules(one: GcsRuleArgs) -> Iterator[dict[str, Any]]:
    where = {"matchesPrefix": [one.prefix]} if one.prefix else {}
    if one.expire_days is not None:
        yield {"action": {"type": "Delete"}, "condition": {"age": one.expire_days, "isLive": True, **where}}
    if one.noncurrent_days is not None:
        yield {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": one.noncurrent_days, **where}}
    if one.abort_uploads_days is not None:
        action = {"type": "AbortIncompleteMultipartUpload"}
        yield {"action": action, "condition": {"age": one.abort_uploads_days, **where}}
    for condition, transitions in (("age", one.transitions), ("daysSinceNoncurrentTime", one.noncurrent_transitions)):
        for each in transitions:
            action = {"type": "SetStorageClass", "storageClass": each.storage_class}
            yield {"action": action, "condition": {condition: each.days, **where}}
