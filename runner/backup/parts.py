"""What runs on the target while it sends a stream in parts: one cutter, and lanes that send.

They share a private directory: the cutter fills one file per part and says so; a lane sends it;
freeing a part puts the size of the next one into the fifo `slots`, which the cutter waits on. So at
most as many parts exist as sizes were given at the start, and producing, hashing and sending overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from runner.backup.curl import OPTIONS
from runner.hosts.contract import Command as HostCommand
from runner.hosts.contract import Host, Pipeline, Script, command
from runner.hosts.hashing import SHA256
from runner.hosts.splitting import SPLIT, split_into
from runner.repositories.receiving import PLAIN

_MEMORY: Final = "/dev/shm"
_DISK: Final = "/var/tmp"

# What is left there although all that could remove it was killed is taken after six hours without a
# change, longer than any part takes.
_HAS_ROOM: Final = Script("""
[ -d "$2" ] && [ -w "$2" ] || exit 3
find "$2" -maxdepth 1 -type d -name 'sentraplay-*' -user "$(id -un)" -mmin +360 -exec rm -rf -- {} + || :
set -- "$1" $(df -Pk "$2" | tail -n 1)
[ "$5" -gt "$1" ] || exit 3
""")

_CUT: Final = f"""{SHA256}{SPLIT}umask 077
cd -- "$1" || exit
md5_too=$2
shift 2
if [ "$md5_too" ]; then
  mkfifo -m 600 whole.too || exit
  md5sum <whole.too >whole.md5 &
  split_into whole.too <whole | sha256 >whole.sum &
else
  sha256 <whole >whole.sum &
fi
exec 3<>slots
for size; do echo "$size" >&3; done
number=0 total=0
while read -r size <&3; do
  number=$((number + 1))
  dd of="$number" bs=65536 count=$((size / 65536)) iflag=fullblock 2>dd.said || {{ cat dd.said >&2; exit 1; }}
  got=$(stat -c %s "$number") || exit
  total=$((total + got))
  if [ "$got" -eq 0 ] && [ "$number" -gt 1 ]; then number=$((number - 1)); break; fi
  {{
    md5=$(md5sum <"$number") && sha256=$(sha256 <"$number") || exit 1
    echo "part $number $got ${{md5%% *}} ${{sha256%% *}}"
  }} &
  [ "$got" -eq "$size" ] || break
done
wait
if [ "$md5_too" ]; then read -r md5 rest <whole.md5; else md5=-; fi
read -r sha256 rest <whole.sum && echo "end $number $total $sha256 $md5"
"""

# Orders: "send NUMBER", then lines for curl up to an empty one; "free NUMBER SIZE-OF-NEXT".
# Answers: "answer NUMBER HTTP-CODE CURL-STATUS ETAG CODE-OF-THE-STORE WHAT-CURL-SAID".
_LANE: Final = f"""
umask 077
cd -- "$1" || exit
exec 3<>slots
while read -r order number next; do
  if [ "$order" = free ]; then
    rm -f -- "$number" "$number".*
    echo "$next" >&3
    continue
  fi
  lines=
  while IFS= read -r line && [ -n "$line" ]; do lines="$lines$line
"; done
  code=$(printf %s "$lines" | curl {OPTIONS} --upload-file "$number" --dump-header "$number.head" \\
    --output "$number.body" --write-out '%{{http_code}}' 2>"$number.said")
  status=$?
  etag=$(sed -n 's/^[Ee][Tt][Aa][Gg]: *"\\{{0,1\\}}\\([^"[:space:]]*\\).*/\\1/p' "$number.head" 2>/dev/null | tail -n 1)
  said=$(sed -n 's/.*<Code>\\([A-Za-z]*\\)<.*/\\1/p' "$number.body" 2>/dev/null | tail -n 1)
  echo "answer $number $code $status ${{etag:--}} ${{said:--}} $(tr '\\n' ' ' <"$number.said")"
done
"""


@contextmanager
def workspace(host: Host, largest: int) -> Iterator[str]:
    """A private directory on the host with room for `largest` bytes; gone at the end, however it ends.

    In memory where there is enough of it: parts are written and read once.
    """
    asked = Script(_HAS_ROOM.text, (str(largest // 1024 * 5 // 4), _MEMORY), env=PLAIN)
    parent = _MEMORY if host.run(asked, check=False).ok else _DISK
    with host.private_directory(parent) as path:
        host.run(command("mkfifo", "-m", "600", f"{path}/slots", f"{path}/whole"))
        yield path


def cutter(
    producer: Sequence[HostCommand | Script], directory: str, sizes: Sequence[int], *, md5_too: bool = False
) -> Pipeline:
    """The producer's members, then those that hash the whole and cut it into parts, the first ones of `sizes` bytes.

    With `md5_too` the MD5 of the whole is taken as well, which costs another pass through memory.
    """
    whole = split_into(f"{directory}/whole", **PLAIN)
    cut = Script(_CUT, (directory, "yes" if md5_too else "", *map(str, sizes)), env=PLAIN)
    return Pipeline((*producer, whole, cut))


def lane(directory: str) -> Script:
    """One sender; reads orders on stdin and answers on stdout until its stdin ends."""
    return Script(_LANE, (directory,), env=PLAIN)
