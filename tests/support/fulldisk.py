"""A file system of a few MB: the cheapest full disk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.workplace import Workplace


@dataclass(frozen=True, slots=True)
class TinyDisk:
    """A tmpfs mounted at `path`; anybody may write there."""

    path: Path
    size: int
    unmount: Callable[[], None]

    def free(self) -> int:
        """Bytes that still fit."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def fill(self, leave: int = 0) -> Path:
        """Write a file that leaves only `leave` bytes free; deleting it makes room again."""
        path = self.path / "filler"
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, self.free() - leave))
        return path


def mount_tiny_disk(workplace: Workplace, size: int = 4 * 1024 * 1024) -> TinyDisk:
    """Mount one of `size` bytes; it goes with `unmount()` or with the tests. Needs the right to mount."""
    path = workplace.directory("disk")
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "sentraplay-tests", str(path)],
        check=True,
        capture_output=True,
        timeout=20,
    )
    return TinyDisk(path, size, workplace.undo_with("umount", "--lazy", str(path)))
