"""What tasks can do: the table, the contract, and one file per module."""
