"""get_url: by the host's curl, and through a tunnel where there is none."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from runner.schema import argument_problems
from tests.modules.bed import Bench

DATA = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(DATA).hexdigest()


@dataclass
class Web:
    """A small web server; `seen` are the paths and headers that arrived, `data` is what it gives for a file."""

    address: str = ""
    data: bytes = DATA
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path == "/moved":
            return 302, {"Location": "/app.tar"}, b""
        if path == "/named":
            return 200, {"Content-Disposition": 'attachment; filename="../../odd name"'}, self.data
        if path == "/new" and "If-Modified-Since" in headers:
            return 304, {}, b""
        if path == "/private" and "Authorization" not in headers:
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        if path == "/packed" and "gzip" in headers.get("Accept-Encoding", ""):
            return 200, {"Content-Encoding": "gzip"}, gzip.compress(self.data)
        if path == "/SUMS":
            listing = f"{'0' * 64}  other.tar\n{hashlib.sha256(self.data).hexdigest()} *./app.tar\n"
            return 200, {}, listing.encode()
        return (404, {}, b"nothing") if path == "/gone" else (200, {}, self.data)


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802  # a name http.server looks for
            headers = dict(self.headers.items())
            web.seen.append((self.path, headers))
            if self.path == "/silent":
                threading.Event().wait(3)
            status, more, body = web.answer(self.path, headers)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path == "/broken" else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield web
    server.shutdown()
    server.server_close()


def without_curl(bench: Bench, tmp_path: Path) -> None:
    """The programs of the bench but curl, in a directory of their own."""
    directory = tmp_path / "without-curl"
    directory.mkdir()
    for place in ("/usr/bin", "/bin", "/usr/sbin"):
        for program in Path(place).iterdir():
            link = directory / program.name
            if program.name != "curl" and not link.is_symlink():
                link.symlink_to(program)
    bench.at.host = bench.at.host.view(env={"PATH": str(directory)})


@pytest.fixture(params=["curl", "tunnel"])
def bench(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path) -> Bench:
    if request.param == "tunnel":
        without_curl(bench, tmp_path)
    return bench


def test_a_file_is_fetched_once(bench: Bench, target: Path, web: Web) -> None:
    path = target / "a b'\"$(id)"
    arguments = {"url": f"{web.address}/app.tar", "dest": str(path), "checksum": f"sha256:{SHA256}", "mode": "0640"}
    done = bench.settle("get_url", **arguments)
    assert path.read_bytes() == DATA and path.stat().st_mode & 0o7777 == 0o640
    assert (done.data["status_code"], done.data["checksum_dest"], done.data["dest"]) == (200, None, str(path))
    assert done.data["checksum_src"] == hashlib.sha1(DATA).hexdigest()
    assert done.data["md5sum"] == hashlib.md5(DATA).hexdigest()
    assert done.data["msg"] == f"OK ({len(DATA)} bytes)"
    # The second time it has the checksum: nobody was asked.
    assert [seen for seen, _ in web.seen] == ["/app.tar"]
    assert bench.settle("get_url", **{**arguments, "mode": "0600"}).data["msg"] == "file already exists"


def test_the_checksum_can_stand_in_a_list(bench: Bench, target: Path, web: Web) -> None:
    listed = {"dest": f"{target}/x", "checksum": f"sha256:{web.address}/SUMS"}
    bench.settle("get_url", url=f"{web.address}/app.tar", **listed)
    with pytest.raises(TaskFailed, match="Unable to find a checksum for file 'new.tar'"):
        bench.apply("get_url", url=f"{web.address}/new.tar", **listed)


def test_what_has_another_checksum_is_not_put_in_place(bench: Bench, target: Path, web: Web) -> None:
    (target / "x").write_text("old")
    with pytest.raises(TaskFailed, match="did not match"):
        bench.apply("get_url", url=f"{web.address}/x", dest=f"{target}/x", checksum=f"sha256:{'0' * 64}")
    assert (target / "x").read_text() == "old"


def test_only_what_is_newer_is_fetched_again(bench: Bench, target: Path, web: Web) -> None:
    (target / "x").write_text("old")
    arguments = {"url": f"{web.address}/new", "dest": f"{target}/x"}
    assert bench.preview("get_url", **arguments).needed is None
    done = bench.apply("get_url", **arguments, mode="0600")
    assert (done.changed, done.data["status_code"]) == (True, 304)
    assert (target / "x").read_text() == "old" and done.data["mode"] == "0600"
    assert not bench.apply("get_url", **arguments, mode="0600").changed
    assert bench.apply("get_url", **arguments, force=True, backup=True).changed
    assert (target / "x").read_bytes() == DATA
    assert not bench.apply("get_url", **arguments, force=True).changed
    assert len(list(target.glob("x.*~"))) == 1


def test_in_a_directory_it_is_called_as_the_server_says(bench: Bench, target: Path, web: Web) -> None:
    assert bench.apply("get_url", url=f"{web.address}/named", dest=str(target)).data["dest"] == f"{target}/odd name"
    assert bench.apply("get_url", url=f"{web.address}/moved?a=b", dest=f"{target}/").changed is True
    assert {path.name for path in target.iterdir()} == {"odd name", "moved"}
    assert not bench.apply("get_url", url=f"{web.address}/named", dest=str(target)).changed


def test_redirections_are_followed(bench: Bench, target: Path, web: Web) -> None:
    bench.apply("get_url", url=f"{web.address}/moved", dest=str(target))
    assert (target / "app.tar").read_bytes() == DATA


def test_headers_and_credentials_arrive(bench: Bench, target: Path, web: Web) -> None:
    done = bench.apply(
        "get_url",
        url=f"{web.address}/private",
        dest=f"{target}/x",
        headers={"X-Odd": 'a"b\\c'},
        url_username="me",
        url_password="hunter22",
    )
    assert done.data["status_code"] == 200 and (target / "x").read_bytes() == DATA
    sent = web.seen[-1][1]
    assert (sent["X-Odd"], sent["User-Agent"]) == ('a"b\\c', "ansible-httpget")
    assert sent["Authorization"] == "Basic bWU6aHVudGVyMjI="


def test_credentials_are_not_told_another_server(bench: Bench, target: Path, web: Web) -> None:
    elsewhere = web.address.replace("127.0.0.1", "localhost")
    arguments = {"checksum": f"sha256:{elsewhere}/SUMS", "url_username": "me", "url_password": "hunter22"}
    bench.apply("get_url", url=f"{web.address}/app.tar", dest=f"{target}/x", headers={"X-Key": "k"}, **arguments)
    path, sent = web.seen[0]
    assert path == "/SUMS" and "Authorization" not in sent and "X-Key" not in sent


def test_a_compressed_answer_is_unpacked(bench: Bench, target: Path, web: Web) -> None:
    bench.apply("get_url", url=f"{web.address}/packed", dest=f"{target}/x")
    assert (target / "x").read_bytes() == DATA


@pytest.mark.parametrize("path", ["/gone", "/broken"])
def test_what_does_not_come_whole_is_not_put_in_place(bench: Bench, target: Path, web: Web, path: str) -> None:
    (target / "x").write_text("old")
    with pytest.raises(TaskFailed, match="Request failed") as failed:
        bench.apply("get_url", url=f"{web.address}{path}", dest=f"{target}/x", force=True)
    assert failed.value.data["status_code"] == (404 if path == "/gone" else -1)
    assert (target / "x").read_text() == "old" and len(list(target.iterdir())) == 1


def test_a_server_that_falls_silent_is_given_up(bench: Bench, target: Path, web: Web) -> None:
    with pytest.raises(TaskFailed, match="Request failed"):
        bench.apply("get_url", url=f"{web.address}/silent", dest=f"{target}/x", timeout=1)


def test_nobody_answering_is_an_error(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="Request failed"):
        bench.apply("get_url", url="http://127.0.0.1:1/x", dest=f"{target}/x")


def test_a_missing_directory_is_an_error(bench: Bench, target: Path, web: Web) -> None:
    with pytest.raises(TaskFailed, match="does not exist"):
        bench.apply("get_url", url=f"{web.address}/x", dest=f"{target}/nowhere/x")
    assert bench.preview("get_url", url=f"{web.address}/x", dest=f"{target}/nowhere/").needed is None
    assert web.seen == []


def test_it_can_be_fetched_to_another_disk_first(bench: Bench, target: Path, web: Web) -> None:
    (target / "tmp").mkdir()
    done = bench.apply("get_url", url=f"{web.address}/x", dest=f"{target}/x", tmp_dest=f"{target}/tmp")
    assert str(done.data["src"]).startswith(f"{target}/tmp/") and list((target / "tmp").iterdir()) == []


def test_a_client_certificate_needs_curl(bench: Bench, tmp_path: Path, target: Path, web: Web) -> None:
    if not (tmp_path / "without-curl").exists():
        without_curl(bench, tmp_path)
    with pytest.raises(TaskFailed, match="has no curl"):
        bench.apply("get_url", url=f"{web.address}/x", dest=f"{target}/x", client_cert="/etc/x.pem")


@pytest.mark.parametrize(
    "arguments",
    [{"checksum": "abc"}, {"url": "ftp://x/y"}, {"url_password": "x"}, {"use_gssapi": True}, {"client_key": "/k"}],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_anything_runs(arguments: dict[str, object]) -> None:
    assert argument_problems("get_url", {"url": "http://x/y", "dest": "/y", **arguments}, rendered=True)
