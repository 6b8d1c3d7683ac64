"""pgBackRest's stanza and configuration, written from the variables every other step uses.

Options as in pgBackRest's configuration reference. The stanza is the service.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from typing import Final, Literal

from runner.backup.identity import check_service
from runner.errors import Refused
from runner.frozen import frozen
from runner.repositories.contract import OnHost, Repository
from runner.secret import Secret

Engine = Literal["sentraplay", "pgbackrest"]

FILE: Final = "pgbackrest.conf"
_SECOND: Final = ".pgbackrest"
# What says where a repository is instead of ours, and what is ours to say.
_ELSEWHERE: Final = ("repo1-type", "repo1-host", "repo1-path")
_OURS: Final = re.compile(r"pg\d*-|config|stanza|lock-path$|spool-path$|log-")
_LINE: Final = re.compile(r"[^\x00-\x1f\x7f]+")
_COMPRESSIONS: Final[Mapping[str, str]] = {"auto": "zst", "zstd": "zst", "lz4": "lz4", "gzip": "gz", "none": "none"}


@frozen
class Files:
    """The cluster on the task's host: its data directory, and its socket for a session of the server's own user."""

    data: str
    port: int = 5432
    socket: str = ""
    user: str = "postgres"


@frozen
class Stanza:
    """Where pgBackRest keeps one service's backups; `options` are in its words, all of them for `[global]`.

    `mount` is the mount point without which nothing may be made there, "" if that was not said.
    """

    name: str
    options: Mapping[str, str]
    where: str
    mount: str = ""

    @property
    def directory(self) -> str | None:
        """The repository's directory on the task's host, if that is where it is."""
        return self.options.get("repo1-path") if self.options.get("repo1-type", "posix") == "posix" else None

    def text(self, files: Files | None = None, work: str | None = None, **more: str) -> str:
        """A configuration file. `work` is a directory for locks and what is done in the background."""
        own = {"log-level-file": "off", "log-level-console": "off", "log-level-stderr": "error"}
        if work is None:
            # Of this cluster and repository alone: another of the same service on the host is none of ours.
            which = hashlib.sha256(f"{self.where}\n{files and files.data}".encode()).hexdigest()[:16]
            own["lock-path"] = f"/tmp/pgbackrest-{which}"
        else:
            own |= {"lock-path": f"{work}/lock", "spool-path": f"{work}/async", "archive-async": "y"}
        wanted = {**own, **self.options, **{name.replace("_", "-"): value for name, value in more.items()}}
        lines = ["[global]", *(f"{name}={value}" for name, value in sorted(wanted.items())), f"[{self.name}]"]
        if files is not None:
            lines += [f"pg1-path={files.data}", f"pg1-port={files.port}", f"pg1-user={files.user}"]
            lines += [f"pg1-socket-path={files.socket}"] if files.socket else []
        return "\n".join(lines) + "\n"


def stanza(
    repository: Repository, service: str, host_name: str, given: Mapping[str, object], compression: str = "auto"
) -> Stanza:
    """From the repository as the inventory describes it, and `given` on top.

    Refused where that would send data anywhere unencrypted that is to be encrypted, or needs keys on the host
    that nobody has said may be there.
    """
    options, mount = {"compress-type": _COMPRESSIONS[compression], "start-fast": "y", **_checked(given)}, ""
    if not any(name in options for name in _ELSEWHERE):
        options["repo1-path"], mount = _beside(repository, service, host_name)
    if repository.encryption.recipients and options.get("repo1-cipher-type", "none") == "none":
        raise Refused(
            f"backups in {repository.name} are encrypted for age recipients, which pgBackRest cannot do",
            where=repository.describe(),
            why="they would be stored in the clear",
            hint="give `pgbackrest` its own: repo1-cipher-type: aes-256-cbc and repo1-cipher-pass (from a vault)",
        )
    where = options.get("repo1-path", "its default directory")
    kind = options.get("repo1-type", "posix")
    return Stanza(check_service(service), options, f"pgBackRest, {kind} {where}, stanza {service}", mount)


def _beside(repository: Repository, service: str, host_name: str) -> tuple[str, str]:
    """Beside the repository's own directory, which only its owner may enter: the server's user works here. And the
    mount point of the disk that both are on."""
    if isinstance(repository, OnHost) and repository.host_name == host_name:
        root = posixpath.dirname(repository.path_of("x"))
        if root == repository.mount:
            raise Refused(
                f"pgBackRest's directory {root}{_SECOND} would not be on the disk that is mounted at {root}",
                where=repository.describe(),
                why="it lies beside the repository's own, which is the mount point itself",
                hint=f"let the repository's path be a directory on that disk, such as {root}/backups",
            )
        return f"{root}{_SECOND}/{check_service(service)}", repository.mount
    raise Refused(
        "pgBackRest would need the repository's credentials on the database's host",
        where=repository.describe(),
        why="it sends by itself, and credentials stay on the controller",
        hint="take a directory of that host as repository, or say in `pgbackrest` how it gets there by itself "
        "(repo1-type: s3 with repo1-s3-key-type: auto, for example)",
    )


def _checked(given: Mapping[str, object]) -> Mapping[str, str]:
    options = {name: _plain(value) for name, value in given.items()}
    for name, value in options.items():
        if _OURS.match(name):
            raise Refused(f"pgbackrest: {name} cannot be given", hint="it follows from `server`, `service` and `spool`")
        if not _LINE.fullmatch(value):
            raise Refused(f"pgbackrest: the value of {name} is not one line of text")
    return options


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "y" if value else "n"
    return value.reveal() if isinstance(value, Secret) else str(value)
