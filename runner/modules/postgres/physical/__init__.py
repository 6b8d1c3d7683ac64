"""A whole cluster, file by file: its write-ahead log, base backups, and recovery to any point in time."""
