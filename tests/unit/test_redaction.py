"""A secret is masked in every disguise, wherever it stands and however it is cut."""

from __future__ import annotations

import base64
import html
import json
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.lines import Lines
from runner.secret import MASK, Redactor

# Of characters that no mask and no encoding of what stands around it has, so that what is found was the secret's.
SECRETS = st.text(st.sampled_from("Qq7&'\"\\ /+=%$é<>{}"), min_size=6, max_size=40).filter(
    lambda s: len(s.strip()) >= 6
)
AROUND = st.text(st.sampled_from("abc :,.-"), max_size=9)

DISGUISES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "shell": shlex.quote,
    "json": json.dumps,
    "json without escapes": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "repr": repr,
    "url": quote,
    "url, all of it": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "html": html.escape,
    "yaml, single quotes": lambda text: text.replace("'", "''"),
}


def knowing(*secrets: str) -> Redactor:
    redactor = Redactor()
    for secret in secrets:
        redactor.register(secret)
    return redactor


@pytest.mark.parametrize("disguise", DISGUISES)
@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_no_disguise_of_a_secret_is_left(disguise: str, secret: str, before: str, after: str) -> None:
    shown = knowing(secret).text(before + DISGUISES[disguise](secret) + after)
    core = DISGUISES[disguise](secret).strip("'\"\\ ")
    assert core not in shown
    assert shown.startswith(before)
    assert shown.endswith(after)


@given(secret=SECRETS, before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_of_something_that_holds_a_secret_does_not_give_it_back(
    secret: str, before: bytes, after: bytes
) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + secret.encode() + after).decode()
        shown = knowing(secret).text(encoded)
        assert MASK in shown
        kept = len(encoded) - len(shown.replace(MASK, ""))
        assert kept * 6 >= (len(secret.encode()) - 2) * 8 - 12


@given(secret=SECRETS, cuts=st.lists(st.integers(1, 60), max_size=4), before=AROUND, after=AROUND)
def test_a_secret_cut_by_line_ends_is_not_left_in_pieces(secret: str, cuts: list[int], before: str, after: str) -> None:
    text = broken(before + secret + after, cuts)
    shown = knowing(secret).text(text)
    assert secret not in shown.replace("\n", "")
    assert shown.count("\n") == text.count("\n")
    assert knowing(secret).redact(text.split("\n")) == shown.split("\n")


@given(secret=SECRETS, cuts=st.lists(st.integers(1, 60), max_size=4), before=AROUND, after=AROUND)
def test_lines_that_are_shown_at_once_hold_no_more_than_the_whole_text(
    secret: str, cuts: list[int], before: str, after: str
) -> None:
    lines = broken(before + secret + after + "\nthe end", cuts).split("\n")
    seen: list[str] = []
    through = Lines(knowing(secret), lambda stream, line: seen.append(line))
    for line in lines:
        through("stdout", line)
        assert secret not in "".join(seen)
    through.flush()
    assert seen == knowing(secret).lines(lines)


def broken(text: str, cuts: list[int]) -> str:
    for cut in sorted(cuts, reverse=True):
        if cut < len(text):
            text = f"{text[:cut]}\n{text[cut:]}"
    return text


def test_what_cannot_become_a_secret_is_shown_at_once_and_the_rest_waits_for_its_own_stream() -> None:
    seen: list[tuple[str, str]] = []
    through = Lines(knowing("hunter22"), lambda stream, line: seen.append((stream, line)))
    through("stdout", "one")
    through("stdout", "two hun")
    through("stderr", "three")
    assert seen == [("stdout", "one"), ("stderr", "three")]
    through("stdout", "ter22 four")
    assert seen[2:] == [("stdout", "two ***"), ("stdout", "*** four")]
    through("stdout", "hunt")
    assert len(seen) == 4
    through.flush()
    assert seen[4:] == [("stdout", "hunt")]


def test_each_line_of_a_private_key_is_a_secret() -> None:
    key = "-----BEGIN KEY-----\nabcdefghij\nklmnopqrst\n-----END KEY-----\n"
    redactor = knowing(key)
    assert redactor.text(key) == MASK
    assert redactor.text("x klmnopqrst y") == "x *** y"
    assert redactor.redact(key.splitlines()) == [MASK] * 4


def test_a_number_that_is_a_secret_is_masked_and_small_ones_are_left_alone() -> None:
    assert knowing("48151623", "0").redact({"a": 48151623, "rc": 0, "b": True}) == {"a": MASK, "rc": 0, "b": True}


def test_a_short_secret_is_masked_only_as_a_whole_value() -> None:
    assert knowing("ab").redact(["ab", "a cab"]) == [MASK, "a cab"]


@given(cut=st.integers(1, 17), width=st.integers(2, 9))
def test_a_secret_within_another_does_not_leave_the_rest_of_it(cut: int, width: int) -> None:
    secret = "Tr0ub4dor&3-secret"
    redactor = knowing(secret, secret[:8], secret[-9:])
    assert redactor.text(f"a {secret[:cut]}\n{secret[cut:]} b") == "a ***\n*** b"
    lines = [secret[start : start + width] for start in range(0, len(secret), width)]
    seen: list[str] = []
    through = Lines(redactor, lambda stream, line: seen.append(line))
    for line in lines:
        through("stdout", line)
    through.flush()
    assert seen == [MASK] * len(lines)


def test_secrets_that_overlap_are_masked_to_the_end_of_the_last() -> None:
    assert knowing("abcdef", "defghi").text("x abcdefghi y") == "x *** y"
