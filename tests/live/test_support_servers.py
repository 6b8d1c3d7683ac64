"""The harness's clusters, object store, proxy and disk do what tests will lean on."""

from __future__ import annotations

import base64
import errno
import hashlib
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.support.fulldisk import TinyDisk
from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer, Role
from tests.support.proxy import Fault, FaultProxy
from tests.support.scanner_data import contents

pytestmark = pytest.mark.live


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                try:
                    while data := peer.recv(65536):
                        peer.sendall(data)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=5)


def received(connection: socket.socket) -> bytes:
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def through(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=5)


def refused(proxy: FaultProxy) -> bool:
    """Whether a new connection ends without a byte; the reset may arrive before connect() has returned."""
    try:
        with through(proxy) as connection:
            return received(connection) == b""
    except ConnectionResetError:
        return True


def test_a_wrong_database_password_is_refused_on_both_ways_in(postgres_server: PostgresServer) -> None:
    role = postgres_server.create_role()
    postgres_server.connect(role=role).close()
    for host in (postgres_server.host, str(postgres_server.sockets)):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(host=host, port=postgres_server.port, user=role.name, password="wrong", dbname="postgres")


def test_two_loads_of_scanner_data_are_equal_and_a_changed_row_shows(postgres_server: PostgresServer) -> None:
    one, two = (postgres_server.create_database(scans=3) for _ in range(2))
    with postgres_server.connect(one) as first, postgres_server.connect(two) as second:
        assert contents(first) == contents(second)
        assert contents(first)["public.findings"][0] == 120
        second.execute("UPDATE shard_1.findings SET score = score + 1 WHERE id = 10")
        assert contents(first) != contents(second)


def test_a_cluster_stops_starts_and_survives_a_crash(own_postgres: Callable[..., PostgresServer]) -> None:
    server = own_postgres()
    database = server.create_database(scans=1)
    server.stop()
    with pytest.raises(psycopg.OperationalError):
        server.connect()
    server.start()
    server.crash()
    server.start()
    assert server.query(database, "SELECT count(*) FROM findings") == [(40,)]


def test_a_wrong_role_password_with_odd_characters_is_kept_as_given(postgres_server: PostgresServer) -> None:
    role = postgres_server.create_role("o'dd \"role", "%s $1 \\ é")
    with postgres_server.connect(role=Role(role.name, "%s $1 \\ é")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("o'dd \"role",)


def test_the_object_store_refuses_a_wrong_secret(object_store: ObjectStore) -> None:
    from botocore.exceptions import ClientError

    bucket = object_store.create_bucket()
    object_store.client().put_object(Bucket=bucket, Key="a/b", Body=b"data")
    assert object_store.keys(bucket) == ["a/b"]
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        object_store.client(secret="wrong").get_object(Bucket=bucket, Key="a/b")


def test_the_object_store_checks_presigned_addresses(object_store: ObjectStore) -> None:
    bucket = object_store.create_bucket()
    where = {"Bucket": bucket, "Key": "odd name/ü+%&=.tar"}
    right = object_store.client().generate_presigned_url("put_object", Params=where)
    wrong = object_store.client(secret="wrong").generate_presigned_url("put_object", Params=where)
    expired = object_store.client().generate_presigned_url("put_object", Params=where, ExpiresIn=-1)
    assert [put(address) for address in (wrong, expired, right.replace("odd", "even"), right)] == [403, 403, 403, 200]
    assert object_store.keys(bucket) == [where["Key"]]


def test_the_object_store_refuses_a_payload_that_is_not_the_one_signed(object_store: ObjectStore) -> None:
    bucket = object_store.create_bucket()
    digest = base64.b64encode(hashlib.md5(b"data").digest()).decode()
    where = {"Bucket": bucket, "Key": "k", "ContentMD5": digest}
    address = object_store.client().generate_presigned_url("put_object", Params=where)
    assert put(address, b"data") == 403
    assert put(address, b"date", {"Content-MD5": digest}) == 400
    assert put(address, b"data", {"Content-MD5": digest}) == 200


def put(address: str, body: bytes = b"data", headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(address, body, {"Content-Type": "", **(headers or {})}, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_stopped_object_store_starts_empty(own_object_store: ObjectStore) -> None:
    own_object_store.create_bucket("gone")
    own_object_store.stop()
    own_object_store.start()
    assert own_object_store.client().list_buckets()["Buckets"] == []


@pytest.mark.parametrize("size", [0, 1, 70_000])
def test_the_proxy_cuts_at_the_byte(size: int, echo: tuple[str, int], fault_proxy: Callable[..., FaultProxy]) -> None:
    proxy = fault_proxy(echo, Fault(cut_down=size, reset=False))
    with through(proxy) as connection:
        threading.Thread(target=lambda: connection.sendall(b"x" * 200_000), daemon=True).start()
        assert len(received(connection)) == size
    assert proxy.bytes_down == size


def test_the_proxy_cuts_upwards_with_a_reset(echo: tuple[str, int], fault_proxy: Callable[..., FaultProxy]) -> None:
    proxy = fault_proxy(echo, Fault(cut_up=5))
    with through(proxy) as connection:
        connection.sendall(b"0123456789")
        with pytest.raises(ConnectionResetError):
            while connection.recv(10):
                pass
    assert proxy.bytes_up == 5


def test_a_stalled_link_says_nothing_and_goes_on_when_told(
    echo: tuple[str, int], fault_proxy: Callable[..., FaultProxy]
) -> None:
    proxy = fault_proxy(echo)
    with through(proxy) as connection:
        connection.sendall(b"one")
        assert connection.recv(3) == b"one"
        proxy.stall_now()
        connection.sendall(b"two")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(3)
        proxy.go_on()
        connection.settimeout(5)
        assert connection.recv(3) == b"two"


def test_a_fault_hits_only_as_many_connections_as_told(
    echo: tuple[str, int], fault_proxy: Callable[..., FaultProxy]
) -> None:
    proxy = fault_proxy(echo, Fault(refuse=True, times=1))
    assert refused(proxy)
    with through(proxy) as second:
        second.sendall(b"hello")
        assert second.recv(5) == b"hello"
    assert proxy.connections == 2


def test_a_tiny_disk_is_full_when_filled(tiny_disk: TinyDisk) -> None:
    filler = tiny_disk.fill()
    with pytest.raises(OSError) as raised:
        (tiny_disk.path / "more").write_bytes(b"x" * 8192)
    assert raised.value.errno == errno.ENOSPC
    filler.unlink()
    (tiny_disk.path / "more").write_bytes(b"x" * 8192)
