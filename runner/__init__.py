"""SentraPlay: declarative backup, restore and disaster recovery for PostgreSQL services."""

__version__ = "0.1.0"
