"""Lifecycle rules of an S3 bucket: as playbooks say them, as lifecycle.json does, and as the protocol wants them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from runner.errors import TaskFailed
from runner.frozen import frozen


@frozen
class TransitionArgs:
    days: int
    storage_class: str


@frozen
class RuleArgs:
    id: str
    prefix: str = ""
    enabled: bool = True
    expire_days: int | None = None
    noncurrent_days: int | None = None
    abort_uploads_days: int | None = None
    transitions: tuple[TransitionArgs, ...] = ()
    noncurrent_transitions: tuple[TransitionArgs, ...] = ()


def from_rules(rules: Sequence[RuleArgs]) -> list[dict[str, Any]]:
    """The protocol's form, in order of ids."""
    return normal([_rule(one) for one in rules])


def from_json(text: bytes, name: str) -> list[dict[str, Any]]:
    """The rules of a lifecycle.json (`{"Rules": […]}`); TaskFailed if it is none."""
    try:
        plain = json.loads(text)
        rules = plain["Rules"]
        if not all(isinstance(one, dict) for one in rules):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise TaskFailed(
            f"{name} holds no lifecycle rules", why=str(error), hint='it must be JSON: {"Rules": [{"ID": …}]}'
        ) from error
    return normal(rules)


def normal(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules that mean the same, written the same: by id, the old `Prefix` as a filter, nothing that is empty.

    Transitions are in order of their days; Ceph's gateway 16 answers them in another than they were given (tried).
    """
    found = []
    for one in rules:
        rule = {key: value for key, value in one.items() if value not in ([], {}) or key == "Filter"}
        rule.setdefault("Filter", {"Prefix": rule.pop("Prefix", "")})
        rule.pop("Prefix", None)
        if rule["Filter"] == {}:
            rule["Filter"] = {"Prefix": ""}
        rule.setdefault("ID", "")
        for name, days in (("Transitions", "Days"), ("NoncurrentVersionTransitions", "NoncurrentDays")):
            if name in rule:
                rule[name] = sorted(rule[name], key=lambda each: int(each.get(days, 0)))  # noqa: B023  (used at once)
        found.append(rule)
    return sorted(found, key=lambda rule: str(rule["ID"]))


def _rule(one: RuleArgs) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "ID": one.id,
        "Status": "Enabled" if one.enabled else "Disabled",
        "Filter": {"Prefix": one.prefix},
    }
    if one.expire_days is not None:
        rule["Expiration"] = {"Days": one.expire_days}
    if one.noncurrent_days is not None:
        rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": one.noncurrent_days}
    if one.abort_uploads_days is not None:
        rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": one.abort_uploads_days}
    if one.transitions:
        rule["Transitions"] = [{"Days": each.days, "StorageClass": each.storage_class} for each in one.transitions]
    if one.noncurrent_transitions:
        rule["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": each.days, "StorageClass": each.storage_class} for each in one.noncurrent_transitions
        ]
    return rule
