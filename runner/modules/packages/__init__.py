"""Packages: what is installed, and bringing it to what is wanted with the host's own package manager."""
