"""One stream to two places on a host: into a file or a fifo, and on.

`tee` moves a few KiB at a time where a pipe could hold a MiB, and whole backups waited for it (measured with
tests/benchmarks/files.py and physical.py). Where there is perl, which Debian never goes without, that does it.
"""

from __future__ import annotations

from typing import Final

from runner.hosts.contract import Script

# 1031 is Linux's F_SETPIPE_SZ; what is no pipe, and other systems, refuse it, and nothing depends on it.
_BY_PERL: Final = """
$SIG{PIPE} = "IGNORE";
sub failed { print STDERR "$_[0]: $!\\n"; exit 1 }
open(my $file, ">", $ARGV[0]) or failed($ARGV[0]);
for my $end (\\*STDIN, \\*STDOUT, $file) { binmode($end); fcntl($end, 1031, 1048576) }
while (1) {
  my $size = sysread(STDIN, my $block, 1048576);
  failed("standard input") unless defined $size;
  last unless $size;
  for my $out ([$file, $ARGV[0]], [\\*STDOUT, "standard output"]) {
    for (my $done = 0; $done < $size;) {
      my $more = syswrite($out->[0], $block, $size - $done, $done);
      failed($out->[1]) unless defined $more;
      $done += $more;
    }
  }
}
close($file) or failed($ARGV[0]);
"""

# tee of GNU stops at the first failed write only when told to, and would read on for hours after the
# disk is full; other tees do not know the option.
SPLIT: Final = f"""
split_into() {{
  if [ "$(perl -e 'print 6 * 7' 2>/dev/null)" = 42 ]
  then perl -e '{_BY_PERL}' "$1"
  elif tee --output-error=exit /dev/null </dev/null >/dev/null 2>&1
  then tee --output-error=exit "$1"
  else tee "$1"
  fi
}}
"""
"""Stands before a script that calls `split_into PATH`: that writes what it reads to PATH and passes it on. If either
cannot be written it ends with another status than 0 and says what broke; at once, but for the tee of busybox."""


def split_into(path: str, **env: str) -> Script:
    """A member of a pipeline that writes what it reads to the absolute `path` and passes it on."""
    return Script(f'{SPLIT}split_into "$1"', (path,), env=env)
