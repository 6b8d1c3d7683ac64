"""files_restore: a backup that is not what was saved is refused, and the live data is never at risk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.errors import SentraPlayError, VerificationFailed
from runner.modules.table import MODULES
from tests.modules.files_bed import Files, described, seal


def test_every_flipped_bit_of_a_manifest_is_refused_and_nothing_is_touched(files: Files) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    (files.live / "x").write_text("live")
    (path,) = files.manifests()
    good = path.read_bytes()
    args = files._args("files_restore", {})
    before = described(files.live)
    for position in range(0, len(good) * 8, 149):
        damaged = bytearray(good)
        damaged[position // 8] ^= 1 << position % 8
        path.write_bytes(bytes(damaged))
        with pytest.raises(VerificationFailed):
            MODULES["files_restore"].preview(files.at, args)
    with pytest.raises(VerificationFailed):
        files.restore()
    assert described(files.live) == before


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "lengthen"])
def test_a_damaged_object_is_refused_and_nothing_is_touched(files: Files, damage: str) -> None:
    (files.live / "x").write_text("saved")
    files.backup(compression="none")
    (files.live / "x").write_text("live")
    before = described(files.live.parent / "live")
    (path,) = files.objects()
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    changed = {"flip": bytes(data), "truncate": bytes(data[:-1]), "lengthen": bytes(data) + b"\0"}
    path.unlink() if damage == "remove" else path.write_bytes(changed[damage])
    with pytest.raises(VerificationFailed):
        files.restore()
    assert described(files.live) == before
    assert not (files.live.parent / ".live.sentraplay").exists()


ESCAPES = {
    "an absolute name": "tar -cPf - -C / --transform 's,^.*$,/{outside}/escaped,' /etc/hostname",
    "a name with ..": "tar -cPf - --transform 's,^.*$,./live/../../../escaped,' /etc/hostname",
    "through a link": (
        "cd {scratch} && ln -s {outside} live && tar -cf a.tar ./live && rm live && mkdir live && echo x >live/escaped "
        "&& tar -rf a.tar ./live/escaped && cat a.tar"
    ),
    "beside the path": "cd {scratch} && mkdir live other && touch other/x && tar -cf - ./live ./other",
}


@pytest.mark.parametrize("command", ESCAPES.values(), ids=ESCAPES.keys())
def test_an_archive_cannot_leave_its_directory(files: Files, tmp_path: Path, command: str) -> None:
    outside, scratch = tmp_path / "outside", tmp_path / "scratch"
    outside.mkdir()
    scratch.mkdir()
    (files.live / "x").write_text("live")
    files.backup(compression="none")
    text = command.format(outside=outside, scratch=scratch)
    archive = subprocess.run(["sh", "-c", text], capture_output=True, check=True).stdout
    seal(files, archive)
    before = described(files.live)
    with pytest.raises(SentraPlayError):
        files.restore()
    assert described(files.live) == before
    assert list(outside.iterdir()) == []
    assert list(tmp_path.rglob("escaped*")) in ([], [scratch / "live" / "escaped"])
