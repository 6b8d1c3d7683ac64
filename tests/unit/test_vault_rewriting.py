"""Sealing anew, opening and encrypting in place change the values that are meant and not one byte of anything else."""

from __future__ import annotations

from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.document import load_text
from runner.document.spans import replaced, spans
from runner.errors import UsageError
from runner.secret import Redactor
from runner.template import Templar
from runner.vault import IdentityFiles, Keys
from runner.vault.age import seal_value
from runner.vault.rewriting import all_encrypted, opened, sealed_anew, sealed_in_place


class Somebody:
    """Who has an identity."""

    def __init__(self, directory: Path) -> None:
        made = pyrage.x25519.Identity.generate()
        self.recipient = str(made.to_public())
        file = directory / self.recipient[-8:]
        file.write_text(f"{made}\n")
        file.chmod(0o600)
        self.keys = Keys(Redactor(), identities=IdentityFiles([file]))

    def sealed(self, name: str, value: str, indent: int) -> str:
        lines = seal_value(name, value, [self.recipient]).splitlines()
        return "".join(f"\n{' ' * indent}{line}" for line in lines)


LAYOUT = """\
# A comment at the top: with a colon
---
first:   !age |   # why it is secret{first}

# between, with trailing blanks   \t
db: {{host: db1, password: "{{{{ first }}}}"}}     # kept
users:
- name: app   # at the dash
  password: &anchor !age |{second}
-   name: two
    other: *anchor


quoted: 'it''s "plain"'
text: >-
    folded
    text{blanks}
last: !age |{third}
"""


@pytest.fixture
def me(tmp_path: Path) -> Somebody:
    return Somebody(tmp_path)


@pytest.fixture(scope="module")
def anybody(tmp_path_factory: pytest.TempPathFactory) -> Somebody:
    return Somebody(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def you(tmp_path: Path) -> Somebody:
    return Somebody(tmp_path)


def layout(me: Somebody) -> str:
    return LAYOUT.format(
        blanks="   ",
        first=me.sealed("first", "one", 10),
        second=me.sealed("users[].password", "two", 4),
        third=me.sealed("last", "3", 2),
    )


def without_values(text: str) -> str:
    """The text with every encrypted value cut out."""
    return replaced(text, {span: f"HERE{span.comment}" for span in all_encrypted(text, "f")})


def test_rekeying_keeps_everything_but_the_values(me: Somebody, you: Somebody) -> None:
    text = layout(me)
    new = sealed_anew(text, "f", me.keys, [you.recipient])
    assert without_values(new) == without_values(text)
    assert [span.value for span in all_encrypted(new, "f")] != [span.value for span in all_encrypted(text, "f")]
    assert opened(new, "f", you.keys) == opened(text, "f", me.keys)
    assert "first:   !age |   # why it is secret\n" in new
    assert "  password: &anchor !age |\n" in new


def test_opening_gives_the_same_file_with_plain_values(me: Somebody) -> None:
    plain = opened(layout(me), "f", me.keys)
    assert 'first:   "one"   # why it is secret\n\n# between' in plain
    assert '  password: &anchor "two"\n-   name: two\n    other: *anchor\n' in plain
    data = load_text(plain, "f").data
    assert isinstance(data, dict)
    assert (data["first"], data["users"][1]["other"], data["last"]) == ("one", "two", "3")


def test_line_ends_stay_what_they_are(me: Somebody, you: Somebody) -> None:
    text = layout(me).replace("\n", "\r\n")
    new = sealed_anew(text, "f", me.keys, [you.recipient])
    assert "\n" not in new.replace("\r\n", "")
    assert without_values(new) == without_values(text)


@pytest.mark.parametrize(
    ("text", "name", "after"),
    [
        ("a: x # c\nb: 2\n", "a", "a: !age | # c\n  X\nb: 2\n"),
        ("a: {b: 'x', c: 1}\n", "a.b", "a: {b: !age X, c: 1}\n"),
        ("l:\n  - {b: x}\n  - y: 'z'\n", "l[].y", "l:\n  - {b: x}\n  - y: !age |\n      X\n"),
        ("l:\n- x\n", "l[]", "l:\n- !age |\n  X\n"),
        ("a: |\n  x\n  y\n\n\nb: 2\n", "a", "a: !age |\n  X\n\n\nb: 2\n"),
        ("a: 'x'", "a", "a: !age |\n  X"),
        ("all:\n  vars:\n    p: x\n", "p", "all:\n  vars:\n    p: !age |\n      X\n"),
        ("- hosts: all\n  vars: {p: x}\n", "p", "- hosts: all\n  vars: {p: !age X}\n"),
    ],
)
def test_a_value_is_encrypted_where_it_stands(me: Somebody, text: str, name: str, after: str) -> None:
    new = sealed_in_place(text, "f", name, [me.recipient])
    (span,) = all_encrypted(new, "f")
    sealed = span.value.splitlines()
    assert sealed[0] == "-----BEGIN AGE ENCRYPTED FILE-----"
    shown = new.replace('"' + "\\n".join(sealed) + '\\n"', "X")
    for line in sealed[1:]:
        shown = shown.replace(line, "\0")
    lines = [line for line in shown.replace(sealed[0], "X").split("\n") if line.strip() != "\0"]
    assert "\n".join(lines) == after
    before = load_text(text, "f")
    value = next(span.value for span in spans(text, "f") if name in span.names)
    assert me.keys.value(_encrypted(new)) == value
    assert before.file == "f"


def _encrypted(text: str) -> object:
    return next(iter(_leaves(load_text(text, "f").data)))


def _leaves(value: object) -> list[object]:
    from runner.document import Encrypted

    if isinstance(value, Encrypted):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [leaf for item in items for leaf in _leaves(item)]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("a: '{{ b }}'\n", "a", "is a template"),
        ("a:\n", "a", "has no value"),
        ("a: 1\n", "b", "has no value 'b'"),
        ("a: !age x\n", "a", "is encrypted already"),
        ("- vars: {a: 1}\n- vars: {a: 2}\n", "a", "several values may be called 'a': f:1:13, f:2:13"),
    ],
)
def test_what_cannot_be_encrypted_is_told(me: Somebody, text: str, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sealed_in_place(text, "f", name, [me.recipient])


def test_a_longer_name_stays_what_it_was_bound_to(me: Somebody, you: Somebody) -> None:
    """A file of variables may have a key `vars`; what was bound to the longer of two possible names stays so."""
    text = f"app:\n  vars:\n    p: !age |{me.sealed('app.vars.p', 'x', 6)}\n"
    assert you.keys.name_of(_encrypted(sealed_anew(text, "f", me.keys, [you.recipient]))) == "app.vars.p"  # type: ignore[arg-type]


@given(value=st.text(max_size=60).filter(lambda text: text.isprintable() or "\n" in text))
def test_any_text_comes_back_as_it_was(anybody: Somebody, value: str) -> None:
    me = anybody
    text = f"a: !age |{me.sealed('a', value, 2)}\n"
    held = Templar([], Redactor(), me.keys)
    data = load_text(text, "f").data
    assert isinstance(data, dict)
    assert held.render("{{ a }}", data) == value
    plain = load_text(opened(text, "f", me.keys), "f").data
    assert isinstance(plain, dict)
    assert held.render("{{ a }}", plain) == value
