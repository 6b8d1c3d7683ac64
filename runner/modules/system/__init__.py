"""Modules for the machine itself: commands, files, ports and addresses."""
