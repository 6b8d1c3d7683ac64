from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import InvalidInput
from runner.inventory import Inventory, InventoryHost, load_inventory, matching, select

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writing(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return writing


def said(host: InventoryHost) -> dict[str, object]:
    """A host's variables without those that name the source."""
    return {name: value for name, value in host.variables.items() if name not in ("inventory_file", "inventory_dir")}


TREE = """
all:
  vars: {from: all}
  hosts:
    lone:
  children:
    site:
      vars: {from: site, depth: 1}
      children:
        databases:
          vars: {from: databases, depth: 2}
          hosts:
            db1: {from: db1}
            db2:
        web:
          hosts:
            web[01:03].example.com:
"""


@pytest.fixture
def tree(write: Write) -> Inventory:
    return load_inventory([write("inventory.yml", TREE)])


@pytest.mark.parametrize(
    ("host", "expected"), [("lone", "all"), ("web01.example.com", "site"), ("db2", "databases"), ("db1", "db1")]
)
def test_the_nearer_to_the_host_the_stronger(tree: Inventory, host: str, expected: str) -> None:
    assert tree.hosts[host].variables["from"] == expected


def test_group_vars_come_after_what_groups_say_inline_and_before_the_host(write: Write) -> None:
    inventory = write("inventory.yml", TREE)
    write("group_vars/all.yml", "from: all file\ndepth: 0\nonly_all: 1\n")
    write("group_vars/databases/one.yml", "from: databases file\n")
    write("group_vars/databases/two.yaml", "extra: 2\n")
    write("host_vars/db2.yml", "from: db2 file\n")
    hosts = load_inventory([inventory]).hosts
    assert said(hosts["db1"]) == {"from": "db1", "depth": 0, "only_all": 1, "extra": 2}
    assert hosts["db2"].variables["from"] == "db2 file"
    assert hosts["lone"].variables["from"] == "all file"


def test_every_variable_knows_its_place(write: Write) -> None:
    inventory = write("inventory.yml", TREE)
    file = write("host_vars/db2.yml", "# comment\nserver:\n  port: 5432\n")
    host = load_inventory([inventory]).hosts["db2"]
    assert str(host.at("depth")) == f"{inventory}:11:42"
    assert str(host.at("server", "port")) == f"{file}:3:9"
    assert host.at("nothing") is None


def test_of_two_groups_of_one_depth_the_later_by_name_wins_unless_priority_says_otherwise(write: Write) -> None:
    text = "a: {hosts: {h: }, vars: {x: a%s}}\nb: {hosts: {h: }, vars: {x: b}}\n"
    assert load_inventory([write("i.yml", text % "")]).hosts["h"].variables["x"] == "b"
    prior = load_inventory([write("i.yml", text % ", ansible_group_priority: 5")])
    assert said(prior.hosts["h"]) == {"x": "a"}


def test_groups_are_told_parents_first_and_without_all(tree: Inventory) -> None:
    assert tree.hosts["db1"].groups == ("site", "databases")
    assert tree.hosts["lone"].groups == ("ungrouped",)


def test_all_and_ungrouped_are_groups(tree: Inventory) -> None:
    assert len(tree.groups["all"]) == 6
    assert tree.groups["ungrouped"] == ("lone",)


def test_localhost_is_there_without_being_written_but_in_no_group(tree: Inventory) -> None:
    assert tree.hosts["localhost"].variables == {"from": "all", "ansible_connection": "local"}
    assert "localhost" not in tree.groups["all"]
    assert select(tree, "localhost") == ("localhost",)
    assert "localhost" not in select(tree, "all")


def test_localhost_can_be_an_ordinary_host(write: Write) -> None:
    inventory = load_inventory([write("i.yml", "all: {hosts: {localhost: {ansible_port: 2222}}}\n")])
    assert said(inventory.hosts["localhost"]) == {"ansible_port": 2222}
    assert select(inventory, "all") == ("localhost",)


def test_without_a_file_there_is_only_localhost() -> None:
    inventory = load_inventory([])
    assert list(inventory.hosts) == ["localhost"]
    assert select(inventory, "all") == ()


def test_of_two_inventories_the_later_wins_and_hosts_add_up(write: Write) -> None:
    one = write("one.yml", "web: {hosts: {a: {x: 1, y: 1}}}\n")
    two = write("two.yml", "web: {hosts: {a: {x: 2}, b: }}\n")
    inventory = load_inventory([one, two])
    assert said(inventory.hosts["a"]) == {"x": 2, "y": 1}
    assert inventory.groups["web"] == ("a", "b")


@pytest.mark.parametrize(
    ("written", "hosts"),
    [
        ("h[1:3]", ["h1", "h2", "h3"]),
        ("h[08:10]", ["h08", "h09", "h10"]),
        ("h[a:c].x", ["ha.x", "hb.x", "hc.x"]),
        ("h[1:9:4]", ["h1", "h5", "h9"]),
        ("r[1:2]h[a:b]", ["r1ha", "r1hb", "r2ha", "r2hb"]),
    ],
)
def test_a_range_stands_for_many_hosts(write: Write, written: str, hosts: list[str]) -> None:
    inventory = load_inventory([write("i.yml", f"all: {{hosts: {{'{written}': {{x: 1}}}}}}\n")])
    assert list(inventory.groups["all"]) == hosts
    assert all(said(inventory.hosts[host]) == {"x": 1} for host in hosts)


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("all", "lone db1 db2 web01 web02 web03"),
        ("*", "lone db1 db2 web01 web02 web03"),
        ("databases", "db1 db2"),
        ("db2:db1", "db2 db1"),
        ("db1,lone", "db1 lone"),
        ("site:!web", "db1 db2"),
        ("!web", "lone db1 db2"),
        ("site:&databases", "db1 db2"),
        ("!db1:databases", "db2"),
        ("&databases:site:!db2", "db1"),
        ("web*", "web01 web02 web03"),
        ("web0?.example.com", "web01 web02 web03"),
        ("web0[12].example.com", "web01 web02"),
        ("lon[a-f]:db[!1]", "lone db2"),
        ("~db[12]", "db1 db2"),
        ("~web0[1:3]", "web01 web03"),
        ("web[0]", "web01"),
        ("web[-1]", "web03"),
        ("web[1:]", "web02 web03"),
        ("web[0:1]", "web01 web02"),
        ("web[:1]", "web01 web02"),
        ("site:!web[0]", "db1 db2 web02 web03"),
        ("db1:db1", "db1"),
        (" db1 , db2 ", "db1 db2"),
    ],
)
def test_patterns_mean_what_they_mean_in_ansible(tree: Inventory, pattern: str, hosts: str) -> None:
    assert " ".join(host.removesuffix(".example.com") for host in select(tree, pattern)) == hosts


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("databses", "did you mean 'databases'?"),
        ("db1:wbe", "did you mean 'web'?"),
        ("db3", "did you mean 'db2'?"),
        ("all:!dbx", "did you mean"),
        ("mail*", "fits no host"),
        ("al*", "fits no host"),
        ("~(", "not a valid regular expression"),
        ("web[3]", "has only 3 hosts"),
        ("", "empty"),
        (",", "empty"),
    ],
)
def test_a_pattern_that_means_nothing_is_a_problem(tree: Inventory, pattern: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        select(tree, pattern)
    assert any(said in f"{problem.message} {problem.hint}" for problem in caught.value.problems)


def test_an_address_of_ip_version_6_is_one_name(write: Write) -> None:
    inventory = load_inventory([write("i.yml", "all: {hosts: {'fd00::1': , 'fd00::2': }}\n")])
    assert matching(inventory, "fd00::1").hosts == ("fd00::1",)


def test_variables_for_nobody_are_a_warning(write: Write) -> None:
    path = write("i.yml", "databases: {hosts: {db1: }}\n")
    write("group_vars/databses.yml", "a: 1\n")
    (warning,) = load_inventory([path]).warnings
    assert "databses" in warning.message
    assert warning.hint == "did you mean 'databases'?"


def test_a_file_of_variables_may_be_empty_but_not_wrong(write: Write) -> None:
    path = write("i.yml", "databases: {hosts: {db1: }}\n")
    file = write("group_vars/databases.yml", "# nothing yet\n")
    assert said(load_inventory([path]).hosts["db1"]) == {}
    file.write_text("- a list\n")
    with pytest.raises(InvalidInput):
        load_inventory([path])


def test_problems_of_all_files_are_told_at_once(write: Write) -> None:
    one = write("one.yml", "all: {host: {}}\n")
    two = write("two.yml", "all: {hosts: {a: {ansible_port: x}}}\n")
    write("group_vars/all.yml", "ansible_prot: 1\n")
    with pytest.raises(InvalidInput) as caught:
        load_inventory([one, two])
    assert len(caught.value.problems) == 3
