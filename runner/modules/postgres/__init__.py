"""Modules that work on PostgreSQL servers, natively or inside a compose service."""
