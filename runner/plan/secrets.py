"""Secrets that stand in playbooks and inventories as they are."""

from __future__ import annotations

from collections.abc import Mapping

from runner.secret import Redactor
from runner.template import is_template
from runner.template.lazy import names_a_secret


def register_secrets(value: object, redactor: Redactor) -> None:
    """Make known to `redactor` every literal value in plain data whose key says that it is secret."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if names_a_secret(key) and isinstance(item, (str, int)) and not isinstance(item, bool):
                if not is_template(item):
                    redactor.register(str(item))
            else:
                register_secrets(item, redactor)
    elif isinstance(value, (list, tuple)):
        for item in value:
            register_secrets(item, redactor)
