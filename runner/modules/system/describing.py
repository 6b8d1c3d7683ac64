"""What results and diffs say about a file, in Ansible's keys."""

from __future__ import annotations

from typing import Final

from runner.hosts.contract import FileStat, Reader
from runner.modules.contract import Diff
from runner.modules.system.attributes import octal

LARGEST_DIFF: Final = 104_448  # Ansible's max_diff_size, in bytes
NOT_SHOWN: Final = "(not shown: {reason}, {size} bytes)\n"


def described(found: FileStat | None) -> dict[str, object]:
    """mode, owner, group, uid, gid, size and state of a file; only `state: absent` if there is none."""
    if found is None:
        return {"state": "absent"}
    return {
        "state": "hard" if found.kind == "file" and found.links > 1 else found.kind,
        "mode": octal(found.mode),
        "owner": found.owner,
        "group": found.group,
        "uid": found.uid,
        "gid": found.gid,
        "size": found.size,
    }


SECRET: Final = "(secret: not shown)\n"


def content_diff(reader: Reader, path: str, before: FileStat | None, after: bytes | None, size: int) -> Diff:
    """The text of a file before and after. `after` is None when it was too large to be held; `size` is its size."""
    return Diff(path, _text_before(reader, path, before), _shown(after, size))


def _text_before(reader: Reader, path: str, before: FileStat | None) -> str:
    if before is None:
        return ""
    if before.kind != "file":
        return f"({before.kind})\n"
    if before.size > LARGEST_DIFF:
        return _shown(None, before.size)
    return _shown(reader.read(path), before.size)


def _shown(content: bytes | None, size: int) -> str:
    if content is None or len(content) > LARGEST_DIFF:
        return NOT_SHOWN.format(reason="too large", size=size)
    if b"\0" in content:
        return NOT_SHOWN.format(reason="binary", size=size)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return NOT_SHOWN.format(reason="not UTF-8", size=size)
