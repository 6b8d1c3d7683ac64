"""Modules for containers."""
