"""Inventories in INI form: what their words and values mean, and where each was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.document import TemplateText
from runner.errors import InvalidInput
from runner.inventory import Inventory, load_inventory

Load = Callable[[str], Inventory]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def loading(text: str) -> Inventory:
        path = tmp_path / "hosts"
        path.write_text(text)
        return load_inventory([path])

    return loading


def refused(load: Load, text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(text)
    return [f"{problem.location} {problem.message}".partition("hosts:")[2] for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("x=1", 1),
        ("x=-1.5", -1.5),
        ("x=True", True),
        ("x=true", "true"),
        ("x=None", None),
        ("x=0644", "0644"),
        ("x='5'", 5),
        ("x=\"'5'\"", "5"),
        ("x='a b'", "a b"),
        (r"x=a\ b", "a b"),
        (r'x="a\"b\c"', r'a"b\c'),
        (r"x='a\b'", r"a\b"),
        ("x=a'b c'd", "ab cd"),
        ("x=", ""),
        ("x=''", ""),
        ("x=a=b", "a=b"),
        ("x=\"['a', 1]\"", ["a", 1]),
        ("x=\"{'a': (1, 2)}\"", {"a": [1, 2]}),
        ("x='a#b'", "a#b"),
        ("x=a # b", "a"),
        ("x=1e999", "1e999"),
    ],
)
def test_a_value_behind_a_host_is_a_literal_or_text(load: Load, written: str, value: object) -> None:
    found = load(f"[web]\nweb1 {written}\n").hosts["web1"].variables["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("x = 'a'", "a"),
        ("x= a b", "a b"),
        ("x=#1", "#1"),
        ("x='a' # b", "a"),
        ("x=5 # b", 5),
        ('x="a', '"a'),
        ("x=a\\ b", "a\\ b"),
    ],
)
def test_a_value_in_a_section_of_variables_is_the_rest_of_its_line(load: Load, written: str, value: object) -> None:
    assert load(f"[web]\nweb1\n[web:vars]\n{written}\n").hosts["web1"].variables["x"] == value


def test_what_looks_like_a_comment_behind_text_is_part_of_it_and_worth_a_warning(load: Load) -> None:
    inventory = load("[web]\nweb1\n[web:vars]\nx=a # b\ny='a # b'\n")
    assert inventory.hosts["web1"].variables["x"] == "a # b"
    (warning,) = inventory.warnings  # none for what is in quotes
    assert str(warning.location).endswith("hosts:4:5")


def test_templates_stay_templates(load: Load) -> None:
    variables = load("web1 a='{{ b }}' c=\"['{{ d }}']\"\n").hosts["web1"].variables
    assert isinstance(variables["a"], TemplateText)
    assert isinstance(variables["c"][0], TemplateText)  # type: ignore[index]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("ansible_become=yes", True),
        ("ansible_become=FALSE", False),
        ("ansible_become=1", True),
        ("ansible_user=1000", "1000"),
        ("ansible_password=1.10", "1.10"),
        ("ansible_password=1e5", "1e5"),
        ("ansible_port='2222'", 2222),
        ("connect_timeout=20", 20),
    ],
)
def test_variables_with_a_fixed_meaning_have_their_type_whatever_the_literal(
    load: Load, written: str, value: object
) -> None:
    name = written.partition("=")[0]
    found = load(f"web1 {written}\n").hosts["web1"].variables[name]
    assert found == value
    assert type(found) is type(value)


def test_every_variable_knows_its_line_and_column(load: Load) -> None:
    host = load("[web]\n  web1 a='x y' b=2\n[web:vars]\n c = 3\n").hosts["web1"]
    places = {name: str(host.at(name)).rpartition("hosts:")[2] for name in "abc"}
    assert places == {"a": "2:11", "b": "2:18", "c": "4:6"}


def test_a_port_behind_a_name_is_a_variable_that_the_line_itself_can_override(load: Load) -> None:
    hosts = load("web1:22\nweb[2:3]:23\n[fd00::1]:24\nfd00::2\nweb4:25 ansible_port=26\n").hosts
    ports = {name: host.variables.get("ansible_port") for name, host in hosts.items() if name != "localhost"}
    assert ports == {"web1": 22, "web2": 23, "web3": 23, "fd00::1": 24, "fd00::2": None, "web4": 26}


def test_a_group_may_be_named_before_its_section(load: Load) -> None:
    inventory = load("[site:children]\nweb\n[web:vars]\na=1\n[web]\nweb1\n")
    assert inventory.groups["site"] == ("web1",)
    assert inventory.hosts["web1"].variables["a"] == 1


def test_a_host_may_be_in_several_sections_and_the_later_line_wins(load: Load) -> None:
    inventory = load("[web]\nh a=1 b=1\nh a=2\n[db]\nh b=3\n")
    assert inventory.hosts["h"].variables["a"] == 2
    assert inventory.hosts["h"].variables["b"] == 3
    assert inventory.groups["web"] == inventory.groups["db"] == ("h",)


def test_a_variable_set_twice_is_refused_where_only_one_can_take_effect(load: Load) -> None:
    assert refused(load, "h a=1 a=2\n") == ["1:7 'a' is set a second time (in this line)"]
    text = "[w]\nh\n[w:vars]\na=1\n[w:vars]\na=2\n"
    assert refused(load, text) == ["6:1 'a' is set a second time (first in line 4)"]


def test_a_hash_that_would_cut_a_password_is_refused_without_repeating_it(load: Load) -> None:
    assert refused(load, "h ansible_password=pa#ss\n") == ["1:22 a '#' inside a word begins a comment for Ansible"]


def test_half_a_password_is_not_repeated(load: Load) -> None:
    (said,) = refused(load, "h ansible_password=correct horse\n")
    assert "horse" not in said


def test_problems_of_all_lines_are_told_at_once(load: Load) -> None:
    assert len(refused(load, "[web\n[web]\nh 'x\nh x\n[w:vars]\nx\n")) == 5


def test_lines_end_as_they_do_on_other_systems_too(load: Load) -> None:
    assert load("\ufeff[web]\r\nh a=1\r\n").hosts["h"].variables["a"] == 1
