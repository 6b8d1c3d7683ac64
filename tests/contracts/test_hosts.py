"""What hosts/contract.py promises, held against every kind of host."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.demo.keeper import is_running
from runner.errors import Interrupted, TaskFailed, TimedOut
from runner.hosts.contract import Become, Command, CommandFailed, Host, Pipeline, Script, TcpAddress, command
from tests.contracts.host_kinds import KINDS
from tests.support.sshd import SshServer
from tests.support.workplace import Workplace, wait_until

pytestmark = pytest.mark.live

EVERY_BYTE = bytes(range(256)) * 3
NASTY = "a b\n'c' \"d\" `id` $(id -un) $HOME \\n * ? [x] ; & | < > # ~ ! -n %s \t\x01\x7f é\udcff "


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest, workplace: Workplace, sshd: SshServer) -> Iterator[Host]:
    yield from KINDS[request.param](workplace, sshd)


@pytest.fixture
def host(kind: Host) -> Host:
    """The host with a deadline, so that no test can hang."""
    return kind.view(deadline=time.monotonic() + 60)


@pytest.fixture
def place(host: Host) -> Iterator[str]:
    with host.private_directory() as directory:
        yield directory


def pid_from(path: str) -> int:
    """The pid a script wrote there (every host of these tests is this machine)."""
    text = ""

    def there() -> bool:
        nonlocal text
        with contextlib.suppress(OSError):
            text = Path(path).read_text()
        return text.endswith("\n")

    wait_until(f"a pid in {path}", there, 10)
    return int(text)


# --- what runs, and how it is quoted


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


# --- status and output


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


# --- standard input


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


# --- deadlines, interruption, what is left running


def test_a_deadline_kills_the_command_with_all_it_started(host: Host, place: str) -> None:
    script = Script('sleep 1000 & echo $! >"$1"; wait', (f"{place}/pid",))
    started = time.monotonic()
    with pytest.raises(TimedOut, match="killed with everything"):
        host.run(script, timeout=1.0)
    assert time.monotonic() - started < 6
    assert not is_running(pid_from(f"{place}/pid"))
    assert host.run(command("echo", "usable")).stdout == "usable\n"


def test_a_command_that_ignores_term_is_killed_all_the_same(host: Host, place: str) -> None:
    script = Script('trap "" TERM; echo $$ >"$1"; while :; do sleep 1; done', (f"{place}/pid",))
    with pytest.raises(TimedOut, match="killed with everything"):
        host.run(script, timeout=0.5)
    assert not is_running(pid_from(f"{place}/pid"))


def test_a_timeout_can_only_shorten_the_views_deadline(host: Host) -> None:
    hurried = host.view(deadline=time.monotonic() + 0.5)
    with pytest.raises(TimedOut):
        hurried.run(command("sleep", "30"), timeout=1000)


def test_an_interrupted_command_is_killed_and_its_caller_told(host: Host, place: str) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            host.run(Script('echo $$ >"$1"; sleep 1000', (f"{place}/pid",)))
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    pid = pid_from(f"{place}/pid")
    host.interrupt()
    thread.join(15)
    assert [type(error) for error in errors] == [Interrupted]
    assert not is_running(pid)
    assert host.run(command("echo", "usable")).stdout == "usable\n"


def test_a_job_left_in_the_background_lives_on_and_disturbs_nobody(host: Host, place: str) -> None:
    script = Script('(sleep 1; echo noise; echo noise >&2; sleep 2) & echo $! >"$1"', (f"{place}/pid",))
    host.run(script)
    pid = pid_from(f"{place}/pid")
    assert host.run(Script("sleep 1.5; echo clean")).stdout == "clean\n"
    assert host.run(command("true")).stderr == ""
    detached = Script('sleep 30 >/dev/null 2>&1 </dev/null & echo $! >"$1"', (f"{place}/pid2",))
    host.run(detached)
    survivor = pid_from(f"{place}/pid2")
    with pytest.raises(TimedOut):
        host.run(command("sleep", "30"), timeout=0.3)
    assert is_running(survivor)
    host.run(Script("kill $1 $2 2>/dev/null; true", (str(pid), str(survivor))))


def test_several_threads_may_call_at_once(host: Host) -> None:
    results: dict[int, str] = {}

    def work(number: int) -> None:
        for round_ in range(3):
            results[number * 10 + round_] = host.run(command("echo", f"{number}.{round_}")).stdout

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {n * 10 + r: f"{n}.{r}\n" for n in range(12) for r in range(3)}


def test_two_users_of_one_host_do_not_mix(host: Host) -> None:
    if host.run(command("id", "-u")).stdout != "0\n":
        pytest.skip("only root may become anybody here")
    nobody = host.view(become=Become("nobody"))
    assert nobody.run(command("id", "-un")).stdout == "nobody\n"
    assert host.run(command("id", "-un")).stdout == "root\n"


# --- streams


def test_a_stream_carries_bytes_both_ways_in_order(host: Host) -> None:
    data = secrets.token_bytes(5_000_000)
    received: list[bytes] = []
    with host.stream(Pipeline((command("cat"), command("cat")))) as stream:
        source = stream.stdin
        reader = threading.Thread(target=lambda: received.append(stream.stdout.read()))
        reader.start()
        source.write(data)
        source.close()
        reader.join(30)
        result = stream.finish()
    assert received == [data]
    assert result.statuses == (0, 0)


def test_a_stream_that_only_reads_gets_an_empty_input(host: Host) -> None:
    with host.stream(command("cat"), timeout=10) as stream:
        assert stream.stdout.read() == b""
        assert stream.finish().ok


def test_a_stream_tells_every_members_status(host: Host) -> None:
    with host.stream(Pipeline((Script("echo a; exit 3"), command("cat")))) as stream:
        assert stream.stdout.read() == b"a\n"
        with pytest.raises(CommandFailed) as caught:
            stream.finish()
    assert caught.value.result.statuses == (3, 0)


def test_half_of_an_input_is_never_taken_for_the_whole(host: Host, place: str) -> None:
    script = Script('cat >"$1.part"; mv "$1.part" "$1"', (f"{place}/whole",))
    with pytest.raises(RuntimeError), host.stream(script) as stream:
        stream.stdin.write(b"x" * 2_000_000)
        stream.stdin.flush()
        raise RuntimeError
    assert host.stat(f"{place}/whole") is None


def test_an_unfinished_stream_is_killed(host: Host, place: str) -> None:
    with host.stream(Script('echo $$ >"$1"; sleep 1000', (f"{place}/pid",))):
        pid = pid_from(f"{place}/pid")
    assert not is_running(pid)


def test_a_stream_whose_command_ends_early_fails_by_its_status(host: Host) -> None:
    with (
        pytest.raises(CommandFailed, match="status 9: disk full"),
        host.stream(Script("head -c 10 >/dev/null; echo disk full >&2; exit 9")) as stream,
    ):
        for _ in range(200):
            stream.stdin.write(b"x" * 100_000)
        stream.finish()


def test_a_stream_has_a_deadline(host: Host) -> None:
    with pytest.raises(TimedOut), host.stream(command("sleep", "100"), timeout=0.5) as stream:
        stream.stdout.read()


LATE = r"""
trap 'echo cleaned >"$1"; exit 143' TERM
sh -c 'trap "trap - TERM" TERM; while :; do sleep 0.1; done'
"""
"""Its child does not heed the first order to end, as one that is only being started then."""


@pytest.mark.parametrize("way", ["run", "stream"])
def test_what_misses_the_order_to_end_gets_it_again_and_traps_are_run(host: Host, place: str, way: str) -> None:
    script = Script(LATE, (f"{place}/told",))
    with pytest.raises(TimedOut):
        if way == "run":
            host.run(script, timeout=1.0)
        else:
            with host.stream(script, timeout=1.0) as stream:
                stream.stdout.read()
    assert host.read(f"{place}/told") == b"cleaned\n"


def test_a_stream_can_be_interrupted(host: Host) -> None:
    with pytest.raises(Interrupted), host.stream(Script("echo on; sleep 1000")) as stream:
        assert stream.stdout.readline() == b"on\n"
        threading.Timer(0.2, host.interrupt).start()
        stream.stdout.read()


# --- files


def test_put_writes_the_whole_file_with_mode(host: Host, place: str) -> None:
    for size in (0, 1000, 3_000_000):
        data = secrets.token_bytes(size)
        path = f"{place}/ünïcode 'quoted'\nname"
        host.put(io.BytesIO(data), path, mode=0o640)
        found = host.stat(path)
        assert found is not None
        assert (found.kind, found.mode, found.size) == ("file", 0o640, size)
        assert host.read(path) == data
    assert host.run(command("ls", "-A", place)).stdout.count("sentraplay") == 0


def test_a_put_whose_source_breaks_leaves_nothing(host: Host, place: str) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 1_000_000:
                raise OSError("source broke")
            return super().read(size)

    host.put(io.BytesIO(b"old"), f"{place}/f")
    with pytest.raises(OSError, match="source broke"):
        host.put(Breaking(b"x" * 4_000_000), f"{place}/f")
    assert host.read(f"{place}/f") == b"old"
    assert host.run(command("ls", "-A", place)).stdout == "f\n"


def test_put_says_why_it_cannot(host: Host, place: str) -> None:
    with pytest.raises(TaskFailed, match="cannot write /no/such/f"):
        host.put(io.BytesIO(b"x"), "/no/such/f")
    with pytest.raises(TaskFailed, match="is a directory"):
        host.put(io.BytesIO(b"x"), place)
    with pytest.raises(TaskFailed, match="absolute"):
        host.put(io.BytesIO(b"x"), "~/f")


def test_put_loses_nothing_that_was_written_meanwhile(host: Host, place: str) -> None:
    path = f"{place}/f"
    host.put(io.BytesIO(b"one"), path, replaces="")
    with pytest.raises(TaskFailed, match="somebody else has changed it"):
        host.put(io.BytesIO(b"two"), path, replaces="")
    with pytest.raises(TaskFailed, match="somebody else has changed it"):
        host.put(io.BytesIO(b"two"), path, replaces=hashlib.sha256(b"other").hexdigest())
    assert host.read(path) == b"one"
    host.put(io.BytesIO(b"two"), path, replaces=hashlib.sha256(b"one").hexdigest())
    assert host.read(path) == b"two"


def test_put_replaces_a_link_and_not_what_it_points_to(host: Host, place: str) -> None:
    host.put(io.BytesIO(b"kept"), f"{place}/target")
    host.run(command("ln", "-s", "target", f"{place}/link"))
    host.put(io.BytesIO(b"new"), f"{place}/link")
    assert (host.read(f"{place}/target"), host.read(f"{place}/link")) == (b"kept", b"new")


def test_get_copies_any_size(host: Host, place: str) -> None:
    data = secrets.token_bytes(3_000_000)
    host.put(io.BytesIO(data), f"{place}/big")
    sink = io.BytesIO()
    host.get(f"{place}/big", sink)
    assert sink.getvalue() == data
    with pytest.raises(TaskFailed, match="No such file"):
        host.get(f"{place}/missing", io.BytesIO())


def test_stat_tells_what_lstat_tells(host: Host, place: str) -> None:
    link = f"{place}/li nk"
    host.run(Script('ln -s "$1" "$2"; mkfifo "$3"', ("a\nb ", link, f"{place}/fifo")))
    found, real = host.stat(link), os.lstat(link)
    assert found is not None
    assert (found.kind, found.target, found.inode, found.uid) == ("link", "a\nb ", real.st_ino, real.st_uid)
    assert abs(found.mtime - real.st_mtime) < 1
    kinds = {path: host.stat(path) for path in ("/", "/dev/null", f"{place}/fifo")}
    assert [found and found.kind for found in kinds.values()] == ["directory", "character", "fifo"]


def test_stat_of_nothing_is_none(host: Host, place: str) -> None:
    assert host.stat(f"{place}/nothing") is None
    assert host.stat("/etc/passwd/below") is None


def test_what_may_not_be_seen_is_an_error_not_an_absence(host: Host, place: str) -> None:
    if host.run(command("id", "-u")).stdout == "0\n":
        host.run(Script('mkdir -m 700 "$1"; chmod 711 "$2"', (f"{place}/closed", place)))
        host = host.view(become=Become("nobody"))
        with pytest.raises(TaskFailed, match="Permission denied"):
            host.stat(f"{place}/closed/x")
        return
    with pytest.raises(TaskFailed, match="Permission denied"):
        host.stat("/root/x")


def test_read_takes_no_more_than_its_limit(host: Host, place: str) -> None:
    host.put(io.BytesIO(b"x" * 100), f"{place}/f")
    assert host.read(f"{place}/f", limit=100) == b"x" * 100
    with pytest.raises(TaskFailed, match="larger than 99"):
        host.read(f"{place}/f", limit=99)
    with pytest.raises(TaskFailed, match="no such file"):
        host.read(f"{place}/missing")
    with pytest.raises(TaskFailed, match="not a regular file"):
        host.read(place)


def test_a_private_directory_is_private_and_goes(host: Host) -> None:
    with host.private_directory() as directory:
        found = host.stat(directory)
        assert found is not None
        assert (found.kind, found.mode) == ("directory", 0o700)
        host.run(Script('mkdir "$1/sub"; echo x >"$1/sub/f"', (directory,)))
    assert host.stat(directory) is None


def test_a_private_directory_goes_when_its_user_fails(host: Host) -> None:
    with pytest.raises(RuntimeError), host.private_directory() as directory:
        raise RuntimeError
    assert host.stat(directory) is None


# --- forwarding


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


# --- the end


def test_closing_twice_is_fine_and_ends_what_runs(host: Host) -> None:
    assert host.run(command("true")).ok
    host.close()
    host.close()
