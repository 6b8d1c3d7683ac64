"""Whatever stands in a file, the answer is a list of problems: never another error, never a hang."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from runner.document import Cipher, Encrypted, dump, examine_text, load
from runner.document.model import UnsafeText
from runner.errors import InvalidInput, Location
from runner.hosts.contract import Result
from runner.inventory import RunScript, load_inventory, matching
from runner.plan import Options, check_playbook, make_plan
from runner.secret import Redactor
from runner.template import Templar
from tests.benchmarks.mutations.corpus import INVENTORY, VALID, laid_out, playbooks

PLAYBOOKS = Path(__file__).parent.parent / "playbooks"
SOURCES = [*sorted((PLAYBOOKS / "good").glob("*.yml"))]
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "", "x", "{{ x }}", "{{ x", "{% if %}", "yes", [], {}, [[]], [{}], {"a": {}}, {"x": [1]},
    "{{ item }}", "no such thing", [None], {"": ""}, "all", "{{ omit }}", 10**30, "\u2028", "a" * 300, {"debug": None},
    {"role": "base"}, "base", "tasks/one.yml", {"name": "service"}, "flush_handlers", {"file": "{{ x }}.yml"},
    Encrypted(Cipher.ANSIBLE, "$ANSIBLE_VAULT;1.1;AES256\n00", ("a",), Location("f", 1, 1)),
    [Encrypted(Cipher.AGE, "-----BEGIN", ("a",), Location("f", 1, 1))], UnsafeText("{{ x }}"),
)  # fmt: skip
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
WORDS = (
    "hosts", "tasks", "block", "rescue", "when", "vars", "command", "copy", "loop", "debug", "args", "notify", "name",
    "repositories", "register", "listen", "handlers", "serial", "loop_control", "environment", "vars_files", "tags",
    "roles", "role", "include_tasks", "import_tasks", "include_role", "import_role", "import_playbook", "meta", "apply",
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def broken(data: Any, random: random.Random) -> Any:
    """`data` with one thing replaced, removed, renamed or added somewhere."""
    data = copy.deepcopy(data)
    path = random.choice(places(data)[1:])
    parent = data
    for step in path[:-1]:
        parent = parent[step]
    key = path[-1]
    change = random.choice(("replace", "remove", "rename", "add"))
    if change == "remove":
        del parent[key]
    elif change == "rename" and isinstance(parent, dict):
        parent[random.choice(WORDS)] = parent.pop(key)
    elif change == "add" and isinstance(parent, dict):
        parent[random.choice(WORDS)] = copy.deepcopy(random.choice(ODD))
    else:
        parent[key] = copy.deepcopy(random.choice(ODD))
    return data


@given(st.text())
@example("a: &a [*a]")
@example("? {{ x }}\n: 1")
@example("{{{{{{{{")
@example("\ud800")
@example("a: !<> x")
@example("- - - - -\n - -\n  x: [")
def test_any_text_is_a_document_or_a_list_of_problems(text: str) -> None:
    examined = examine_text(text, "text.yml")
    assert (examined.document is None) <= bool(examined.problems)
    assert all(problem.location and problem.location.line >= 1 for problem in examined.problems)


@given(st.text(alphabet="ab:-{}[]?&*!|>'\"%@`,#\n\t ~<=0159.\\é", max_size=60))
@settings(max_examples=500)
def test_any_text_of_what_yaml_is_made_of_too(text: str) -> None:
    examine_text(text, "text.yml")


@given(st.binary(max_size=40))
def test_any_bytes_are_a_document_or_problems(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "file.yml"
    path.write_bytes(content)
    try:
        load(path)
    except InvalidInput as error:
        assert error.problems


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=UNSHRUNK)
def test_a_playbook_broken_anywhere_is_answered_with_problems(source: Path, random: random.Random, times: int) -> None:
    data = load(source).data
    for _ in range(times):
        if len(places(data)) > 1:
            data = broken(data, random)
    check(dump(data))


def check(text: str) -> None:
    target = PLAYBOOKS / "good" / "every_keyword.yml"
    examined = examine_text(text, str(target))
    if examined.document is None:
        return
    templar = Templar([PLAYBOOKS / "good"], Redactor())
    try:
        make_plan(examined.document, load_inventory([PLAYBOOKS / "inventory.yml"]), Options(), templar)
    except InvalidInput as error:
        assert error.problems


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(tmp_path_factory.mktemp("corpus"))


@given(st.randoms(use_true_random=False), st.integers(0, 2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=UNSHRUNK)
def test_whatever_a_valid_playbook_becomes_a_check_ends(corpus: Path, random: random.Random, times: int) -> None:
    playbook = random.choice(playbooks(VALID))
    data = load(corpus / playbook).data
    for _ in range(times):
        if len(places(data)) > 1:
            data = broken(data, random)
    changed = (corpus / playbook).with_name("changed.yml")
    changed.write_text(dump(data))
    for inventory in (load_inventory([corpus / INVENTORY]), None):
        assert all(problem.message for problem in check_playbook(changed, inventory))


@given(st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=100, deadline=None, phases=UNSHRUNK)
def test_an_inventory_broken_anywhere_is_answered_with_problems(
    tmp_path_factory: pytest.TempPathFactory, random: random.Random, times: int
) -> None:
    data = load(PLAYBOOKS / "inventory.yml").data
    for _ in range(times):
        if len(places(data)) > 1:
            data = broken(data, random)
    path = tmp_path_factory.mktemp("inventory") / "inventory.yml"
    path.write_text(dump(data))
    try:
        inventory = load_inventory([path])
    except InvalidInput as error:
        assert error.problems
    else:
        check_playbook(PLAYBOOKS / "good" / "nothing_to_do.yml", inventory)


@given(st.text(alphabet="ab1[]:=#;\"'\\\\, \t\n{}()-.*\u00e9\r\x85", max_size=80))
@settings(max_examples=500, deadline=None)
@example("[a:children]\na\n[all:children]\nall\n[ungrouped:children]\nall\n")
@example("[a:children]\n[b]\nb a=((((((((((((((((((((\n[b:children]\na")
@example("h a=" + "(" * 5000)
@example("h a=" + "9" * 5000)
@example("h[1:99999999999999999999]:1\nh[\u00b2:3]\n")
def test_any_text_is_an_ini_inventory_or_problems(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("ini") / "hosts.ini"
    path.write_text(text)
    told_or_loaded(path)


printed = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["web", "a b", "", "{{ x", "all", "\U0001f600"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["web", "all", "_meta", "hosts", "vars", "children", "hostvars", ""]), inner)
    ),
    max_leaves=12,
)


@given(printed | st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_whatever_a_script_prints_is_an_inventory_or_problems(
    tmp_path_factory: pytest.TempPathFactory, answer: object
) -> None:
    path = tmp_path_factory.mktemp("script") / "inventory"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    text = answer if isinstance(answer, str) else json.dumps(answer)
    told_or_loaded(path, lambda argv, seconds: Result(argv, 0, text, "", 0.0))


def told_or_loaded(path: Path, run: RunScript | None = None) -> None:
    try:
        inventory = load_inventory([path], run_script=run)
    except InvalidInput as error:
        assert error.problems
        assert all(problem.location and problem.location.line >= 1 for problem in error.problems)
    else:
        for name in inventory.groups:
            matching(inventory, name)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_what_is_dumped_reads_back_equal(value: object) -> None:
    examined = examine_text(dump(value), "dumped.yml", allow_empty=True)
    assert examined.problems == ()
    assert examined.document is not None
    assert examined.document.data == value
