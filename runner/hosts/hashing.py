"""SHA-256 on a host, by the fastest program there is.

Where openssl is installed it uses the processor's own instructions, which the sha256sum of Debian 12 does not: whole
backups waited for that (tests/benchmarks/files.py). It is asked for a digest that is known before it is trusted.
"""

from __future__ import annotations

from typing import Final

from runner.hosts.contract import Script

SHA256: Final = """
case $(openssl dgst -sha256 -r </dev/null 2>/dev/null) in
  e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855*) sha256() { openssl dgst -sha256 -r; } ;;
  *) sha256() { sha256sum; } ;;
esac
"""
"""Stands before a script that calls `sha256`: that reads its input and prints the digest, 64 letters and a blank."""

IS_SHA256: Final = """
is_sha256() {
  case $(openssl dgst -sha256 -r <"$1" 2>/dev/null) in "$2 "*) return ;; esac
  case $(sha256sum <"$1") in "$2 "*) ;; *) return 1 ;; esac
}
"""
"""Stands before a script that calls `is_sha256 FILE DIGEST`. An openssl that gives the right digest needs no trust; one
that does not is not believed either."""


def sha256_of(path: str, **env: str) -> Script:
    """What prints the digest of a file, in 64 letters, then a blank."""
    return Script(f'{SHA256}sha256 <"$1"', (path,), env=env)


def sha256_of_input(**env: str) -> Script:
    """A member of a pipeline that reads everything and prints its digest, in 64 letters, then a blank."""
    return Script(f"{SHA256}sha256", env=env)
