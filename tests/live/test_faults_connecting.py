"""A host that cannot be entered: who, why and what to do, once; the others go on; mended, the run is resumed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.cli.program import Ended, Program
from tests.support.accounts import Account
from tests.support.playing import MARK, UNREACHABLE, calm, knows, marks, play, recap
from tests.support.proxy import Fault, FaultProxy
from tests.support.sshd import SshServer, make_key, public_key
from tests.support.workplace import free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

Variables = dict[str, object]


def without(variables: Variables, *names: str) -> Variables:
    return {name: value for name, value in variables.items() if name not in names}


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture
def talker() -> Iterator[int]:
    """A port where something that is no SSH server says so at length."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def obstacles(
    sshd: SshServer, no_sudo: Account, sentraplay: Program, silent: int, talker: int
) -> dict[str, tuple[Variables, str]]:
    """Each way not to get in: the host's variables, and what must be said."""
    good, other = sshd.host().variables(), public_key(make_key(sentraplay.directory / "other"))
    sentraplay.write("empty", "")
    host = sshd.host()
    sentraplay.write("changed", f"[{host.address}]:{host.port} {other}\n")
    unpinned = without(good, "known_hosts_file")
    key = "ansible_ssh_private_key_file"
    login = without({**good, "ansible_user": no_sudo.name, "ansible_password": "not the password"}, key)
    return {
        "wrong key": ({**good, key: str(sshd.keys.stranger)}, "does not let"),
        "key missing": ({**good, key: "/nonexistent/key"}, "/nonexistent/key"),
        "unknown host key": ({**unpinned, "known_hosts_file": str(sentraplay.directory / "empty")}, "is not known"),
        "changed host key": ({**good, "known_hosts_file": str(sentraplay.directory / "changed")}, "is not the one"),
        "another key pinned": ({**good, "host_key": other}, "is not the one"),
        "wrong password": (login, "does not let"),
        "unknown user": ({**good, "ansible_user": "nobody-has-this-name"}, "does not let"),
        "closed port": ({**good, "ansible_port": free_port()}, "nothing listens"),
        "silent port": (
            {**good, "ansible_host": "127.0.0.1", "ansible_port": silent, "connect_timeout": 2},
            "did not greet as an SSH server",
        ),
        "another program": (
            {**good, "ansible_host": "127.0.0.1", "ansible_port": talker, "connect_timeout": 5},
            "did not greet as an SSH server",
        ),
    }


WAYS = [
    "wrong key",
    "key missing",
    "unknown host key",
    "changed host key",
    "another key pinned",
    "wrong password",
    "unknown user",
    "closed port",
    "silent port",
    "another program",
]


def check_told_once(ended: Ended, host: str, words: str) -> None:
    """The host, the reason and a hint, once; the other host is not in it."""
    calm(ended, 4)
    told = UNREACHABLE.findall(ended.out)
    assert [name for name, _ in told] == [host], ended.everything
    assert words in told[0][1], ended.everything
    after = ended.out.partition(told[0][1])[2].splitlines()
    assert any(line.strip().startswith("hint: ") for line in after[1:4]), ended.everything
    assert recap(ended)[host]["unreachable"] == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_host_that_cannot_be_entered_is_told_the_others_go_on_and_a_resume_finishes(
    sentraplay: Program, sshd: SshServer, obstacles: dict[str, tuple[Variables, str]], way: str
) -> None:
    variables, words = obstacles[way]
    well = sshd.host(1).variables()
    knows(sentraplay, bad=variables, good=well)
    ended = play(sentraplay)
    check_told_once(ended, "bad", words)
    assert marks(sentraplay) == {"good"}
    assert recap(ended)["good"]["changed"] == 1
    assert "not the password" not in ended.everything

    knows(sentraplay, bad=sshd.host().variables(), good=well)
    (sentraplay.directory / "mark-good").unlink()
    resumed = sentraplay("resume")
    calm(resumed, 0)
    assert marks(sentraplay) == {"bad"}, "what was done is not done again"


@pytest.mark.parametrize("given", [None, "not the password"], ids=["no password", "wrong password"])
def test_sudo_that_refuses_is_told_and_mended_by_a_resume_with_the_password(
    sentraplay: Program, sshd: SshServer, sudo_password: Account, given: str | None
) -> None:
    become = {"ansible_become": True} | ({"ansible_become_password": given} if given else {})
    knows(sentraplay, bad=sshd.host(0, sudo_password.name).variables(**become), good=sshd.host(1).variables())
    ended = play(sentraplay)
    check_told_once(ended, "bad", "cannot become")
    assert marks(sentraplay) == {"good"}
    assert "not the password" not in ended.everything

    right = {"ansible_become": True, "ansible_become_password": sudo_password.password}
    knows(sentraplay, bad=sshd.host(0, sudo_password.name).variables(**right), good=sshd.host(1).variables())
    calm(sentraplay("resume"), 0)
    assert marks(sentraplay) == {"bad", "good"}


def test_a_user_who_may_not_sudo_is_told(sentraplay: Program, sshd: SshServer, no_sudo: Account) -> None:
    become = {"ansible_become": True, "ansible_become_password": no_sudo.password}
    knows(sentraplay, bad=sshd.host(0, no_sudo.name).variables(**become))
    ended = play(sentraplay)
    check_told_once(ended, "bad", "cannot become")
    assert no_sudo.password not in ended.everything


def test_a_host_that_falls_silent_in_mid_command_is_noticed_and_the_others_go_on(
    sentraplay: Program, sshd: SshServer, fault_proxy: Callable[..., FaultProxy]
) -> None:
    proxy = fault_proxy((sshd.host().address, sshd.port))
    behind = sshd.host().variables(ansible_host=proxy.host, ansible_port=proxy.port, host_key=sshd.host_key)
    knows(sentraplay, bad=behind, good=sshd.host(1).variables())
    started = sentraplay.directory / "started"
    first = f"    - shell: test {{{{ inventory_hostname }}}} = good || {{ touch {started}; sleep 100; }}\n"
    mark = MARK.format(mark=sentraplay.directory / "mark")
    sentraplay.write("play.yml", mark.replace("  tasks:\n", "  tasks:\n" + first))
    with sentraplay.start("run", "play.yml", "-i", "inventory.yml") as running:
        deadline = time.monotonic() + 40
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        proxy.fault = Fault(refuse=True)
        proxy.stall_now()
        out, err = running.communicate(timeout=90)
    ended = Ended(running.returncode, out, err)
    calm(ended, 4)
    assert [name for name, _ in UNREACHABLE.findall(out)] == ["bad"], ended.everything
    assert marks(sentraplay) == {"good"}
