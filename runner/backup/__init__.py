"""The domain: what a backup is, how it is made, found and brought back. Knows hosts and repositories by contract."""
