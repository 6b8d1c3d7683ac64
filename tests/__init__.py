"""Tests of SentraPlay; see tests/conftest.py for the real servers they can ask for."""
