"""Secrets that stand in playbooks and inventories as they are."""

from __future__ import annotations

from collections.abc import Mapping

from runner.document import Encrypted, SecretTemplate
from runner.secret import MASK, Redactor
from runner.template import is_template
from runner.template.lazy import names_a_secret


def register_secrets(value: object, redactor: Redactor) -> None:
    """Make known to `redactor` every literal value in plain data whose key says that it is secret."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if _is_literal_secret(key, item):
                redactor.register(str(item))
            else:
                register_secrets(item, redactor)
    elif isinstance(value, (list, tuple)):
        for item in value:
            register_secrets(item, redactor)


def masked(value: object, redactor: Redactor) -> object:
    """Plain data to be shown: what its keys call secret is masked, and so is every secret `redactor` knows."""
    return redactor.redact(_without_secrets(value))


def _without_secrets(value: object) -> object:
    if isinstance(value, (Encrypted, SecretTemplate)):
        return MASK
    if isinstance(value, Mapping):
        return {key: MASK if _is_literal_secret(key, item) else _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, (list, tuple)) else value


def _is_literal_secret(name: object, value: object) -> bool:
    is_scalar = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return names_a_secret(name) and is_scalar and not is_template(value)
