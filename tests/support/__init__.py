"""Real parts for the tests: servers that are started, broken and taken away again."""
