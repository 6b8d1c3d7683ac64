"""One number for everything that decides what a run does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from runner.document import Encrypted
from runner.plan.model import Options
from runner.template.lazy import names_a_secret


def fingerprint(
    playbook: object, vars_files: Mapping[str, object], options: Options, included: Mapping[str, object]
) -> str:
    """The sha256, in hex, of the content of all files and of the options, without any secret's value."""
    content = {
        "playbook": playbook,
        "vars_files": vars_files,
        "included": included,
        "limit": options.limit,
        "tags": sorted(options.tags),
        "skip_tags": sorted(options.skip_tags),
        "extra_vars": options.extra_vars,
        "check": options.check,
    }
    return checksum(content)


def checksum(content: object) -> str:
    """The sha256, in hex, of plain data without any secret's value."""
    text = json.dumps(_without_secrets(content), sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _without_secrets(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            str(key): "***" if names_a_secret(key) and not isinstance(item, (Mapping, list)) else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, Encrypted):
        return "***"  # Encrypted anew for somebody else, it still says the same.
    return [_without_secrets(item) for item in value] if isinstance(value, (list, tuple)) else value
