"""Every kind of problem has a name for ever, and says what it means."""

from __future__ import annotations

import re

from runner.rules import MEANINGS, Rule


def test_every_rule_says_what_it_means() -> None:
    assert set(MEANINGS) == set(Rule)
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())


def test_rules_are_named_in_words_with_hyphens() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", rule) for rule in Rule)


def test_rules_stand_in_order_of_their_names() -> None:
    assert list(Rule) == sorted(Rule)
