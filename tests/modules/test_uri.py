"""uri: requests sent by the host's curl."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench


@dataclass
class Web:
    """A small web service; `seen` are the requests as they arrived."""

    address: str = ""
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            web.seen.append((self.command, self.path, dict(self.headers.items()), body))
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/json")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.path == "/slow":
                threading.Event().wait(3)
            status, text, kind = {
                "/json": (200, b'{"status": "ok", "rows": 3}', "application/json; charset=utf-8"),
                "/broken": (200, b"{", "application/json"),
                "/sick": (503, b"no database\nsecond line", "text/plain"),
            }.get(self.path, (200, b"HTTP/1.1 is a text too", "text/plain"))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-Twice", "a")
            self.send_header("X-Twice", "b")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # names http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield web
    server.shutdown()
    server.server_close()


def test_json_is_read(bench: Bench, web: Web) -> None:
    done = bench.apply("uri", url=f"{web.address}/json")
    assert not done.changed
    assert done.data["status"] == 200
    assert done.data["json"] == {"status": "ok", "rows": 3}
    assert done.data["content_type"] == "application/json; charset=utf-8"
    assert done.data["x_twice"] == "a, b"
    assert "content" not in done.data


def test_the_content_is_given_when_wanted(bench: Bench, web: Web) -> None:
    done = bench.apply("uri", url=f"{web.address}/text", return_content=True)
    assert done.data["content"] == "HTTP/1.1 is a text too"


def test_nothing_is_sent_in_check_mode(bench: Bench, web: Web) -> None:
    assert bench.preview("uri", url=f"{web.address}/json").needed is None
    assert web.seen == []


def test_an_unexpected_status_fails_with_what_was_said(bench: Bench, web: Web) -> None:
    with pytest.raises(TaskFailed, match=r"Status code was 503 and not \[200\]: .*no database") as caught:
        bench.apply("uri", url=f"{web.address}/sick")
    assert caught.value.data["status"] == 503
    assert caught.value.data["content"] == "no database\nsecond line"
    assert bench.apply("uri", url=f"{web.address}/sick", status_code=[200, 503]).data["status"] == 503
    assert bench.apply("uri", url=f"{web.address}/sick", status_code=503).data["status"] == 503


def test_nobody_answering_is_status_minus_1(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="Status code was -1") as caught:
        bench.apply("uri", url="http://127.0.0.1:1/x")
    assert caught.value.data["status"] == -1


def test_an_answer_that_takes_too_long_fails(bench: Bench, web: Web) -> None:
    with pytest.raises(TaskFailed, match="timed out"):
        bench.apply("uri", url=f"{web.address}/slow", timeout=0.3)


def test_a_body_arrives_as_it_is(bench: Bench, web: Web) -> None:
    body = '@/etc/passwd "quotes" \\ \n\t%{http_code} ü\n' + "x" * 300_000
    bench.apply("uri", url=f"{web.address}/x", method="POST", body=body)
    method, _, headers, received = web.seen[-1]
    assert (method, received.decode()) == ("POST", body)
    assert "Content-Type" not in headers and "Expect" not in headers


def test_json_and_forms_are_encoded(bench: Bench, web: Web) -> None:
    bench.apply("uri", url=f"{web.address}/x", method="PUT", body={"a": ["ü"]}, body_format="json")
    assert web.seen[-1][2]["Content-Type"] == "application/json"
    assert json.loads(web.seen[-1][3]) == {"a": ["ü"]}
    bench.apply("uri", url=f"{web.address}/x", method="POST", body={"a": "b c"}, body_format="form-urlencoded")
    assert web.seen[-1][3] == b"a=b+c"


def test_headers_and_credentials_arrive(bench: Bench, web: Web) -> None:
    headers = {"X-Odd": 'a"b\\c', "X-Number": 3}
    bench.apply("uri", url=f"{web.address}/x", headers=headers, user="me", password="pa:ss\"word'")
    sent = web.seen[-1][2]
    assert (sent["X-Odd"], sent["X-Number"]) == ('a"b\\c', "3")
    assert sent["Authorization"] == "Basic bWU6cGE6c3Mid29yZCc="


def test_no_secret_is_ever_among_the_arguments_of_a_process(bench: Bench, web: Web) -> None:
    seen: list[bytes] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(path.read_bytes())
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    with pytest.raises(TaskFailed, match="timed out"):
        bench.apply(
            "uri",
            url=f"{web.address}/slow",
            method="POST",
            body="hunter22body",
            headers={"X-API-Key": "hunter22key"},
            user="me",
            password="hunter22pass",
            timeout=1,
        )
    done.set()
    watcher.join()
    assert any(b"curl" in line for line in seen), "the watcher saw nothing"
    assert not [line for line in seen if b"hunter22" in line]


def test_redirections_are_followed_only_where_that_is_safe(bench: Bench, web: Web) -> None:
    done = bench.apply("uri", url=f"{web.address}/moved")
    assert (done.data["json"], done.data["redirected"]) == ({"status": "ok", "rows": 3}, True)
    assert done.data["url"] == f"{web.address}/json"
    for keywords in ({"method": "POST", "body": "x"}, {"follow_redirects": "none"}):
        assert bench.apply("uri", url=f"{web.address}/moved", status_code=302, **keywords).data["status"] == 302


def test_head_does_not_wait_for_a_body(bench: Bench, web: Web) -> None:
    done = bench.apply("uri", url=f"{web.address}/json", method="HEAD")
    assert done.data["content_length"] == "27"


def test_json_that_is_none_is_not_invented(bench: Bench, web: Web) -> None:
    done = bench.apply("uri", url=f"{web.address}/broken")
    assert "json" not in done.data
    assert "is not" in str(done.data["msg"])


@pytest.fixture
def bare(bench: Bench, tmp_path: Path) -> Bench:
    """The bench on a host that has no curl, and no other program either."""
    bench.at.host = bench.at.host.view(env={"PATH": str(tmp_path)})
    return bench


def test_without_curl_a_tunnel_carries_the_request(bare: Bench, web: Web) -> None:
    done = bare.apply("uri", url=f"{web.address}/json", headers={"X-Mine": "1"}, return_content=True)
    assert (done.data["status"], done.data["json"]) == (200, {"status": "ok", "rows": 3})
    assert done.data["x_twice"] == "a, b"
    assert web.seen[0][2]["X-Mine"] == "1"


def test_without_curl_a_redirection_is_followed_and_a_body_sent(bare: Bench, web: Web) -> None:
    moved = bare.apply("uri", url=f"{web.address}/moved")
    assert moved.data["redirected"] is True and moved.data["url"] == f"{web.address}/json"
    bare.apply("uri", url=f"{web.address}/x", method="POST", body={"a": 1}, body_format="json", user="u", password="p")
    method, _, headers, body = web.seen[-1]
    assert (method, json.loads(body), headers["Content-Type"]) == ("POST", {"a": 1}, "application/json")
    assert headers["Authorization"] == "Basic dTpw"


def test_without_curl_an_answer_that_never_comes_is_a_failure_in_time(bare: Bench, web: Web) -> None:
    with pytest.raises(TaskFailed, match="-1 and not"):
        bare.apply("uri", url=f"{web.address}/slow", timeout=0.5)
    with pytest.raises(TaskFailed, match="-1 and not"):
        bare.apply("uri", url="http://127.0.0.1:1/x")


def test_without_curl_a_certificate_authority_on_the_host_cannot_be_used(bare: Bench) -> None:
    with pytest.raises(TaskFailed, match="has no curl"):
        bare.apply("uri", url="https://127.0.0.1:1/x", ca_path="/etc/ssl/own.pem")
