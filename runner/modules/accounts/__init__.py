"""Users and groups of a host."""
