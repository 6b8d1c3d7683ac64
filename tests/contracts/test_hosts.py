"""What hosts/contract.py promises of commands, held against every kind of host."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from runner.hosts.contract import Command, CommandFailed, Host, Pipeline, Script, TcpAddress, command

pytestmark = pytest.mark.live


EVERY_BYTE = bytes(range(256)) * 3


NASTY = "a b\n'c' \"d\" `id` $(id -un) $HOME \\n * ? [x] ; & | < > # ~ ! -n %s \t\x01\x7f é\udcff "


def test_arguments_reach_the_program_as_they_are(host: Host) -> None:
    assert host.run(command("printf", "%s", NASTY)).stdout == NASTY
    assert host.run(Script('printf %s "$2$1"', (NASTY, "x"))).stdout == "x" + NASTY


def test_environment_values_are_never_read_by_a_shell(host: Host) -> None:
    env = {"Q": "$(id -un)", "NASTY": NASTY, "IFS": "/ps", "HOME": "/nowhere"}
    printed = host.run(Script('printf "%s|%s" "$Q" "$NASTY"', env=env)).stdout
    assert printed == f"$(id -un)|{NASTY}"
    assert "Q=$(id -un)\n" in host.run(command("env", env=env)).stdout


def test_the_views_environment_is_under_the_commands(host: Host) -> None:
    seen = host.view(env={"A": "view", "B": "view"})
    assert seen.run(Script("echo $A $B", env={"B": "own"})).stdout == "view own\n"
    pipeline = Pipeline((Script("echo $A $B", env={"B": "own"}), Script("cat; echo $A $B")))
    assert seen.run(pipeline).stdout == "view own\nview view\n"


def test_a_working_directory_is_entered_or_nothing_runs(host: Host) -> None:
    assert host.run(command("pwd", cwd="/usr")).stdout == "/usr\n"
    missing = host.run(Command(("touch", "/tmp/never"), cwd="/no/such"), check=False)
    assert missing.exit_code != 0
    assert "/no/such" in missing.stderr


def test_a_nul_byte_in_an_argument_is_refused(host: Host) -> None:
    with pytest.raises(TaskFailed, match="NUL"):
        host.run(command("echo", "a\0b"))
    assert host.run(command("echo", "fine")).stdout == "fine\n"


def test_an_impossible_variable_name_is_refused(host: Host) -> None:
    with pytest.raises(TaskFailed, match="environment variable"):
        host.run(command("true", env={"A=$(id)": "x"}))


def test_a_syntax_error_in_a_script_is_its_own(host: Host) -> None:
    assert host.run(Script("if ("), check=False).exit_code != 0
    assert host.run(Script("echo fine")).stdout == "fine\n"


def test_a_script_may_end_itself_in_every_way(host: Host) -> None:
    assert host.run(Script("exit 7"), check=False).exit_code == 7
    assert host.run(Script("set -e; false; echo on"), check=False).stdout == ""
    assert host.run(Script("kill -9 $$"), check=False).exit_code == 128 + 9
    assert host.run(Script("trap 'echo bye' EXIT; exit 3"), check=False).stdout == "bye\n"


def test_a_missing_program_is_status_127(host: Host) -> None:
    assert host.run(command("no-such-program"), check=False).exit_code == 127


def test_a_failure_carries_the_result_that_explains_it(host: Host) -> None:
    with pytest.raises(CommandFailed, match="status 4") as caught:
        host.run(Script("echo out; echo oops >&2; exit 4"))
    result = caught.value.result
    assert (result.exit_code, result.stdout, result.stderr) == (4, "out\n", "oops\n")


def test_every_member_of_a_pipeline_counts(host: Host) -> None:
    failing = Pipeline((Script("echo a; exit 3"), command("cat"), Script("cat; exit 0")))
    result = host.run(failing, check=False)
    assert (result.statuses, result.exit_code, result.stdout) == ((3, 0, 0), 3, "a\n")
    two = host.run(Pipeline((Script("exit 3"), Script("cat; exit 5"), command("cat"))), check=False)
    assert (two.statuses, two.exit_code) == ((3, 5, 0), 5)


def test_a_pipeline_joins_its_members_in_order(host: Host) -> None:
    pipeline = Pipeline((command("cat"), command("tr", "a-c", "A-C"), command("sed", "s/B/x/")))
    assert host.run(pipeline, stdin=b"abc").stdout == "AxC"


def test_output_is_exactly_what_was_written(host: Host) -> None:
    for text in ("", "no newline", "one\n", "\n", "\n\n", "a\n\nb\n\n"):
        result = host.run(Script('printf %s "$1"; printf %s "$1" >&2', (text,)))
        assert (result.stdout, result.stderr) == (text, text)


def test_any_bytes_survive_output(host: Host) -> None:
    result = host.run(command("cat"), stdin=EVERY_BYTE)
    assert result.stdout.encode("utf-8", "surrogateescape") == EVERY_BYTE


def test_what_looks_like_an_end_is_only_output(host: Host) -> None:
    fake = "\nsp-0123456789abcdef0123456789abcdef e 0\n"
    assert host.run(Script('printf %s "$1"; exit 3', (fake,)), check=False).stdout == fake


def test_lines_arrive_while_the_command_runs(host: Host) -> None:
    seen: list[tuple[str, str, float]] = []
    watched = host.view(on_output=lambda name, line: seen.append((name, line, time.monotonic())))
    watched.run(Script("echo one; echo two >&2; sleep 0.5; echo; printf three"))
    assert [line for name, line, _ in seen if name == "stdout"] == ["one", "", "three"]
    assert [line for name, line, _ in seen if name == "stderr"] == ["two"]
    assert seen[-1][2] - seen[0][2] > 0.3


def test_a_query_is_silent(host: Host) -> None:
    seen: list[str] = []
    host.view(on_output=lambda _, line: seen.append(line)).query(command("echo", "x"))
    assert seen == []


def test_output_beyond_the_cap_is_refused_not_collected(host: Host) -> None:
    with pytest.raises(TaskFailed, match="more than"):
        host.run(Script("yes | head -c 50000000 | tr -d '\\n'"))
    assert host.run(command("echo", "usable")).stdout == "usable\n"


def test_output_just_under_the_cap_is_collected(host: Host) -> None:
    result = host.run(Script("head -c 16777216 /dev/zero"))
    assert len(result.stdout) == 16 * 1024 * 1024


def test_standard_input_is_empty_unless_given(host: Host) -> None:
    assert host.run(command("cat"), timeout=10).stdout == ""
    assert host.run(Script("cat"), timeout=10).stdout == ""
    assert host.run(Pipeline((command("cat"), command("cat"))), timeout=10).stdout == ""


@pytest.mark.parametrize("size", [1, 70_000, 3_000_000])
def test_standard_input_arrives_whole(host: Host, size: int) -> None:
    data = secrets.token_bytes(size)
    expected = hashlib.sha256(data).hexdigest()
    for what in (command("sha256sum"), Script("sha256sum"), Pipeline((command("cat"), command("sha256sum")))):
        assert host.run(what, stdin=data).stdout.split()[0] == expected


def test_input_nobody_reads_is_no_failure(host: Host) -> None:
    assert host.run(Script("exit 0"), stdin=b"x" * 100_000).ok
    assert host.run(Script("exit 0"), stdin=b"x" * 3_000_000).ok


def test_secrets_on_standard_input_and_in_the_environment_show_in_no_argv(host: Host) -> None:
    secret = secrets.token_hex(16)
    found: list[str] = []

    def look(_: str, line: str) -> None:
        if line == "on":
            found.extend(path for path, words in every_argv() if secret.encode() in words)

    watched = host.view(on_output=look)
    script = Script('echo on; sleep 0.3; cat >/dev/null; echo "$S" | wc -c', env={"S": secret})
    assert watched.run(script, stdin=secret.encode()).stdout == "on\n33\n"
    assert watched.run(Pipeline((script, command("cat"))), stdin=secret.encode()).stdout == "on\n33\n"
    with watched.stream(script) as stream:
        stream.stdin.write(secret.encode())
        look("stdout", stream.stdout.readline().decode().strip())
        stream.finish()
    assert found == []


def every_argv() -> list[tuple[str, bytes]]:
    """The argv of every process of this machine, which is every host's."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append((str(path), path.read_bytes()))
    assert len(found) > 5
    return found


def test_a_forwarded_port_leads_to_the_hosts_server(host: Host, echo_server: Callable[[], TcpAddress]) -> None:
    import socket

    data = secrets.token_bytes(500_000)
    with host.forward(echo_server()) as local:
        assert isinstance(local, TcpAddress)
        with socket.create_connection((local.host, local.port), timeout=10) as client:
            sender = threading.Thread(target=client.sendall, args=(data,))
            sender.start()
            received = bytearray()
            while len(received) < len(data):
                received += client.recv(65536)
    assert bytes(received) == data


@pytest.fixture
def echo_server() -> Iterator[Callable[[], TcpAddress]]:
    import socketserver

    class Echo(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while data := self.request.recv(65536):
                self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda: TcpAddress("127.0.0.1", server.server_address[1])
        server.shutdown()


def test_closing_twice_is_fine_and_ends_what_runs(host: Host) -> None:
    assert host.run(command("true")).ok
    host.close()
    host.close()
