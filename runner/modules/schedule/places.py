"""What of SentraPlay's jobs is on a host: found by its mark, so that nothing else is ever touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Script, command
from runner.modules.schedule.job import MARK, PREFIX, Files

Backend = Literal["systemd", "cron"]

_HAS: Final = Script("""
[ -d /run/systemd/system ] && command -v systemctl >/dev/null && { echo systemd; exit; }
[ -d /etc/cron.d ] && command -v flock >/dev/null && echo cron
:
""")

_LIST: Final = Script("""
cd / || exit
for file in etc/systemd/system/"$1"*.timer etc/cron.d/"$1"*; do
  [ -f "$file" ] && IFS= read -r line <"$file" && printf '%s\\t%s\\n' "/$file" "$line"
done
:
""")


@frozen
class Installed:
    """A job on a host, and who runs it."""

    name: str
    backend: Backend


def backend(reader: Reader, wanted: str) -> Backend:
    """Who is to run jobs there: systemd where it runs, else cron. TaskFailed if there is neither."""
    if wanted != "auto":
        return "systemd" if wanted == "systemd" else "cron"
    said = reader.query(_HAS).stdout.strip()
    if said not in ("systemd", "cron"):
        raise TaskFailed(
            f"{reader.name} runs neither systemd nor cron",
            why="nobody would start the job",
            hint="install the package cron, or name a `backend` that will run there",
        )
    return "systemd" if said == "systemd" else "cron"


def installed(reader: Reader) -> tuple[Installed, ...]:
    """Every job of SentraPlay on that host, by name."""
    found = []
    for line in reader.query(Script(_LIST.text, (PREFIX,))).stdout.splitlines():
        path, _, first = line.partition("\t")
        if first.startswith(MARK):
            kind: Backend = "systemd" if path.endswith(".timer") else "cron"
            found.append(Installed(first.removeprefix(MARK), kind))
    return tuple(sorted(found, key=lambda one: (one.name, one.backend)))


def paths_of(name: str, kind: Backend) -> tuple[str, ...]:
    """The files a job of that name has."""
    unit = f"{PREFIX}{name}"
    if kind == "cron":
        return (f"/etc/cron.d/{unit}",)
    base = f"/etc/systemd/system/{unit}"
    return (f"{base}.service", f"{base}-failed.service", f"{base}.timer")


def present(reader: Reader, paths: tuple[str, ...]) -> Mapping[str, str]:
    """What is in those of the files that are there; TaskFailed if one is not SentraPlay's."""
    found = {}
    for path in paths:
        if reader.stat(path) is None:
            continue
        found[path] = reader.read(path).decode("utf-8", "surrogateescape")
        if not found[path].startswith(MARK):
            raise TaskFailed(
                f"{path} is not SentraPlay's",
                where=reader.name,
                why="somebody else wrote it, and it may be needed",
                hint="choose another name for the job, or move the file away",
            )
    return found


def write(host: Host, files: Files) -> None:
    """Write them, each at once; cron and systemd read only files that nobody else may write."""
    import io

    for path, text in files.content.items():
        host.put(io.BytesIO(text.encode("utf-8", "surrogateescape")), path, mode=0o644)


def remove(host: Host, paths: tuple[str, ...]) -> None:
    host.run(command("rm", "-f", "--", *paths))
