"""A repository by its address, for a machine that has no inventory: `s3://bucket/prefix?region=…`, `gs://…`, a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from runner.errors import UsageError

TYPES: Final = {"s3": "s3", "gs": "gcs"}
_HINT: Final = "write s3://bucket/prefix?region=eu-central-1, gs://bucket/prefix, or the path of a directory"
_SECRET: Final = ("key", "token", "secret", "contents")
_KEYS_OF: Final = {
    "s3": "set the environment's AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
    "gs": "set the environment's GOOGLE_APPLICATION_CREDENTIALS, or service_account_file to the file's path",
}


def is_address(name: str) -> bool:
    """Whether this is an address or a path, not a name of the inventory."""
    return "://" in name or name.startswith(("/", "./", "../", "~"))


def definition(address: str) -> dict[str, Any]:
    """The definition an address stands for, as an inventory would say it.

    What follows `?` are options of that type by their names (`endpoint`, `region`, `service_account_file`, …).
    Keys cannot be given: they would be seen by everybody on the machine. UsageError if it is no address.
    """
    if "://" not in address:
        return {"type": "directory", "path": str(Path(address).expanduser().absolute())}
    parts = urlsplit(address)
    if parts.scheme not in TYPES or not parts.netloc:
        raise UsageError(f"{address} is not the address of a repository", hint=_HINT)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    secret = [name for name in options if name != "kms_key_name" and any(part in name for part in _SECRET)]
    if parts.username or secret:
        raise UsageError(
            "the address holds a key",
            why="everybody on this machine can see what stands on a command line",
            hint=_KEYS_OF[parts.scheme],
        )
    found: dict[str, Any] = {"type": TYPES[parts.scheme], "bucket": parts.netloc, **options}
    if prefix := parts.path.strip("/"):
        found["prefix"] = prefix
    return found
