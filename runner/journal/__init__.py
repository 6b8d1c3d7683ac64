"""The durable record of runs: every event in an SQLite database before its effect, read back by resume.

- `publish` returns only when the event is on disk (WAL, synchronous=FULL). If it cannot be written, it
  raises, and whoever published does not go on: an effect nobody can know of must not happen.
- Events published at the same time by several threads share one transaction.
- One process at a time has a run; the claim dies with the process, however it dies.
- The database and everything beside it can be read by its owner only.
"""

from runner.journal.codec import decode, encode
from runner.journal.journal import Journal, RunRecord, default_path

__all__ = ["Journal", "RunRecord", "decode", "default_path", "encode"]
