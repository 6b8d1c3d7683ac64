"""A user's own SSH key, made on the host; the private half never leaves it."""

from __future__ import annotations

from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.modules.accounts.database import Account
from runner.modules.system.paths import act, ask

LOOK: Final = """
if [ ! -f "$1" ]; then exit 0; fi
ssh-keygen -l -f "$1" 2>/dev/null || echo
cat "$1.pub" 2>/dev/null || :
"""
# The private half takes its name last: while it is missing, there is no key. The user owns the directory, so
# what root does there must not be led elsewhere by a link.
MAKE: Final = """
file=$1 uid=$2 gid=$3 kind=$4 bits=$5 comment=$6
directory=${file%/*} new=$file.new.$$
umask 077
if [ -L "$directory" ]; then echo "$directory is a link" >&2; exit 1; fi
if [ ! -d "$directory" ]; then mkdir "$directory" && chown "$uid:$gid" "$directory" || exit 1; fi
trap 'rm -f "$new" "$new.pub"' EXIT
trap 'exit 1' HUP INT TERM
case $comment in *'$HOSTNAME'*) comment=${comment%%'$HOSTNAME'*}$(uname -n)${comment#*'$HOSTNAME'};; esac
ssh-keygen -q -t "$kind" ${bits:+-b "$bits"} -C "$comment" -N '' -f "$new" </dev/null || exit 1
chown -h "$uid:$gid" "$new" "$new.pub" && chmod 644 "$new.pub" || exit 1
mv -f "$new.pub" "$file.pub" && mv -f "$new" "$file"
"""


@frozen
class KeyWish:
    kind: str
    bits: int | None
    comment: str
    file: str | None
    force: bool

    def path(self, home: str) -> str:
        """Where the key is to be; relative to the home directory."""
        file = self.file or f".ssh/id_{self.kind}"
        return file if file.startswith("/") else f"{home}/{file}"


@frozen
class Key:
    fingerprint: str
    public: str


def look(reader: Reader, path: str) -> Key | None:
    """The key at that path, if there is one."""
    told = ask(reader, LOOK, path, doing=f"look at {path}").stdout
    if not told:
        return None
    fingerprint, _, public = told.partition("\n")
    return Key(fingerprint.strip(), public.strip())


def make(host: Host, wish: KeyWish, account: Account) -> None:
    """Make the key, and nothing if that fails."""
    path = wish.path(account.home)
    if not account.home.startswith("/"):
        raise TaskFailed(f"{account.name} has no home directory for an SSH key", hint="say `home`, or `ssh_key_file`")
    bits = "" if wish.bits is None else str(wish.bits)
    who = (str(account.uid), str(account.gid))
    act(host, MAKE, path, *who, wish.kind, bits, wish.comment, doing=f"make the SSH key {path}")
