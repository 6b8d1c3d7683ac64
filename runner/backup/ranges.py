"""What runs on the target while it fetches one object in ranges: lanes, each of which writes where it is told to."""

from __future__ import annotations

from typing import Final

from runner.backup.curl import OPTIONS
from runner.hosts.contract import Script
from runner.repositories.receiving import PLAIN

# Orders: "fetch FIRST LAST", then lines for curl up to an empty one.
# Answers: "answer CURL-STATUS BYTES WHAT-CURL-SAID".
# dd copies nothing: it sets the position at which curl goes on writing, and where that is afterwards the kernel
# tells. A store that knows no ranges would write over the other lanes': curl does not even begin then.
_LANE: Final = f"""
umask 077
set -f
while read -r order first last; do
  lines=
  while IFS= read -r line && [ -n "$line" ]; do lines="$lines$line
"; done
  exec 3<>"$1" || exit
  if said=$(dd bs=1 seek="$first" count=0 conv=notrunc </dev/null 2>&1 >&3); then
    said=$(printf %s "$lines" | curl {OPTIONS} --fail --range "$first-$last" \\
      --max-filesize $((last - first + 1)) --output - 2>&1 >&3)
    status=$?
  else
    status=23
  fi
  read -r name place </proc/self/fdinfo/3 || exit
  exec 3>&-
  printf '%s ' answer "$status" $((place - first)) $said
  echo
done
"""


def lane(path: str) -> Script:
    """One that fetches ranges into the file `path`; reads orders on stdin and answers on stdout until stdin ends."""
    return Script(_LANE, (path,), env=PLAIN)
