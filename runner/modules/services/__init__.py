"""Services: running or not, started with the host or not, by whatever manages them there."""
