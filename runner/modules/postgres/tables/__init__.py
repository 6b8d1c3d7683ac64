"""Single tables brought back: what they look like, rows beside them, and the one transaction that merges."""
