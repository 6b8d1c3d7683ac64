"""Modules that make and bring back backups of files and images, and prove backups."""
