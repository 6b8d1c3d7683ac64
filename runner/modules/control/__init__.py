"""Modules that steer a play; they ask no host anything."""
