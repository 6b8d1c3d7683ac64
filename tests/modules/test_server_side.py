"""The shell that catches what pg_basebackup writes into a directory: whatever goes wrong, it ends and says so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.hosts.contract import command
from runner.hosts.local import open_local
from runner.modules.postgres.physical.server_side import Room
from runner.modules.postgres.programs import Programs, Version
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres

Call = Callable[..., tuple[int, bytes, str]]

LATE = 75
# In pg_basebackup's place: `$to` is the directory it was given, and `$file` what it is to write there.
BEGUN = """
for word; do [ "$before" = -D ] && to=$word; before=$word; done
file=$to/base.tar.zst
read -r password
sleep 0.1
mkdir -- "$to" || exit
sleep 0.3
"""


@pytest.fixture(params=["sh", "busybox"])
def call(request: pytest.FixtureRequest, tmp_path: Path) -> Call:
    """Runs it with this machine's programs or busybox's alone: its status, what it wrote, and what it said.

    Whoever reads goes away after `take` bytes.
    """
    environment = dict(os.environ)
    if request.param == "busybox":
        environment["PATH"] = str(request.getfixturevalue("busybox"))
    room = Room(Postgres(open_local(), Server(), only=Programs(Version(15, 0))), str(tmp_path / "room"))

    def run(script: str, take: int = -1) -> tuple[int, bytes, str]:
        argv = room.taken(command("sh", "-c", script, "pg_basebackup"), "base.tar.zst").argv
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:
            assert process.stdin and process.stdout and process.stderr
            process.stdin.write(b"secret\n")
            process.stdin.close()
            written = process.stdout.read(take)
            process.stdout.close()
            said = process.stderr.read().decode()
            return process.wait(timeout=30), written, said

    return run


def test_what_is_written_passes_and_its_list_stays(call: Call, tmp_path: Path) -> None:
    status, written, _ = call(f'{BEGUN} echo "the $password" >"$file"; echo list >"$to/backup_manifest"')
    assert (status, written) == (0, b"the secret\n")
    assert (tmp_path / "room/backup/backup_manifest").read_text() == "list\n"


def test_nothing_is_kept_of_what_passes(call: Call, tmp_path: Path) -> None:
    status, written, _ = call(f'{BEGUN} head -c 5000000 /dev/zero >"$file"; : >"$to/backup_manifest"')
    assert (status, len(written)) == (0, 5_000_000)
    assert sum(path.stat().st_size for path in (tmp_path / "room").rglob("*") if path.is_file()) == 0


def test_a_program_that_does_not_begin_is_told_by_its_status(call: Call) -> None:
    status, written, said = call("echo 'no such role' >&2; exit 3")
    assert (status, written, said) == (3, b"", "no such role\n")


@pytest.mark.parametrize("last", ["", 'head -c 100000 /dev/zero >"$file";'])
def test_a_program_that_breaks_off_is_told_by_its_status(call: Call, last: str) -> None:
    assert call(f"{BEGUN} {last} exit 4")[0] == 4


def test_a_program_that_is_killed_is_no_success(call: Call) -> None:
    assert call(f'{BEGUN} head -c 100000 /dev/zero >"$file"; kill -KILL "$$"')[0] == 128 + 9


def test_it_ends_when_nobody_reads_any_more(call: Call) -> None:
    status, written, _ = call(f'{BEGUN} cat /dev/zero >"$file"; exit "$?"', take=10)
    assert status != 0 and written == bytes(10)


def test_a_file_that_is_there_already_is_told_and_its_writer_ended(call: Call) -> None:
    early = 'mkdir -- "$to.new"; echo early >"$to.new/base.tar.zst"; mv -- "$to.new" "$to"; exec sleep 60'
    status, written, _ = call(BEGUN.replace('mkdir -- "$to" || exit', early))
    assert (status, written) == (LATE, b"")


def test_what_went_elsewhere_is_no_backup(call: Call) -> None:
    """Should a program call its file by another name than expected, nothing comes, and that must not pass for all."""
    assert call(f'{BEGUN} echo lost >"$to/other.tar.zst"; echo list >"$to/backup_manifest"')[0] == LATE


def test_a_program_that_wrote_nothing_made_no_backup(call: Call) -> None:
    assert call("exit 0")[0] == LATE


def test_a_backup_without_its_list_is_none(call: Call) -> None:
    assert call(f'{BEGUN} echo "the $password" >"$file"')[0] == LATE
