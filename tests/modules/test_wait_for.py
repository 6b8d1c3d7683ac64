"""wait_for: ports and paths, as the host sees them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.errors import TaskFailed, TimedOut
from tests.modules.bed import Bench


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Says "hello 42" to whoever connects."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                connection.sendall(b"hello 42\n")
                connection.close()
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listener
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_port_that_answers_is_waited_for(bench: Bench, server: socket.socket) -> None:
    done = bench.settle("wait_for", port=server.getsockname()[1])
    assert done.data["state"] == "started"
    assert done.data["elapsed"] == 0


def test_a_port_that_stays_closed_times_out(bench: Bench, closed_port: int) -> None:
    with pytest.raises(TimedOut, match=f"Timeout when waiting for 127.0.0.1:{closed_port}") as caught:
        bench.apply("wait_for", port=closed_port, timeout=0.3, sleep=0.1)
    assert caught.value.data["elapsed"] == 0
    assert len(bench.at.slept) > 1


def test_a_port_may_be_waited_for_to_close(bench: Bench, closed_port: int, server: socket.socket) -> None:
    assert bench.apply("wait_for", port=closed_port, state="stopped").data["state"] == "stopped"
    with pytest.raises(TimedOut, match="to go away"):
        bench.apply("wait_for", port=server.getsockname()[1], state="stopped", timeout="200ms", sleep=0.1)


def test_what_a_port_says_is_matched(bench: Bench, server: socket.socket) -> None:
    done = bench.apply("wait_for", port=server.getsockname()[1], search_regex=r"^hello (?P<number>\d+)")
    assert done.data["match_groupdict"] == {"number": "42"}
    with pytest.raises(TimedOut, match="to show 'goodbye'"):
        bench.apply("wait_for", port=server.getsockname()[1], search_regex="goodbye", timeout=0.2, sleep=0.1)


def test_a_path_is_waited_for(bench: Bench, target: Path) -> None:
    threading.Timer(0.3, (target / "flag").touch).start()
    assert bench.apply("wait_for", path=f"{target}/flag", sleep=0.05, timeout=10).data["path"] == f"{target}/flag"
    with pytest.raises(TimedOut):
        bench.apply("wait_for", path=f"{target}/flag", state="absent", timeout=0.2, sleep=0.05)


def test_a_line_of_a_file_is_waited_for(bench: Bench, target: Path) -> None:
    log = target / "log"
    log.write_text("starting\n")
    threading.Timer(0.3, lambda: log.write_text("starting\nready on 5432\n")).start()
    done = bench.apply("wait_for", path=str(log), search_regex=r"^ready on (\d+)$", sleep=0.05, timeout=10)
    assert done.data["match_groups"] == ["5432"]


def test_check_mode_does_not_wait(bench: Bench, closed_port: int) -> None:
    change = bench.preview("wait_for", port=closed_port, timeout="5m")
    assert change.needed is False
    assert change.summary == f"waits up to 5m for 127.0.0.1:{closed_port}"


def test_the_words_of_the_playbook_are_said_when_time_is_up(bench: Bench, closed_port: int) -> None:
    with pytest.raises(TimedOut, match="^the API is down"):
        bench.apply("wait_for", port=closed_port, timeout=0, msg="the API is down")


def test_a_broken_regular_expression_is_an_error(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="not a regular expression"):
        bench.apply("wait_for", path="/etc/hostname", search_regex="(")
