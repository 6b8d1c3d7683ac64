"""Every kind of problem has a name for ever, and says what it means."""

from __future__ import annotations

import re

from runner.rules import MEANINGS, Rule

GIVEN = frozenset(
    {
        "ambiguous-value",
        "bad-name",
        "circular-groups",
        "circular-variable",
        "conflicting-keys",
        "duplicate-handler",
        "duplicate-key",
        "missing-environment",
        "missing-file",
        "missing-key",
        "module-count",
        "no-hosts",
        "not-a-condition",
        "shadowed-variable",
        "template-failure",
        "template-syntax",
        "undefined-variable",
        "unknown-argument",
        "unknown-filter",
        "unknown-handler",
        "unknown-host",
        "unknown-key",
        "unknown-keyword",
        "unknown-lookup",
        "unknown-module",
        "unknown-repository",
        "unknown-tag",
        "unknown-test",
        "unreachable-task",
        "unreadable-file",
        "unsupported",
        "unused-variable",
        "unused-variable-file",
        "wrong-structure",
        "wrong-type",
        "wrong-value",
        "yaml-syntax",
    }
)


def test_every_rule_says_what_it_means() -> None:
    assert set(MEANINGS) == set(Rule)
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())


def test_rules_are_named_in_words_with_hyphens() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", rule) for rule in Rule)


def test_names_once_given_stay() -> None:
    """Scripts, editors and comments in code reviews know them; add new ones here when they have been released."""
    assert {rule.value for rule in Rule} >= GIVEN


def test_rules_stand_in_order_of_their_names() -> None:
    assert list(Rule) == sorted(Rule)
