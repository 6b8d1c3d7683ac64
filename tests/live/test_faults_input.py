"""What is wrong on the controller is all said at once, with its places, before anybody is connected to."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.program import Ended, Program
from tests.support.objectstore import ObjectStore
from tests.support.playing import knows
from tests.support.proxy import FaultProxy
from tests.support.sshd import SshServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

GOOD = "- hosts: all\n  tasks:\n    - command: 'true'\n"
WRONG = """\
- hosts: all
  tasks:
    - comand: ls
    - copy: {content: x, dets: /x}
    - debug: {msg: '{{ nobody_set_this }}'}
    - command: ls
      notify: no such handler
    - pg_dump: {service: s, repository: nowhere, database: d}
    - copy: {src: no-such-file, dest: /x}
    - wait_for: {port: many}
    - debug: {msg: '{{ 1 | no_such_filter }}'}
    - stat: {path: /x}
      become: yes
"""
PLACES = ["3:7", "4:7", "4:26", "5:20", "7:15", "8:41", "9:19", "10:24", "11:20", "13:15"]


@pytest.fixture
def door(sentraplay: Program, sshd: SshServer, fault_proxy: Callable[..., FaultProxy]) -> FaultProxy:
    """The way to the only host of inventory.yml; its connections are counted."""
    proxy = fault_proxy((sshd.host().address, sshd.port))
    knows(sentraplay, db1=variables(sshd, proxy))
    sentraplay.write("good.yml", GOOD)
    return proxy


def variables(sshd: SshServer, proxy: FaultProxy, **more: object) -> dict[str, object]:
    return sshd.host().variables(ansible_host=proxy.host, ansible_port=proxy.port, host_key=sshd.host_key, **more)


def check(ended: Ended, code: int, door: FaultProxy) -> None:
    assert ended.code == code, ended.everything
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert door.connections == 0, "somebody was connected to"


def test_the_counter_counts(sentraplay: Program, door: FaultProxy) -> None:
    assert sentraplay("run", "good.yml", "-i", "inventory.yml").code == 0
    assert door.connections == 1


def test_every_problem_of_a_playbook_is_said_at_once(sentraplay: Program, door: FaultProxy) -> None:
    sentraplay.write("wrong.yml", WRONG)
    ended = sentraplay("run", "wrong.yml", "-i", "inventory.yml")
    check(ended, 6, door)
    missing = [place for place in PLACES if f"wrong.yml:{place}: " not in ended.err]
    assert missing == [], ended.err
    assert f"{len(PLACES)} problems found; nothing was touched." in ended.err


def test_a_good_playbook_before_a_wrong_one_is_not_started(sentraplay: Program, door: FaultProxy) -> None:
    sentraplay.write("wrong.yml", WRONG)
    check(sentraplay("run", "good.yml", "wrong.yml", "-i", "inventory.yml"), 6, door)


@pytest.mark.parametrize(
    ("extra", "place"),
    [
        ({"ansible_port": "many"}, "ansible_port"),
        ({"host_key_checking": "sometimes"}, "host_key_checking"),
        ({"connect_timeout": "soon"}, "connect_timeout"),
        ({"ansible_connection": "telepathy"}, "ansible_connection"),
        ({"ansible_become": "perhaps"}, "ansible_become"),
    ],
    ids=lambda value: str(value),
)
def test_every_wrong_connection_variable_is_found(
    sentraplay: Program, sshd: SshServer, door: FaultProxy, extra: dict[str, object], place: str
) -> None:
    inventory = {"all": {"hosts": {"db1": variables(sshd, door), "db2": variables(sshd, door) | extra}}}
    text = json.dumps(inventory, indent=1)
    sentraplay.write("inventory.yml", text)
    ended = sentraplay("run", "good.yml", "-i", "inventory.yml")
    check(ended, 6, door)
    lines = text.splitlines()
    line = max(number for number, written in enumerate(lines, 1) if f'"{place}"' in written)
    assert f"inventory.yml:{line}:" in ended.err, ended.err


@pytest.mark.parametrize(
    "definition",
    [
        {"type": "s3"},
        {"type": "s3", "bucket": "b", "prefixx": "p"},
        {"type": "directory", "path": "relative/path"},
        {"type": "directory", "path": "/x", "host": "no-such-host"},
        {"type": "ftp", "path": "/x"},
        {"type": "s3", "bucket": "b", "part_size": "big"},
    ],
    ids=lambda definition: ",".join(f"{key}={value}" for key, value in definition.items()),
)
def test_every_wrong_repository_is_found(
    sentraplay: Program, sshd: SshServer, door: FaultProxy, definition: dict[str, object]
) -> None:
    inventory = {"all": {"vars": {"repositories": {"offsite": definition}}, "hosts": {"db1": variables(sshd, door)}}}
    sentraplay.write("inventory.yml", json.dumps(inventory, indent=1))
    task = "    - files_backup: {service: s, repository: offsite, paths: [/x]}\n"
    sentraplay.write("good.yml", GOOD + task)
    ended = sentraplay("run", "good.yml", "-i", "inventory.yml")
    check(ended, 6, door)
    assert "inventory.yml:" in ended.err, ended.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--limit", "nowhere"), 6),
        (("--limit", "db1,nowher"), 6),
        (("-e", "no value"), 5),
        (("-e", "{not json"), 5),
        (("-e", "@nowhere.yml"), 5),
        (("-e", "1name=x"), 5),
        (("-e", "@broken.yml"), 6),
        (("--forks", "0"), 5),
        (("--no-such-option",), 5),
        (("-i", "nowhere.yml"), 5),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_misuse_ends_before_anything(sentraplay: Program, door: FaultProxy, words: tuple[str, ...], code: int) -> None:
    sentraplay.write("broken.yml", "a: [1,\n")
    ended = sentraplay("run", "good.yml", "-i", "inventory.yml", *words)
    check(ended, code, door)
    if code == 6 and words[1].startswith("@"):
        assert "broken.yml:" in ended.err


def test_the_store_is_not_asked_either(
    sentraplay: Program,
    sshd: SshServer,
    door: FaultProxy,
    object_store: ObjectStore,
    fault_proxy: Callable[..., FaultProxy],
) -> None:
    store = fault_proxy(("127.0.0.1", object_store.port))
    repositories = {"offsite": object_store.repository("bucket", endpoint=store.url)}
    inventory = {"all": {"vars": {"repositories": repositories}, "hosts": {"db1": variables(sshd, door)}}}
    sentraplay.write("inventory.yml", json.dumps(inventory))
    tasks = "    - files_backup: {service: s, repository: offsite, paths: [/x]}\n    - debug: {msg: '{{ missing }}'}\n"
    sentraplay.write("wrong.yml", GOOD + tasks)
    check(sentraplay("run", "wrong.yml", "-i", "inventory.yml"), 6, door)
    assert store.connections == 0
