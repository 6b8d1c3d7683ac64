"""Whatever a template makes of a secret is masked, and nothing that the secret had no part in."""

from __future__ import annotations

import pytest

from runner.secret import MASK, Redactor
from runner.template import Templar

SECRET = "Tr0ub4dor&3-of-1987"


def rendered(template: str, **variables: object) -> tuple[object, Redactor]:
    redactor = Redactor()
    found = Templar([], redactor).render(
        "{{ " + template + " }}", {"db_password": SECRET, "user": "app_user", **variables}
    )
    return found, redactor


@pytest.mark.parametrize(
    "template",
    [
        "db_password | hash('sha256')",
        "db_password | b64encode",
        "('app_user:' ~ db_password) | b64encode",
        "db_password | b64encode | b64encode",
        "db_password | to_json | hash('sha1')",
        "db_password | urlencode | reverse",
        "db_password | regex_replace('^(.{6}).*', '\\1')",
        "db_password | regex_search('of.*')",
        "db_password | upper",
        "db_password | truncate(9, true)",
        "db_password | to_uuid",
        "db_password | comment",
        "db_password[:6]",
        "db_password[::-1]",
        "db_password[3:]",
        "db_password.upper()",
        "db_password.replace('0', 'O')",
        "'%s' | format(db_password | lower)",
        "[db_password] | map('hash', 'md5') | first",
        "(db_password | split('&')) | last",
    ],
)
def test_what_is_made_of_a_secret_is_masked(template: str) -> None:
    value, redactor = rendered(template)
    assert isinstance(value, str)
    assert len(value) >= 4
    shown = redactor.text(f"it is {value} here")
    assert value not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("db_password | ternary('present', 'absent')", "present"),
        ("(db_password | length > 3) | ternary('strong', 'weak')", "strong"),
        ("user | upper", "APP_USER"),
        ("('postgres://app_user@' ~ db_password) | urlsplit('scheme')", "postgres"),
        ("('app_user:' ~ db_password) | split(':') | first", "app_user"),
        ("db_password | regex_replace('^.*$', 'constant')", "constant"),
        ("{'user': user, 'password': db_password} | dict2items | map(attribute='key') | first", "user"),
        ('(\'{"user": "app_user", "p": "\' ~ db_password ~ \'"}\') | from_json', "app_user"),
    ],
)
def test_what_a_secret_has_no_part_in_is_not_masked(template: str, value: str) -> None:
    found, redactor = rendered(template)
    if isinstance(found, dict):
        found = found["user"]
    assert found == value
    assert redactor.text(f"it is {value} here") == f"it is {value} here"


def test_the_parts_of_a_secret_document_are_secrets() -> None:
    document = '{"user": "app_user", "pin": 48151623, "deep": [{"key": "inner-key"}]}'
    value, redactor = rendered("app_secret | from_json", app_secret=document)
    assert value == {"user": "app_user", "pin": 48151623, "deep": [{"key": "inner-key"}]}
    assert redactor.redact(value) == {"user": MASK, "pin": MASK, "deep": [{"key": MASK}]}


def test_a_part_of_an_ordinary_text_is_as_before() -> None:
    templar = Templar([], Redactor())
    assert templar.render("{{ a[1:3] }}{{ a[::-1] }}{{ b[1:] }}", {"a": "abcd", "b": [1, 2, 3]}) == "bcdcba[2, 3]"
    assert templar.render("{{ b[-1:] }}", {"b": [1, 2, 3]}) == [3]
