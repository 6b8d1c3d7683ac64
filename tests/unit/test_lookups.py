"""What lookups read, keep and refuse, beyond what the expressions of tests/playbooks show."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from runner.secret import Redactor
from runner.template import Templar, TemplateError, UndefinedVariable
from runner.wiring.programs import output_of


@pytest.fixture
def templar(tmp_path: Path) -> Templar:
    return Templar([tmp_path], Redactor(), programs=output_of, keeps=True)


def test_a_password_is_made_up_once_and_kept_where_only_its_owner_reads_it(templar: Templar, tmp_path: Path) -> None:
    asked = "{{ lookup('password', 'secrets/db length=32 chars=ascii_letters,digits') }}"
    first = templar.render(asked, {})
    assert isinstance(first, str)
    assert len(first) == 32
    assert first.isalnum()
    assert templar.render(asked, {}) == first
    kept = tmp_path / "secrets" / "db"
    assert kept.read_text() == f"{first}\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["db"]


def test_a_password_is_secret(templar: Templar) -> None:
    password = templar.render("{{ lookup('password', 'db') }}", {})
    assert templar.redactor.text(f"it is {password}") == "it is ***"


def test_check_mode_keeps_no_password(tmp_path: Path) -> None:
    templar = Templar([tmp_path], Redactor())
    assert len(str(templar.render("{{ lookup('password', 'db') }}", {}))) == 20
    assert list(tmp_path.iterdir()) == []


def test_an_existing_password_is_read_with_or_without_what_ansible_writes_behind_it(
    templar: Templar, tmp_path: Path
) -> None:
    (tmp_path / "one").write_text("plain\n")
    (tmp_path / "two").write_text("salted salt=abc\n")
    assert templar.render("{{ query('password', 'one', 'two') }}", {}) == ["plain", "salted"]


def test_a_program_runs_in_the_playbooks_directory_and_its_failure_is_told(templar: Templar, tmp_path: Path) -> None:
    assert templar.render("{{ lookup('pipe', 'pwd') }}", {}) == str(tmp_path.resolve())
    with pytest.raises(TemplateError, match="ended with 3") as caught:
        templar.render("{{ lookup('pipe', 'echo no such thing >&2; exit 3') }}", {})
    assert caught.value.why == "no such thing"


def test_no_program_runs_where_playbooks_are_only_checked(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="which only a run starts"):
        Templar([tmp_path], Redactor()).render("{{ lookup('pipe', 'touch here') }}", {})
    assert list(tmp_path.iterdir()) == []


def test_a_program_is_asked_once_for_one_rendering(templar: Templar, tmp_path: Path) -> None:
    from runner.document import trusted

    variables = trusted({"asked": "{{ lookup('pipe', 'echo x >> times; wc -l < times') }}"})
    assert templar.render("{{ asked }} {{ asked }}", variables) == "1 1"  # type: ignore[arg-type]  # a mapping


@pytest.mark.parametrize("what", ["lookup('sequence', 'end=3')", "query('items', things)", "lookup('dict', {'a': n})"])
def test_lists_made_of_what_is_given_are_known_before_the_run(templar: Templar, what: str) -> None:
    assert templar.usage(what).steady


@pytest.mark.parametrize(
    "what",
    ["lookup('pipe', 'date')", "lookup('password', 'x')", "[1] | shuffle", "'/x' is exists", "['/x'] | map('realpath')",
     "['/x'] | select('file')", "lookup('random_choice', 1, 2)"],
)  # fmt: skip
def test_what_may_change_is_left_to_the_run(templar: Templar, what: str) -> None:
    assert not templar.usage(what).steady


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        ("lookup('fiel', 'x')", "did you mean 'file'?"),
        ("lookup('ansible.builtin.file', 'x')", "write 'file'"),
        ("x | ansible.builtin.to_json", "write 'to_json'"),
        ("x is ansible.builtin.match('y')", "write 'match'"),
        ("x | map('uper')", "did you mean 'upper'?"),
        ("x | select('mach', 'y')", "did you mean 'match'?"),
        ("x | rejectattr('a', 'definde')", "did you mean 'defined'?"),
        ("x | json_query('a')", "use selectattr, map and dict2items"),
        ("x | password_hash", "make the hash once with `openssl passwd -6 -stdin` and keep it as a variable"),
        ("lookup('url', 'http://x')", "use the module uri and register its result"),
    ],
)
def test_what_does_not_exist_is_found_without_rendering(templar: Templar, what: str, hint: str) -> None:
    with pytest.raises(TemplateError) as caught:
        templar.usage(what)
    assert caught.value.hint == hint


def test_an_option_a_lookup_does_not_have_is_found_without_rendering(templar: Templar) -> None:
    with pytest.raises(TemplateError, match="no option 'defualt'; did you mean 'default'"):
        templar.usage("lookup('env', 'X', defualt=1)")


def test_the_lists_of_loops_are_those_of_lookups(templar: Templar, tmp_path: Path) -> None:
    assert templar.looked_up("nested", [[1, 2], ["a"]], {}) == [[1, "a"], [2, "a"]]
    (tmp_path / "vars").mkdir()
    (tmp_path / "vars" / "x.yml").touch()
    assert templar.looked_up("first_found", [["gone", "x.yml"]], {}) == [str(tmp_path / "vars" / "x.yml")]


def test_what_a_value_in_yaml_says_with_a_backslash_it_means(templar: Templar) -> None:
    assert templar.render(r"{{ 'abc' | regex_replace('(b)', '<\1>') }}", {}) == "a<b>c"
    assert templar.render(r"{% set x = 'a\nb' %}{{ x }}", {}) == "a\nb"
    assert templar.render_text(r"{{ 'a\nb' }}", {}) == "a\nb"
    assert templar.condition(r"'aa' is match('(a)\\1$')", {})
    assert not templar.condition(r"'aa' is match('(a)\1$')", {})


def test_an_undefined_value_says_why_it_was_left_open(templar: Templar) -> None:
    with pytest.raises(UndefinedVariable, match="say which region"):
        templar.render("{{ undef(hint='say which region') }}", {})
